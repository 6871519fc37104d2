"""What the section does with a training: its states, its limits, and its words."""

import asyncio

import gradio as gr
import pytest

from novelgen.config import TextConfig
from novelgen.errors import ConfigError, CorpusError, TrainingError
from novelgen.presets import PRESETS
from novelgen.web import limits, page
from novelgen.web.services import corpus_import
from novelgen.web.services.corpus_import import Read, RemovedLine
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.services.training import Status
from novelgen.web.tabs.corpus_layout import budget
from novelgen.web.tabs.corpus_view import report_changes, text_config, training_changes

NOVEL = "".join(f"第{n}章 雨\n雨下了{n}天。\n他数着{n}把伞。\n" for n in "一二三四五")
RUNNING = Status("training", "雨-tiny", 0.5, 30.0, 10, 7.0, 7.5, is_uploaded=True)


class Training:
    """Stands for a PageTraining that only notes what it is asked for."""

    def __init__(self, is_free=True):
        self._is_free = is_free
        self.requests = []

    def check_free(self):
        if not self._is_free:
            raise TrainingError("another training is under way")

    def start_on(self, folder, request):
        self.check_free()
        self.requests.append((folder, request))


@pytest.fixture
def read(tmp_path):
    """A novel that was dropped and read."""
    file = tmp_path / "upload" / "雨.txt"
    file.parent.mkdir()
    file.write_text(NOVEL, encoding="utf-8")
    runs = tmp_path / "runs"
    return corpus_import.read(corpus_import.receive(runs, [file]), TextConfig()).dropped


def test_a_training_begins_on_the_kept_store_and_the_files_go(read, tmp_path):
    training = Training()
    corpus_import.train(training, tmp_path / "runs", read, "tiny", 3, "none")
    folder, request = training.requests[0]
    assert folder == tmp_path / "runs"
    asked = (request.name, request.preset, request.minutes, request.init)
    assert asked == ("雨-tiny", "tiny", 3, "none")
    assert request.corpus.exists()
    assert request.discard == request.corpus
    assert not read.folder.exists()


def test_while_another_training_runs_the_novel_stays_as_it_was_read(read, tmp_path):
    with pytest.raises(TrainingError):
        corpus_import.train(Training(is_free=False), tmp_path / "runs", read, "tiny", 3)
    assert read.store.exists()
    corpus_import.train(Training(), tmp_path / "runs", read, "tiny", 3)


def test_without_a_novel_nothing_is_trained(tmp_path):
    training = Training()
    with pytest.raises(CorpusError):
        corpus_import.train(training, tmp_path, None, "tiny", 3)
    assert training.requests == []


@pytest.fixture
def progress(named):
    """Whether the part is visible, its bar, whether one can start and cancel, follow, the run."""

    def told(status):
        found = training_changes(named, status)
        shown = (
            found["training"]["visible"],
            found["start"]["interactive"],
            found["cancel"]["visible"],
            found["timer"].active,
        )
        return shown, found["bar"], found["finished"]

    return told


def test_a_training_of_this_novel_shows_its_bar_and_can_be_cancelled(progress):
    (visible, can_start, can_cancel, follows), bar, finished = progress(RUNNING)
    assert (visible, can_start, can_cancel, follows) == (True, False, True, True)
    assert bar["share"] == 0.5
    assert "雨-tiny" in bar["text"]
    assert finished == ""


def test_the_first_training_has_its_own_bar_and_keeps_others_from_starting(progress):
    status = RUNNING._replace(is_uploaded=False)
    assert progress(status)[0] == (False, False, False, True)


def test_a_finished_run_is_named(progress):
    shown, bar, finished = progress(Status("done", "雨-tiny", 1.0, is_uploaded=True))
    assert shown == (True, True, False, False)
    assert "雨-tiny" in bar["text"]
    assert finished == "雨-tiny"


def test_the_switches_are_options_of_the_import():
    assert text_config("auto", False, False, False) == TextConfig()
    changed = TextConfig(encoding="big5", errors="replace", simplify=True, keep_site_lines=True)
    assert text_config("big5", True, True, True) == changed
    with pytest.raises(ConfigError):
        TextConfig(errors="guess")


def test_the_note_counts_the_lines_that_are_not_shown(named):
    row = RemovedLine("adverts", "", "", "www.example.com", "removed")
    found = report_changes(named, Read(None, "summary", [row], 4))
    assert "5 lines" in found["removed_note"]
    assert "first 1" in found["removed_note"]
    assert found["removed"]["value"] == [["adverts", "www.example.com", "removed"]]
    nothing = report_changes(named, Read(None, "summary", [], 0))
    assert nothing["removed_note"] == "No line lost a word."


def build_page(folder, takes_novels):
    """The components of the page."""

    async def build():
        return page.build(ModelRegistry(folder), takes_novels)

    # Where no loop runs, Gradio makes one and leaves it open.
    return asyncio.run(build()).blocks.values()


def test_the_section_is_on_the_page_where_files_are_taken(tmp_path):
    for takes_novels in (True, False):
        components = build_page(tmp_path, takes_novels)
        files = [each for each in components if isinstance(each, gr.File)]
        files = [each for each in files if each.elem_id != "report-files"]
        assert len(files) == takes_novels


def test_the_words_on_the_page_name_the_limit(tmp_path):
    components = build_page(tmp_path, takes_novels=True)
    words = [str(each.value) for each in components if isinstance(each, gr.Markdown)]
    assert any(f"{limits.UPLOAD // 2**20} MiB" in text for text in words)


def test_every_preset_is_offered_with_its_minutes_within_the_limit(tmp_path):
    components = build_page(tmp_path, takes_novels=True)
    (presets,) = (each for each in components if each.elem_id == "corpus-preset")
    assert {name for _label, name in presets.choices} == set(PRESETS)
    for name in PRESETS:
        assert 1 <= budget(name) <= limits.TRAINING_MINUTES
