"""The race: everybody trains on the same batches, beside the machine's own peak."""

import json

import numpy as np
import pytest
import torch

from benchmarks import tables, training_speed
from benchmarks.peers.contestants import Ours, Race
from novelgen.config import Config
from novelgen.data.pairs import Pairs
from novelgen.models.zoo import resolve
from novelgen.text.tokenizers import Tokenizer

TEXTS = [("一加一得几", "得二。"), ("二加三得几", "得五。")]
SIZES = {"embedding_size": 8, "encoder_size": 8, "decoder_size": 16, "attention_size": 8}


@pytest.fixture
def race() -> Race:
    characters = {character for pair in TEXTS for text in pair for character in text}
    tokenizer = Tokenizer(sorted(characters))
    config = Config().replace(precision="float32", dropout=0.0, **SIZES)
    config = config.replace(**vars(resolve(config.model)))
    pairs = Pairs.from_texts(TEXTS, tokenizer)
    return Race(config, tokenizer.size, pairs, [np.arange(2)], torch.device("cpu"), 1)


def measured(race: Race, monkeypatch) -> dict:
    """What the results file holds of a race of novelgen alone."""
    monkeypatch.setitem(training_speed.PEAK_SIZE, "cpu", 8)
    contestants = {"novelgen": Ours(race)}
    found = training_speed.measure(race, contestants, blocks=1)
    return training_speed.summarize(race, contestants, *found)


def test_novelgen_trains_on_the_given_batches(race):
    ours = Ours(race)
    assert ours.run(3) > 0
    assert ours.precision == "float32"


def test_share_of_peak_is_of_the_precision_that_was_used(race, monkeypatch):
    monkeypatch.setattr(training_speed, "supports_bfloat16", lambda device: True)
    result = measured(race, monkeypatch)
    gflops = result["product_gflop_per_block"] / result["contestants"]["novelgen"]["seconds"][0]
    assert result["precision"] == "float32"
    peaks = result["matrix_peak_gflops"]
    assert result["share_of_peak"] == pytest.approx(gflops / peaks["float32"])
    assert peaks["bfloat16"] > 0


def test_bfloat16_is_not_multiplied_where_the_cpu_cannot(race, monkeypatch, capsys):
    asked = []

    def matrix_peak(device, dtype, size):
        asked.append(dtype)
        return 1e9

    monkeypatch.setattr(training_speed, "supports_bfloat16", lambda device: False)
    monkeypatch.setattr(training_speed, "matrix_peak", matrix_peak)
    result = json.loads(json.dumps(measured(race, monkeypatch)))
    assert set(asked) == {torch.float32}
    assert result["matrix_peak_gflops"]["bfloat16"] is None
    training_speed.show(result)
    assert "bfloat16: not on this CPU" in capsys.readouterr().out
    assert "measured float32 peak (1 GFLOP/s)" in tables.training(result)[-1]
