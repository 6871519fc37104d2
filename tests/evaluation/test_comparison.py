import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from novelgen.config import Config
from novelgen.data.novel import Novel
from novelgen.data.pairs import Pairs
from novelgen.data.prepare import open_or_build
from novelgen.evaluation.comparison import (
    LengthClass,
    Result,
    ValidationPoint,
    curve,
    measure_by_length,
    prompts_of,
    speed,
)
from novelgen.models.build import build_model

# Of 1, 10, 11, 22, 1 and 25 characters.
SOURCES = [
    "我",
    "我说你去来好不好宝玉",
    "我说你去来好不好宝玉笑",
    ["宝玉" * 5, "黛玉" * 6],
    "龘",
    "天" * 25,
]


def bits(model, pair, tokenizer):
    """−log₂ p of one target and its end, from the logits of a pair that is alone."""
    batch = Pairs.from_texts([pair], tokenizer).batch([0])
    source, lengths, target = (
        torch.from_numpy(part) for part in (batch.source, batch.source_lengths, batch.target)
    )
    logits, _ = model.unroll(target, *model.start(source, lengths))
    return cross_entropy(logits[0].double(), target[0], reduction="sum").item() / math.log(2)


def test_bpc_by_length_is_that_of_each_pair_computed_alone(toy):
    torch.manual_seed(1)
    model = build_model(
        Config().replace(embedding_size=8, decoder_size=16).model, toy.tokenizer.size
    ).eval()
    texts = [(source, "笑道：“" + "来" * number) for number, source in enumerate(SOURCES, 1)]
    lengths = np.array([len("".join(source)) for source, _ in texts])
    pairs = Pairs.from_texts(texts, toy.tokenizer)
    total, classes = measure_by_length(model, pairs, lengths, 1000, torch.device("cpu"))
    assert [(found.label, found.pairs) for found in classes] == [
        ("1–10", 3),
        ("11–20", 1),
        ("21–40", 2),
    ]
    with torch.no_grad():
        for found, members in zip(classes, ([0, 1, 4], [2], [3, 5]), strict=True):
            characters = sum(len(texts[member][1]) for member in members)
            expected = (
                sum(bits(model, texts[member], toy.tokenizer) for member in members) / characters
            )
            assert found.characters == characters
            assert found.bpc == pytest.approx(expected, rel=1e-5)
        everything = sum(bits(model, pair, toy.tokenizer) for pair in texts) / sum(
            len(target) for _, target in texts
        )
    assert total.bits_per_character == pytest.approx(everything, rel=1e-5)


def test_the_longest_class_is_open():
    assert LengthClass(401, None, 1, 1, 2.0).label == "≥ 401"


RECORDS = [
    {"step": 1, "loss": 1.0, "characters": 100, "seconds": 0.0},
    {"step": 2, "loss": 1.0, "characters": 300, "seconds": 1.0},
    {"step": 2, "validation_bpc": 8.0, "seconds": 2.0},  # looked at for 10 seconds
    {"step": 3, "loss": 1.0, "characters": 400, "seconds": 12.0},
    {"step": 3, "validation_bpc": math.nan, "seconds": 14.0},
]


def test_speed_leaves_validations_out():
    assert speed(RECORDS) == 400 / (1 + 1 + 2)
    assert speed([]) is None
    assert speed(RECORDS[:1]) is None


def test_a_curve_tells_what_was_spent_by_each_validation():
    assert curve(RECORDS) == [ValidationPoint(2 / 60, 300, 8.0)]


def test_a_result_comes_back_from_json():
    result = Result(
        "a",
        "lm",
        "word",
        1,
        test_bpc=1.5,
        by_length=[LengthClass(1, 10, 2, 3, 4.0)],
        curve=[ValidationPoint(1.0, 2, 3.0)],
    )
    assert Result.from_dict(json.loads(json.dumps(dataclasses.asdict(result)))) == result


def test_prompts_are_held_out_and_the_same_for_both_tokenizers(novel, tmp_path):
    config = Config()
    stores = [
        open_or_build(
            [novel], config.text, config.replace(tokenizer=tokenizer).data, tmp_path / "stores"
        )
        for tokenizer in ("char", "word")
    ]
    (prompts, again), (held_out, train) = (
        [prompts_of(Novel(store)) for store in stores],
        [set(stores[0].texts(part)) for part in ("test", "train")],
    )
    assert prompts == again
    assert len(set(prompts)) == 3
    assert set(prompts) <= held_out
    assert not set(prompts) & train
    assert (stores[0].parts == stores[1].parts).all()
    assert (stores[0].chapters == stores[1].chapters).all()
