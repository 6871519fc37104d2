import os
import threading

import pytest

from novelgen.errors import CheckpointError
from novelgen.web import runs
from novelgen.web.runs import Shelf

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
    assert list(Shelf(folder).runs()) == ["new", "middle", "old"]


def test_nothing_is_there_to_begin_with(tmp_path):
    shelf = Shelf(tmp_path / "nowhere")
    assert shelf.runs() == {} and shelf.newest() is None


def test_the_newest_run_that_opens_is_taken(folder):
    shelf = Shelf(folder)
    assert shelf.newest() == "new"
    (folder / "new" / "tokenizer.json").write_text("{")
    (folder / "middle" / "model.safetensors").write_bytes(b"junk")
    assert Shelf(folder).newest() == "old"


def test_the_chosen_run_comes_first_wherever_it_lies(folder, make_run, tmp_path_factory):
    elsewhere = make_run(tmp_path_factory.mktemp("elsewhere") / "run")
    shelf = Shelf(folder, elsewhere)
    assert list(shelf.runs()) == [str(elsewhere), "new", "middle", "old"] and shelf.newest() == str(elsewhere)
    assert list(Shelf(folder, folder / "old").runs()) == ["old", "new", "middle"]


def test_a_chosen_run_that_is_damaged_or_missing_is_refused(folder):
    with pytest.raises(CheckpointError, match="nothing-here"):
        Shelf(folder, folder / "nothing-here")
    (folder / "new" / "model.safetensors").write_bytes(b"junk")
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        Shelf(folder, folder / "new")


@pytest.mark.parametrize("name", [None, "", "..", "../other", "unborn", ".stores", "/etc", "README.md"])
def test_only_what_is_on_the_shelf_can_be_named(folder, name):
    with pytest.raises(CheckpointError, match="no such trained model"):
        Shelf(folder).generator(name)


def test_a_model_is_loaded_once_for_everybody(folder):
    shelf, found = Shelf(folder), []
    threads = [threading.Thread(target=lambda: found.append(shelf.generator("new"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(map(id, found))) == 1


def test_new_weights_of_a_run_are_noticed(folder, make_run):
    shelf = Shelf(folder)
    before = shelf.generator("new").generate(PROMPT, seed=1).paragraphs[0].log_probabilities
    make_run(folder / "new", seed=77)
    after = shelf.generator("new").generate(PROMPT, seed=1).paragraphs[0].log_probabilities
    assert before != after


def test_models_that_are_long_unused_leave_the_memory(folder, monkeypatch):
    monkeypatch.setattr(runs, "_LOADED", 2)
    shelf = Shelf(folder)
    first, second = shelf.generator("new"), shelf.generator("middle")
    shelf.generator("new")
    shelf.generator("old")
    assert shelf.generator("new") is first
    assert shelf.generator("middle") is not second
