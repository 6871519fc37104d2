from pathlib import Path

import pytest

from novelgen.api.processes import is_first_process, reported_once
from novelgen.api.request import (
    apply_budget,
    apply_options,
    as_paths,
    check_resumable,
    check_same_corpus,
    chosen_options,
)
from novelgen.api.training import default_output
from novelgen.config import Config
from novelgen.errors import ConfigError


def test_a_path_or_several_are_a_list():
    assert as_paths(None) == []
    assert as_paths("a.txt") == as_paths(Path("a.txt")) == [Path("a.txt")]
    assert as_paths(["a.txt", Path("b")]) == [Path("a.txt"), Path("b")]


def test_one_budget_replaces_all_others():
    config = Config().replace(max_minutes=20, epochs=3, seed=5)
    training = apply_budget(config, {"max_steps": 7}).training
    assert (training.max_steps, training.epochs, training.max_minutes) == (7, None, None)
    assert training.seed == 5
    # Another option leaves the budget alone.
    assert apply_budget(config, {"seed": 6}).training.max_minutes == 20


def test_a_variant_that_is_named_brings_its_own_parts():
    gru = Config().replace(cell="gru")
    assert apply_options(gru, {}).model.cell == "gru"
    assert apply_options(gru, {"model": "sutskever"}).model.cell == "lstm"


def test_what_belongs_to_a_run_cannot_change_when_it_goes_on():
    check_resumable(["max_steps", "patience", "device"])
    with pytest.raises(ConfigError, match=r"--seed, --dropout belong to the run"):
        check_resumable(["max_steps", "seed", "dropout"])


def test_a_run_goes_on_with_its_own_corpus(tmp_path):
    info = {"config": Config(), "corpus": ["../a.txt"]}
    directory = tmp_path / "run"
    check_same_corpus([], None, directory, info)
    check_same_corpus([tmp_path / "a.txt"], None, directory, info)
    with pytest.raises(ConfigError, match=r"trained on .*a\.txt, not on .*b\.txt"):
        check_same_corpus([tmp_path / "b.txt"], None, directory, info)


def test_a_run_lies_in_a_folder_of_the_corpus_name():
    assert default_output([Path("novels/river.txt")]) == Path("checkpoints/river")


@pytest.mark.parametrize(
    ("size", "rank", "is_first"),
    [(None, None, True), ("2", "0", True), ("2", "1", False), (None, "1", True), ("1", "1", True)],
)
def test_of_several_processes_the_first_prints(monkeypatch, size, rank, is_first):
    for name, value in (("WORLD_SIZE", size), ("RANK", rank)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert is_first_process() is is_first


def test_what_every_process_finds_wrong_is_reported_by_the_first(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, expected, waits in (("0", ConfigError, []), ("1", SystemExit, [60.0])):
        monkeypatch.setenv("RANK", rank)
        waited = []
        with pytest.raises(expected), reported_once(waited.append):
            raise ConfigError("wrong")
        # torchrun ends all when the first has exited: that must be the one that reports.
        assert waited == waits


def test_the_corpus_or_the_pairs_are_named_again_not_both(tmp_path):
    with pytest.raises(ConfigError, match="--corpus, --pairs"):
        check_same_corpus([tmp_path], "a.tsv", tmp_path, {"config": Config(), "corpus": ["."]})


def test_options_of_a_configuration_count_as_chosen():
    assert chosen_options(Config(), {"min_count": 2}) == {"min_count"}
    config = Config().replace(simplify=True, tokenizer="word")
    assert chosen_options(config, {}) == {"simplify", "tokenizer"}
