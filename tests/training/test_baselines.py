"""What counting reaches, against the equations of Chen and Goodman (1999), target by target."""

import dataclasses
import json
import math

import numpy as np
import pytest

import novelgen
from novelgen.config import Config
from novelgen.training import baselines
from novelgen.training.baselines import (
    NAMES,
    Baselines,
    final_note,
    measure_baselines,
    standing_note,
)
from novelgen.training.run_directory import RunDirectory
from tests.models.ngram_reference import Reference

BPC = {"unigram": 9.0, "bigram": 7.0, "trigram": 6.5}


@pytest.fixture
def parts(workshop):
    return {"train": workshop.train, "valid": workshop.valid, "test": workshop.valid.sample(7)}


def targets(pairs):
    ends = pairs.target_starts + pairs.target_lengths
    return [
        pairs.target_ids[start:end].tolist()
        for start, end in zip(pairs.target_starts, ends, strict=True)
    ]


def test_the_figures_are_those_of_the_equations_per_character(workshop, parts):
    size = workshop.tokenizer.size
    found = measure_baselines(parts, size)
    for order, name in enumerate(NAMES, 1):
        reference = Reference(targets(workshop.train), order, size)
        for part in ("valid", "test"):
            bits = 0.0
            for target in targets(parts[part]):
                padded = (1,) * (order - 1) + tuple(target)
                for at, token in enumerate(target):
                    context = padded[at : at + order - 1]
                    bits -= math.log2(reference.probability(context, token))
            # The end of each target is predicted, and is no character.
            characters = int(parts[part].target_characters.sum())
            assert found.by_part[name][part] == pytest.approx(bits / characters, rel=1e-5)
    assert json.loads(json.dumps(found.record())) == {"baselines": found.by_part}


def test_a_validation_of_a_sample_is_compared_on_its_own_pairs(workshop, parts, monkeypatch):
    whole = measure_baselines(parts, workshop.tokenizer.size)
    sample = workshop.valid.sample(5)
    alone = measure_baselines({**parts, "valid": sample}, workshop.tokenizer.size)
    expected = {name: alone.by_part[name]["valid"] for name in NAMES}
    assert whole.of_sample(5) == pytest.approx(expected)
    assert whole.of_sample(10**6) == pytest.approx({n: whole.by_part[n]["valid"] for n in NAMES})
    # So is it where the part itself is too large to be measured whole.
    tokens = int(workshop.valid.target_lengths.sum())
    monkeypatch.setattr(baselines, "MOST_MEASURED", tokens // 2)
    half = measure_baselines(parts, workshop.tokenizer.size)
    assert half.is_sample
    assert not whole.is_sample
    assert half.of_sample(5) == pytest.approx(expected)


def test_words_say_where_a_network_stands():
    assert [standing_note(bpc, BPC) for bpc in (9.5, 8.0, 6.8, 6.0, math.nan)] == [
        "behind the unigram",
        "better than the unigram, behind the bigram",
        "better than the bigram, behind the trigram",
        "better than the trigram",
        "behind the unigram",
    ]


def test_the_end_tells_since_when_the_best_weights_are_better():
    names = ([], ["unigram", "bigram"], list(NAMES), list(NAMES), ["unigram"])
    records = [
        {"step": 300 * number, "validation_bpc": bpc, "better_than": better}
        for number, (bpc, better) in enumerate(zip((9.5, 6.8, 6.4, 6.1, 8.0), names, strict=True))
    ]
    assert final_note([{"step": 1, "loss": 2.0}, *records]) == (
        "better than the trigram since step 600"
    )
    assert "train longer" in final_note(records[:1])
    assert final_note([{"step": 1, "validation_bpc": 3.0}]) == ""


def test_a_trainer_says_at_each_validation_where_it_stands(workshop, parts, capsys):
    found = measure_baselines(parts, workshop.tokenizer.size)
    # All of one BPC that no network of 5 steps reaches, and that every one does.
    for bits, words in ((0.0, "behind the unigram"), (99.0, "better than the trigram")):
        nll = {name: bits * math.log(2) * found.characters for name in NAMES}
        fixed = dataclasses.replace(found, nll=nll)
        trainer = workshop.trainer(max_steps=5, baselines=fixed)
        trainer.fit()
        assert words in capsys.readouterr().out
        lines = trainer.run.metrics.read_text().splitlines()
        (record,) = [json.loads(line) for line in lines if "better_than" in line]
        assert record["better_than"] == (list(NAMES) if bits else [])


def test_every_target_counts_once(workshop, parts):
    found = measure_baselines(parts, workshop.tokenizer.size)
    assert sorted(found.places) == list(range(len(workshop.valid)))
    assert not any(np.isnan(nll).any() for nll in found.nll.values())


@pytest.mark.slow
def test_a_run_of_before_gets_its_baselines_when_it_is_resumed(novel, tmp_path):
    sizes = {"embedding_size": 8, "decoder_size": 8, "device": "cpu", "init": "none"}
    novelgen.train(novel, tmp_path / "run", "tiny", max_steps=2, verbose=False, **sizes)
    path = tmp_path / "run" / "config.json"
    info = json.loads(path.read_text(encoding="utf-8"))
    found = info.pop("baselines")
    (tmp_path / "run" / "baselines.safetensors").unlink()
    assert all(set(parts) == {"valid", "test"} for parts in found.values())
    path.write_text(json.dumps(info), encoding="utf-8")
    novelgen.resume(tmp_path / "run", max_steps=3, verbose=False)
    resumed = json.loads(path.read_text(encoding="utf-8"))
    assert resumed["baselines"] == found
    assert resumed["config"]["training"]["max_steps"] == 3


def test_what_a_run_keeps_is_what_was_measured(workshop, parts, tmp_path):
    found = measure_baselines(parts, workshop.tokenizer.size)
    run = RunDirectory(tmp_path)
    assert run.load_baselines() is None
    run.save_info({"config": Config().to_dict()}, workshop.tokenizer)
    run.save_baselines(found.record(), found.nll)
    kept = Baselines.kept(run.load_info(), run.load_baselines(), parts["valid"])
    assert kept.by_part == found.by_part
    assert kept.of_sample(5) == found.of_sample(5)
    assert kept.describe() == found.describe()
