import json
import os

import pytest

from novelgen.config import ModelConfig
from novelgen.errors import CheckpointError
from novelgen.i18n import use_language
from novelgen.report.card import UNKNOWN, architecture, card
from novelgen.training.run_directory import RunDirectory


@pytest.fixture
def run(make_run, tmp_path):
    return RunDirectory(make_run(tmp_path / "run"))


def write(run, **facts):
    path = run.path / "config.json"
    path.write_text(
        json.dumps({**json.loads(path.read_text(encoding="utf-8")), **facts}), encoding="utf-8"
    )


def test_a_card_tells_what_the_run_is(run, toy):
    write(
        run,
        corpus=["../../novels/红楼梦.txt"],
        parameters=1234567,
        best={"step": 2100, "validation_bpc": 5.78912, "is_sample": True},
    )
    os.utime(run.path / "model.safetensors", (1_700_000_000, 1_700_000_000))
    found = card(run)
    assert (found.corpus, found.parameters, found.steps, found.validation_bpc) == (
        "红楼梦.txt",
        "1,234,567",
        "2,100",
        "5.789 (of a sample)",
    )
    assert found.vocabulary == f"{toy.tokenizer.size:,}"
    assert "characters" in found.tokenizer
    assert "bahdanau" in found.architecture
    assert found.date.startswith("2023-11-1")


def test_of_many_files_some_are_named_and_all_counted(run):
    write(run, corpus=[f"/home/somebody/{number}.txt" for number in range(2000)])
    assert card(run).corpus == "0.txt, 1.txt, 2.txt … (2,000 files in all)"
    # Of a store that was made of dropped files, without the digits of its identity.
    write(run, corpus=["/runs/.stores/小书-d1cada95e219"])
    assert card(run).corpus == "小书"


@pytest.mark.parametrize(
    "facts",
    [
        {"corpus": None},
        {"corpus": "novel.txt", "parameters": "many", "best": [1]},
        {"corpus": [], "parameters": True, "best": {"step": None, "validation_bpc": float("nan")}},
        {"corpus": 5, "parameters": 10**400, "best": {"step": -(10**400), "validation_bpc": 1e300}},
    ],
)
def test_what_a_strangers_run_does_not_tell_is_a_dash(run, facts):
    write(run, **facts)
    found = card(run)
    assert (found.corpus, found.parameters, found.steps, found.validation_bpc) == (UNKNOWN,) * 4


def test_a_model_that_comes_without_its_corpus_says_so(run):
    write(run)
    assert card(run).corpus == "did not come with the model"


def test_the_weight_of_an_ngram_model_is_told_where_there_is_one(run):
    assert card(run).ngram_weight == UNKNOWN
    write(run, ngram={"order": 3, "weight": 0.25})
    assert card(run).ngram_weight == "0.25"


def test_a_damaged_run_has_no_card(run):
    (run.path / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"config\.json"):
        card(run)


@pytest.mark.parametrize(
    "facts", [{"decoder_layers": "two"}, {"encoder_layers": [2]}, {"model": {}}]
)
def test_a_model_that_cannot_be_has_no_card(run, facts):
    info = json.loads((run.path / "config.json").read_text(encoding="utf-8"))
    write(run, config={**info["config"], "model": {**info["config"]["model"], **facts}})
    with pytest.raises(CheckpointError, match=r"config\.json"):
        card(run)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"format": ' + "1" * 5000 + "}",
        '{"format": "x"}',
        "[1]",
        "\x00",
        '{"config": 5}',
    ],
)
def test_what_is_no_configuration_has_no_card(run, text):
    (run.path / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"config\.json"):
        card(run)


def test_a_name_without_end_is_cut(run):
    write(run, corpus=["a" * 10_000])
    assert card(run).corpus == "a" * 80


def test_layers_are_counted_where_there_are_several():
    text = architecture(
        ModelConfig(
            encoder_size=32, encoder_layers=3, decoder_size=64, attention_size=16, embedding_size=8
        )
    )
    assert all(
        part in text for part in ("2×32, 3 layers", "decoder 64;", "attention 16", "embeddings 8")
    )


@pytest.mark.parametrize(
    ("model", "shown", "hidden"),
    [
        ("bahdanau", ("bidirectional", "additive attention", "LSTM"), ("copy", "every step")),
        ("luong", ("general attention",), ("bidirectional",)),
        ("cho", ("GRU", "at every step"), ("attention",)),
        ("sutskever", ("reversed", "4 layers"), ("attention",)),
        ("seq2seq", ("encoder",), ("attention", "reversed")),
        ("lm", ("decoder",), ("encoder",)),
        ("transformer", ("Transformer encoder",), ("LSTM",)),
    ],
)
def test_every_variant_shows_its_own_parts(model, shown, hidden):
    text = architecture(ModelConfig(model=model))
    assert text.startswith(f"{model}: ")
    assert all(part in text for part in shown)
    assert not any(part in text for part in hidden)


def test_what_is_added_to_the_attention_is_named():
    assert "+ coverage + copy" in architecture(ModelConfig(coverage=True, copy=True))


def test_the_score_has_a_name_in_chinese():
    with use_language("zh"):
        text = architecture(ModelConfig())
    assert "加性注意力 256" in text
