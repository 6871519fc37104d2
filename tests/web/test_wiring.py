"""The page as it is built: what its buttons hand to the functions behind them."""

import asyncio
import inspect
import types
import typing
from types import SimpleNamespace

import gradio as gr
import pytest

from novelgen.errors import ConfigError
from novelgen.web import limits, page
from novelgen.web.api import endpoint
from novelgen.web.events import page_load, sent
from novelgen.web.services.comparison import read_request
from novelgen.web.services.corpus_import import Dropped
from novelgen.web.services.manuscript import UndoHistory
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.tabs import comparison_layout, corpus_layout
from novelgen.web.tabs.corpus_view import text_config
from novelgen.web.tabs.writing_state import read_editor


def build(folder, takes_novels):
    async def build():
        return page.build(ModelRegistry(folder), takes_novels)

    # Where no loop runs, Gradio makes one and leaves it open.
    return asyncio.run(build())


@pytest.fixture(scope="module")
def blocks(tmp_path_factory):
    """The page where files may be dropped, without any run."""
    return build(tmp_path_factory.mktemp("runs"), takes_novels=True)


def events(blocks, name):
    """The events of the component that is called `name`."""
    numbers = {number for number, block in blocks.blocks.items() if block.elem_id == name}
    return [event for event in blocks.fns.values() if numbers & {each for each, _ in event.targets}]


def function(blocks, name):
    """The one Python function that the component called `name` starts."""
    (event,) = [event for event in events(blocks, name) if event.fn is not None]
    return event.fn


def laid_out(lay_out, *values):
    """The parts that `lay_out` makes on a page of their own."""

    async def build():
        with gr.Blocks():
            return lay_out(*values)

    return asyncio.run(build())


def names(fields, prefix):
    """The names of components without the prefix, by the parameters that they are read as."""
    return {name: each.elem_id.removeprefix(prefix) for name, each in fields.items()}


def test_what_is_compared_is_read_by_its_names(tmp_path):
    run = SimpleNamespace(value=None)
    parts = laid_out(comparison_layout.lay_out, ModelRegistry(tmp_path), run)
    asked = [*inspect.signature(read_request).parameters][1:]  # behind the registry
    assert names(parts.inputs, "compare-") == {name: name for name in asked}


def test_the_switches_of_a_corpus_are_read_by_their_names(tmp_path):
    parts = laid_out(corpus_layout.lay_out, ModelRegistry(tmp_path))
    asked = inspect.signature(text_config).parameters
    assert names(parts.switches, "corpus-") == {name: name for name in asked}


def test_each_button_saves_the_file_of_its_kind(blocks, monkeypatch):
    monkeypatch.setattr("novelgen.web.tabs.comparison.table_file", lambda made, kind: kind)
    # The first value is Gradio's request, which tells the visitor's language.
    assert function(blocks, "compare-csv")(None, None) == "csv"
    assert function(blocks, "compare-markdown")(None, None) == "md"


def test_nothing_waits_any_more_when_what_was_dropped_is_discarded(blocks, tmp_path):
    (tmp_path / "files").mkdir()
    dropped = Dropped(tmp_path / "files", tmp_path / "files" / "a.txt")
    values = function(blocks, "corpus-discard")(None, dropped)
    assert None in values.values()
    assert dropped not in values.values()
    assert not dropped.folder.exists()


def test_the_card_of_a_run_is_drawn_again_only_when_something_has_changed(make_run, tmp_path):
    make_run(tmp_path / "run")
    blocks = build(tmp_path, takes_novels=False)
    (event,) = [
        event for event in blocks.fns.values() if getattr(event.fn, "__name__", "") == "follow"
    ]
    drawn, run = sorted(event.inputs, key=lambda each: each.elem_id or "")
    shown = event.fn(None, {run: "run", drawn: None})
    assert drawn in shown
    # Gradio takes this for nothing at all.
    assert event.fn(None, {run: "run", drawn: shown[drawn]}) == gr.skip()


def test_no_page_is_built_any_more_when_it_has_been_built(blocks):
    with pytest.raises(LookupError):
        page_load()


def test_of_an_event_is_read_what_its_script_has_sent():
    event = gr.EventData(None, {"number": 3, "text": None})
    assert sent(event, "number", "text", "kind") == {"number": 3, "text": None}


def test_several_visitors_write_at_once(blocks):
    waiting = [event.concurrency_limit for event in events(blocks, "write-continue")]
    assert limits.WRITERS in waiting
    assert limits.WRITERS > 1


@pytest.mark.parametrize("takes_novels", [True, False])
def test_files_may_be_dropped_where_the_page_takes_them_alone(tmp_path, takes_novels):
    names = {block.elem_id for block in build(tmp_path, takes_novels).blocks.values()}
    assert ("corpus-files" in names) is takes_novels


def test_the_first_draft_is_shown_on_an_empty_page(blocks):
    columns = [
        block
        for block in blocks.blocks.values()
        if isinstance(block, gr.Column) and "write-candidate" in (block.elem_classes or ())
    ]
    assert [column.visible for column in columns] == [True, *[False] * (limits.CANDIDATES - 1)]


def test_a_program_may_send_null_for_every_parameter_that_has_no_default_of_its_own(tmp_path):
    described = inspect.signature(endpoint(ModelRegistry(tmp_path), lambda _session: None))
    for parameter in described.parameters.values():
        if parameter.default is None and parameter.name != "caller":
            assert types.NoneType in typing.get_args(parameter.annotation), parameter


def test_a_manuscript_beyond_the_limit_is_refused(write_parts):
    editor = dict.fromkeys(write_parts.draft_texts, "")
    editor |= {"source": "", "journal": "", "undo history": UndoHistory(), "opening": ""}
    editor |= {"manuscript": "一" * limits.MANUSCRIPT, "result": None}
    read_editor(write_parts, editor)
    with pytest.raises(ConfigError, match="1,000,000"):
        read_editor(write_parts, {**editor, "draft 3": "一"})
