import os
import threading
import time
from pathlib import Path

import pytest

from novelgen.errors import CheckpointError
from novelgen.web import model_registry
from novelgen.web.model_registry import ModelRegistry

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
    shelf = ModelRegistry(tmp_path / "nowhere")
    assert shelf.runs() == {}
    assert shelf.newest() is None


def test_the_newest_run_that_opens_is_taken(folder):
    shelf = ModelRegistry(folder)
    assert shelf.newest() == "new"
    (folder / "new" / "tokenizer.json").write_text("{")
    (folder / "middle" / "model.safetensors").write_bytes(b"junk")
    assert ModelRegistry(folder).newest() == "old"


def test_the_chosen_run_comes_first_wherever_it_lies(folder, make_run, tmp_path_factory):
    elsewhere = make_run(tmp_path_factory.mktemp("elsewhere") / "run")
    shelf = ModelRegistry(folder, elsewhere)
    assert list(shelf.runs()) == ["run", "new", "middle", "old"]
    assert shelf.newest() == "run"
    assert shelf.run("run").path == elsewhere
    assert list(ModelRegistry(folder, folder / "old").runs()) == ["old", "new", "middle"]


def test_a_chosen_run_keeps_its_name_and_another_of_that_name_is_numbered(
    folder, make_run, tmp_path_factory
):
    elsewhere = make_run(tmp_path_factory.mktemp("elsewhere") / "middle")
    shelf = ModelRegistry(folder, elsewhere)
    assert list(shelf.runs()) == ["middle", "new", "middle (2)", "old"]
    assert (shelf.run("middle").path, shelf.run("middle (2)").path) == (
        elsewhere,
        folder / "middle",
    )
    make_run(folder / "middle (2)")
    assert shelf.run("middle (3)").path == folder / "middle"
    assert shelf.run("middle (2)").path == folder / "middle (2)"


def test_a_link_goes_by_its_own_name(folder, make_run, tmp_path_factory, monkeypatch):
    elsewhere = make_run(tmp_path_factory.mktemp("elsewhere") / "run")
    (folder / "link").symlink_to(elsewhere)
    assert "link" in ModelRegistry(folder).runs()
    monkeypatch.chdir(elsewhere)
    assert list(ModelRegistry(folder, Path()).runs()) == ["run", "new", "middle", "old"]


def test_runs_in_training_are_known_until_they_can_write_or_have_gone_silent(folder, make_run):
    shelf = ModelRegistry(folder)
    assert list(shelf.in_training()) == ["unborn"]
    run = make_run(folder / "later")
    (run / "model.safetensors").rename(folder / "weights")
    (run / "metrics.jsonl").write_text("")
    late = time.time() + 5
    os.utime(run / "metrics.jsonl", (late, late))
    assert list(shelf.in_training()) == ["later", "unborn"]
    assert "later" not in shelf.runs()
    os.utime(folder / "unborn", (1_000_000, 1_000_000))
    assert list(shelf.in_training()) == ["later"]
    (folder / "weights").rename(run / "model.safetensors")
    assert not shelf.in_training()
    assert "later" in shelf.runs()
    assert ModelRegistry(folder / "nowhere").in_training() == {}


def test_a_chosen_run_that_is_damaged_or_missing_is_refused(folder):
    with pytest.raises(CheckpointError, match="nothing-here"):
        ModelRegistry(folder, folder / "nothing-here")
    (folder / "new" / "model.safetensors").write_bytes(b"junk")
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        ModelRegistry(folder, folder / "new")


@pytest.mark.parametrize("name", ["..", "../other", "unborn", ".stores", "/etc", "README.md"])
def test_only_what_is_on_the_shelf_can_be_named(folder, name):
    with pytest.raises(CheckpointError, match="no such trained model"):
        ModelRegistry(folder).generator(name)


@pytest.mark.parametrize("name", [None, ""])
def test_without_a_name_the_message_has_no_gap(folder, name):
    with pytest.raises(
        CheckpointError, match=r"^还没有训练好的模型；请先训练一个 \| no trained model yet"
    ):
        ModelRegistry(folder).generator(name)


def test_a_model_is_loaded_once_for_everybody(folder):
    shelf, found = ModelRegistry(folder), []
    threads = [
        threading.Thread(target=lambda: found.append(shelf.generator("new"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_new_weights_of_a_run_are_noticed(folder, make_run):
    shelf = ModelRegistry(folder)
    before = shelf.generator("new").generate(PROMPT, seed=1).paragraphs[0].log_probabilities
    make_run(folder / "new", seed=77)
    after = shelf.generator("new").generate(PROMPT, seed=1).paragraphs[0].log_probabilities
    assert before != after


def test_models_that_are_long_unused_leave_the_memory(folder, monkeypatch):
    monkeypatch.setattr(model_registry, "_LOADED", 2)
    shelf = ModelRegistry(folder)
    first, second = shelf.generator("new"), shelf.generator("middle")
    shelf.generator("new")
    shelf.generator("old")
    assert shelf.generator("new") is first
    assert shelf.generator("middle") is not second
