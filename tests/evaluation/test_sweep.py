import json

import pytest

from novelgen.data.passages import PassageIndex
from novelgen.errors import ConfigError
from novelgen.evaluation.sweep import Setting, SweepRow, product, sweep
from novelgen.evaluation.text import copied
from novelgen.evaluation.writing import measure

TEXTS = [("宝玉笑道：“我来了。”", "黛玉说不好。"), ("贾母笑了。", "凤姐来了，说好。")]
GREEDY = Setting("greedy", {"decoder": "greedy"})


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        ({}, ["sample"]),
        ({"temperature": 0.5}, ["sample"]),
        ({"temperature": [0.5, 1.0]}, ["sample temperature 0.5", "sample temperature 1"]),
        ({"beam_size": [1, 5], "top_p": 0.9}, ["sample", "beam 1", "beam 5"]),
        ({"decoder": ["greedy", "beam"], "beam_size": [3, 5]}, ["greedy", "beam 3", "beam 5"]),
        (
            {"top_k": [0, 5], "temperature": [0.5, 1.0]},
            [f"sample top-k {k} temperature {t}" for k in (0, 5) for t in (0.5, 1)],
        ),
    ],
)
def test_a_sweep_is_the_product_of_what_acts_on_each_decoder(options, labels):
    settings = product(options)
    assert [setting.label for setting in settings] == labels
    for setting in settings:
        if setting.options["decoder"] == "beam":
            assert "top_p" not in setting.options


def test_every_text_is_that_of_its_prompt_and_seed_alone_whatever_else_is_asked_for(toy):
    generator = toy.generator(seed=3)
    settings = product({"temperature": [0.5, 1.5], "beam_size": [2], "max_length": 20})
    training = PassageIndex.build(["没有关系的一行", "宝玉黛玉"])
    told = []
    rows = list(
        sweep(generator, TEXTS, settings, training, seed=7, on_text=lambda *n: told.append(n))
    )
    assert told == [(count, 6) for count in range(1, 7)]
    for setting, row in zip(settings, rows, strict=True):
        alone = [
            generator.generate(source, seed=7 + place, **setting.options)
            for place, (source, _) in enumerate(TEXTS)
        ]
        assert [text.text for text in row.texts] == [each.text for each in alone]
        truth = [target for _, target in TEXTS]
        share = copied([each.text for each in alone], training)
        assert row.measures == measure(alone, truth, share)
        assert row.options["repetition_penalty"] == 1.1
        assert [row] == list(sweep(generator, TEXTS, [setting], training, seed=7))


def test_a_row_comes_when_its_setting_is_done_and_survives_json(toy):
    asked = []
    rows = sweep(toy.generator(), TEXTS, [GREEDY, *product({})], on_text=lambda *n: asked.append(n))
    row = next(rows)
    assert asked == [(1, 4), (2, 4)]
    assert row.measures.copied_8grams is None
    assert SweepRow.from_dict(json.loads(json.dumps(row.to_dict()))) == row


def test_a_wrong_setting_is_refused_before_anything_is_written(toy):
    with pytest.raises(ConfigError, match="top_m"):
        sweep(toy.generator(), TEXTS, [GREEDY, Setting("x", {"top_m": 1})])
