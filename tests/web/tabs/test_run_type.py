"""A run of pairs on the Write tab: other settings, other words."""

import asyncio
from types import SimpleNamespace

import gradio as gr
import pytest

from novelgen.config import Config, DecodingConfig
from novelgen.decoding_styles import STYLES
from novelgen.errors import CheckpointError
from novelgen.web.events import building
from novelgen.web.tabs import controls, run_type


def find(name):
    if name not in ("novel", "pairs"):
        raise CheckpointError("gone")
    return SimpleNamespace(
        load_info=lambda: {"config": Config().replace(pairs="a.tsv" if name == "pairs" else None)}
    )


REGISTRY = SimpleNamespace(run=find)


def test_a_run_of_pairs_is_recognized():
    assert [
        run_type.learned_pairs(REGISTRY, name) for name in ("pairs", "novel", "gone", None)
    ] == [
        True,
        False,
        False,
        False,
    ]


@pytest.fixture(scope="module")
def page():
    """The components of the tab that the type of run changes, and the events by their names."""

    async def build():
        with gr.Blocks() as blocks, building(blocks):
            parts = SimpleNamespace(
                controls=controls.build(),
                run=gr.Dropdown(["novel", "pairs"]),
                manuscript=gr.Textbox(),
                paragraphs=gr.Slider(1, 9),
            )
            run_type.wire(REGISTRY, parts.run, parts.manuscript, parts.paragraphs, parts.controls)
        parts.events = {event.name: event for event in blocks.fns.values()}
        return parts

    return asyncio.run(build())  # where no loop runs, gradio makes one and leaves it open


def given(page, event, run, **settings):
    """The values of an event's inputs, those of the controls as they stand at first."""
    values = {component: component.value for component in event.inputs}
    values |= {page.controls.fields[name]: value for name, value in settings.items()}
    return {**values, page.run: run}


def fitted(page, run, from_pairs):
    """What the event changes when a run is chosen after one of pairs, or after one of a novel."""
    event = page.events["fitted"]
    (before,) = [each for each in event.inputs if isinstance(each, gr.State)]
    changed = event.fn(None, {**given(page, event, run), before: from_pairs})
    return changed, before


def test_settings_return_to_their_defaults_only_when_the_type_of_run_changes(page):
    names = {component: name for name, component in page.controls.fields.items()}

    def settings(changed):
        return {names[each]: value for each, value in changed.items() if each in names}

    changed, before = fitted(page, "pairs", False)
    assert settings(changed) == {
        "decoder": "beam",
        "repetition_penalty": 1.0,
        "no_repeat_ngram": 0,
        "min_length": 1,
    }
    assert changed[before] is True
    assert changed[page.manuscript]["label"] == "Source"
    assert changed[page.paragraphs]["visible"] is False
    # None of the presets, which all sample.
    assert changed[page.controls.preset]["value"] is None
    names_of_pairs = settings(changed)
    changed, _ = fitted(page, "novel", True)
    assert settings(changed) == {name: getattr(DecodingConfig(), name) for name in names_of_pairs}
    for run, from_pairs in (("pairs", True), ("novel", False)):
        assert fitted(page, run, from_pairs)[0] == gr.skip()


def test_the_browser_keeps_the_settings_of_novels_alone(page):
    note = page.events["note"]
    (stored,) = [each for each in note.outputs if isinstance(each, gr.BrowserState)]
    changed = note.fn(None, given(page, note, "novel", temperature=1.5))
    assert changed[stored]["temperature"] == 1.5
    assert "task" not in changed[stored]
    assert changed[page.controls.preset]["value"] is None
    assert stored not in note.fn(None, given(page, note, "pairs", temperature=1.5))

    restore = page.events["restore"]
    temperature = page.controls.fields["temperature"]
    asked = {**given(page, restore, "novel"), stored: changed[stored]}
    assert restore.fn(None, asked)[temperature] == 1.5
    assert temperature not in restore.fn(None, {**asked, page.run: "pairs"})


def test_a_preset_sets_its_controls_and_is_kept(page):
    take = page.events["take"]
    (stored,) = [each for each in take.outputs if isinstance(each, gr.BrowserState)]
    asked = {**given(page, take, "novel", decoder="greedy"), page.controls.preset: "bold"}
    changed = take.fn(None, asked)
    assert changed[page.controls.fields["decoder"]] == "sample"
    assert changed[page.controls.preset]["value"] == "bold"
    assert changed[stored]["temperature"] == changed[page.controls.fields["temperature"]]
    assert changed[stored]["temperature"] == STYLES["bold"]["temperature"]
