import os
import threading
import time
from pathlib import Path

import pytest

from novelgen.errors import CheckpointError
from novelgen.web.services.model_registry import BASE, ModelRegistry

PROMPT = "宝玉笑道：“我来了。”"


@pytest.fixture
def folder(make_run, tmp_path):
    """Three runs, "old", "middle" and "new", and things that are none."""
    for age, name in enumerate(["new", "middle", "old"]):
        weights = make_run(tmp_path / name, seed=age) / "model.safetensors"
        os.utime(weights, (1_000_000 - age, 1_000_000 - age))
    (tmp_path / ".stores").mkdir()
    (tmp_path / "README.md").write_text("no run")
    (make_run(tmp_path / "unborn") / "model.safetensors").unlink()
    return tmp_path


def test_runs_that_can_write_are_listed_newest_first(folder):
    assert list(ModelRegistry(folder).runs()) == ["new", "middle", "old"]


def test_nothing_is_there_to_begin_with(tmp_path):
    registry = ModelRegistry(tmp_path / "nowhere")
    assert registry.runs() == {}
    assert registry.newest() is None


def test_the_newest_run_that_opens_is_taken(folder):
    registry = ModelRegistry(folder)
    assert registry.newest() == "new"
    (folder / "new" / "tokenizer.json").write_text("{")
    (folder / "middle" / "model.safetensors").write_bytes(b"junk")
    assert ModelRegistry(folder).newest() == "old"


def test_the_chosen_run_comes_first_wherever_it_lies(folder, make_run, tmp_path_factory):
    elsewhere = make_run(tmp_path_factory.mktemp("elsewhere") / "run")
    registry = ModelRegistry(folder, elsewhere)
    assert list(registry.runs()) == ["run", "new", "middle", "old"]
    assert registry.newest() == "run"
    assert registry.run("run").path == elsewhere
    assert list(ModelRegistry(folder, folder / "old").runs()) == ["old", "new", "middle"]


def test_a_chosen_run_keeps_its_name_and_another_of_that_name_is_numbered(
    folder, make_run, tmp_path_factory
):
    elsewhere = make_run(tmp_path_factory.mktemp("elsewhere") / "middle")
    registry = ModelRegistry(folder, elsewhere)
    assert list(registry.runs()) == ["middle", "new", "middle (2)", "old"]
    assert (registry.run("middle").path, registry.run("middle (2)").path) == (
        elsewhere,
        folder / "middle",
    )
    make_run(folder / "middle (2)")
    assert registry.run("middle (3)").path == folder / "middle"
    assert registry.run("middle (2)").path == folder / "middle (2)"


def test_the_base_model_comes_last_and_writes_where_nothing_is_trained(
    folder, make_run, tmp_path_factory
):
    base = make_run(tmp_path_factory.mktemp("shipped") / "base")
    registry = ModelRegistry(folder / "nowhere", base=base)
    assert (list(registry.runs()), registry.newest()) == ([BASE], BASE)
    assert registry.run(BASE).path == base
    # A run of one's own wins, also one with the same folder's name.
    make_run(folder / "base")
    registry = ModelRegistry(folder, base=base)
    assert list(registry.runs()) == ["base", "new", "middle", "old", BASE]
    assert registry.newest() == "base"
    # Where nothing else opens it is the one to begin with; where it does not open there is none.
    assert ModelRegistry(folder / "nowhere", base=folder / "unborn").newest() is None


def test_a_base_model_in_the_folder_is_there_once(folder):
    registry = ModelRegistry(folder, base=folder / "new")
    assert list(registry.runs()) == ["middle", "old", BASE]
    registry = ModelRegistry(folder, folder / "new", base=folder / "new")
    assert list(registry.runs()) == [BASE, "middle", "old"]


def test_a_link_goes_by_its_own_name(folder, make_run, tmp_path_factory, monkeypatch):
    elsewhere = make_run(tmp_path_factory.mktemp("elsewhere") / "run")
    (folder / "link").symlink_to(elsewhere)
    assert "link" in ModelRegistry(folder).runs()
    monkeypatch.chdir(elsewhere)
    assert list(ModelRegistry(folder, Path()).runs()) == ["run", "new", "middle", "old"]


def test_runs_in_training_are_known_until_they_can_write_or_have_gone_silent(folder, make_run):
    registry = ModelRegistry(folder)
    assert list(registry.in_training()) == ["unborn"]
    run = make_run(folder / "later")
    (run / "model.safetensors").rename(folder / "weights")
    (run / "metrics.jsonl").write_text("")
    late = time.time() + 5
    os.utime(run / "metrics.jsonl", (late, late))
    assert list(registry.in_training()) == ["later", "unborn"]
    assert "later" not in registry.runs()
    os.utime(folder / "unborn", (1_000_000, 1_000_000))
    assert list(registry.in_training()) == ["later"]
    (folder / "weights").rename(run / "model.safetensors")
    assert not registry.in_training()
    assert "later" in registry.runs()
    assert ModelRegistry(folder / "nowhere").in_training() == {}


def test_a_chosen_run_that_is_damaged_or_missing_is_refused(folder):
    with pytest.raises(CheckpointError, match="nothing-here"):
        ModelRegistry(folder, folder / "nothing-here")
    (folder / "new" / "model.safetensors").write_bytes(b"junk")
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        ModelRegistry(folder, folder / "new")


@pytest.mark.parametrize("name", ["..", "../other", "unborn", ".stores", "/etc", "README.md"])
def test_only_registered_runs_can_be_named(folder, name):
    with pytest.raises(CheckpointError, match="no such trained model"):
        ModelRegistry(folder).generator(name)


@pytest.mark.parametrize("name", [None, ""])
def test_without_a_name_the_message_names_none(folder, name):
    with pytest.raises(CheckpointError, match=r"^no trained model yet"):
        ModelRegistry(folder).generator(name)


def test_a_model_is_loaded_once_for_all_visitors(folder):
    registry, found = ModelRegistry(folder), []
    threads = [
        threading.Thread(target=lambda: found.append(registry.generator("new"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_new_weights_of_a_run_are_noticed(folder, make_run):
    registry = ModelRegistry(folder)
    before = registry.generator("new").generate(PROMPT, seed=1).paragraphs[0].log_probabilities
    make_run(folder / "new", seed=77)
    after = registry.generator("new").generate(PROMPT, seed=1).paragraphs[0].log_probabilities
    assert before != after


def test_an_ngram_model_that_was_counted_later_is_noticed(folder):
    registry = ModelRegistry(folder)
    before = registry.generator("new")
    (folder / "new" / "ngram.safetensors").write_bytes(b"")
    assert registry.generator("new") is not before


def test_models_that_are_long_unused_leave_the_memory(folder):
    registry = ModelRegistry(folder, max_loaded=2)
    first, second = registry.generator("new"), registry.generator("middle")
    registry.generator("new")
    registry.generator("old")
    assert registry.generator("new") is first
    assert registry.generator("middle") is not second
