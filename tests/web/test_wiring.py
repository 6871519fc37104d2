"""The page as it is built: what its buttons hand to the functions behind them."""

import asyncio
import inspect
import types
import typing

import gradio as gr
import pytest

from novelgen.errors import ConfigError
from novelgen.web import limits, page
from novelgen.web.api import endpoint
from novelgen.web.events import page_load
from novelgen.web.services.comparison import read_request
from novelgen.web.services.corpus_import import Dropped
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.tabs.corpus_view import text_config
from novelgen.web.tabs.writing_request import read_state


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


def input_names(event, prefix):
    """The names of an event's inputs without the prefix; None for a state."""
    return [each.elem_id and each.elem_id.removeprefix(prefix) for each in event.inputs]


def test_what_is_compared_is_read_in_the_order_of_the_page(blocks):
    (event,) = events(blocks, "compare-start")
    asked = [*inspect.signature(read_request).parameters][1:]  # behind the registry
    assert input_names(event, "compare-") == asked


def test_the_switches_of_a_corpus_are_read_in_the_order_of_the_page(blocks):
    (event,) = events(blocks, "corpus-simplify")
    asked = [*inspect.signature(text_config).parameters]
    assert input_names(event, "corpus-")[1:] == asked


def test_each_button_saves_the_file_of_its_kind(blocks, monkeypatch):
    monkeypatch.setattr("novelgen.web.tabs.comparison.table_file", lambda made, kind: kind)
    # The first value is Gradio's request, which tells the visitor's language.
    assert function(blocks, "compare-csv")(None, None) == "csv"
    assert function(blocks, "compare-markdown")(None, None) == "md"


def test_nothing_waits_any_more_when_what_was_dropped_is_discarded(blocks, tmp_path):
    (tmp_path / "files").mkdir()
    dropped = Dropped(tmp_path / "files", tmp_path / "files" / "a.txt")
    values = function(blocks, "corpus-discard")(None, dropped)
    assert dropped not in values
    assert not dropped.folder.exists()


def test_the_card_of_a_run_is_drawn_again_only_when_something_has_changed(make_run, tmp_path):
    make_run(tmp_path / "run")
    blocks = build(tmp_path, takes_novels=False)
    (follow,) = [
        event.fn
        for event in blocks.fns.values()
        if getattr(event.fn, "__name__", "") == "follow" and input_names(event, "")[:1]
    ]
    shown = follow(None, "run", None)
    assert shown != gr.skip()
    assert follow(None, "run", shown[-1]) == gr.skip()


def test_no_page_is_built_any_more_when_it_has_been_built(blocks):
    with pytest.raises(LookupError):
        page_load()


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


def test_a_manuscript_beyond_the_limit_is_refused():
    read_state("一" * limits.MANUSCRIPT, [], None)
    with pytest.raises(ConfigError, match="1,000,000"):
        read_state("一" * limits.MANUSCRIPT, ["一"], None)
