"""The Write tab: the manuscript, and the model's drafts of how it may go on.

This module connects the buttons that run the model with what they do (writing_request).
writing_editing has those that only move text, writing_desk the menus above the sheet and what the
browser keeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import gradio as gr

from novelgen.errors import NovelgenError
from novelgen.web import limits
from novelgen.web.error_toasts import errors_as_toasts
from novelgen.web.events import LIGHT, WITH_TOASTS, Changes, Given, notify, page_load, sent
from novelgen.web.language import localized
from novelgen.web.services.examples import examples
from novelgen.web.services.manuscript import accept, draft_to_continue, next_opening, next_seed
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.services.reading_window import read_part, reading_window
from novelgen.web.services.undo_journal import journal_of
from novelgen.web.tabs import run_type, writing_desk, writing_editing
from novelgen.web.tabs.controls import tasks_of
from novelgen.web.tabs.writing_layout import Parts, lay_out
from novelgen.web.tabs.writing_request import check_rewrite_differs, stream_changes
from novelgen.web.tabs.writing_state import read_request, request_inputs
from novelgen.web.tabs.writing_view import result_outputs, stopped_line


class Writing(NamedTuple):
    """What the other tabs need of this one."""

    parts: Parts
    # Those that run the model.
    events: list[Any]


def build(registry: ModelRegistry, run: gr.Dropdown, takes_novels: bool) -> Writing:
    """Makes the tab where it is called; `run` holds the name of the model that writes.

    `takes_novels` says whether the Model tab takes a visitor's novel.
    """
    parts = lay_out(run, takes_novels)
    events = _wire_generation(registry, parts)
    writing_editing.wire(parts, events)
    writing_desk.wire(registry, parts, events)
    _wire_examples(registry, parts)
    _wire_tasks(registry, parts)
    _wire_window(registry, parts)
    run_type.wire_base_note(run, parts.base_note)
    run_type.wire(registry, run, parts.manuscript, parts.paragraphs, parts.controls)
    return Writing(parts, events)


class _GenerationHandlers:
    """What the buttons do that run the model; they are given the values of `request_inputs`."""

    def __init__(self, registry: ModelRegistry, parts: Parts) -> None:
        self._registry = registry
        self._parts = parts
        # Of the request to write again, from the click until it has its turn.
        self.number = gr.State(0)

    def continue_writing(self, given: Given) -> Iterator[Changes]:
        """Writes what follows the manuscript, and the draft where there is one that fits it."""
        with errors_as_toasts():
            request = read_request(self._parts, given)
            state, undo_history, opening = request.editor
            chosen = draft_to_continue(state)
            # A run of pairs reads its source alone: no draft becomes a part of it.
            if run_type.learned_pairs(self._registry, request.run):
                chosen = None
            accepted = accept(state, undo_history, chosen)
            opening = next_opening(state, accepted, opening)
            yield from stream_changes(self._registry, self._parts, request, accepted, opening)

    @errors_as_toasts()
    def start_rewriting(self, given: Given) -> Changes:
        """Checks the request, before it waits in the queue, and numbers it."""
        request = read_request(self._parts, given)
        check_rewrite_differs(request)
        return {self.number: request.cancellation.start()}

    def rewrite(self, given: Given) -> Iterator[Changes]:
        """Writes the drafts again, unless Stop was pressed while the request was in the queue."""
        with errors_as_toasts():
            request = read_request(self._parts, given)
            if request.cancellation.is_cancelled(given[self.number]):
                return
            state, _history, opening = request.editor
            seed = next_seed(request.options, state.result)
            yield from stream_changes(self._registry, self._parts, request, state, opening, seed)

    def stop(self, given: Given) -> Changes:
        """The status line and the journal after Stop."""
        parts = self._parts
        result = given[parts.result]
        if result is None or result.finished:
            return {}
        return {
            parts.status: stopped_line(result),
            parts.hidden.journal: journal_of(given[parts.undo_history]),
        }


def _wire_generation(registry: ModelRegistry, parts: Parts) -> list[Any]:
    """Continue, Rewrite and Stop; returns the events that run the model."""
    buttons = parts.buttons
    handlers = _GenerationHandlers(registry, parts)
    number = handlers.number
    inputs = request_inputs(parts)
    fields = [parts.manuscript, parts.opening, parts.controls.seed]
    outputs = [*fields, parts.undo_history, parts.hidden.journal, *result_outputs(parts)]
    # The place in the queue is shown on the draft; the manuscript can be edited meanwhile.
    queued: dict[str, Any] = {
        **limits.TURN,
        "show_progress_on": parts.drafts[0].text,
        "api_visibility": "private",
    }
    # 1. Continue. It is made first, so that Rewrite and Stop can cancel it.
    continue_writing = localized(handlers.continue_writing)
    continued = buttons["continue"].click(continue_writing, inputs, outputs, **queued)
    # 2. Rewrite: cancel, check, write.
    writing_editing.cancel_on_click([buttons["rewrite"]], [continued], parts.cancellation)
    start_rewriting = localized(handlers.start_rewriting)
    # A rewrite that would change nothing is refused at once.
    started = buttons["rewrite"].click(start_rewriting, inputs, number, **WITH_TOASTS)
    rewrite = localized(handlers.rewrite)
    rewritten = started.success(rewrite, {number, *inputs}, outputs, **queued)
    # 3. Stop.
    writing_editing.cancel_on_click([buttons["stop"]], [continued, rewritten], parts.cancellation)
    stop_inputs: set[Any] = {parts.result, parts.undo_history}
    stop_outputs = [parts.status, parts.hidden.journal]
    buttons["stop"].click(localized(handlers.stop), stop_inputs, stop_outputs, **LIGHT)
    # 4. The desk shows whether something is being written.
    ended = notify("ended")
    for event in (continued, rewritten):
        event.success(None, None, None, js=ended, **LIGHT)
    for event in (continued, started, rewritten):
        event.failure(None, None, None, js=ended, **LIGHT)
    return [continued, rewritten]


def _wire_examples(registry: ModelRegistry, parts: Parts) -> None:
    """Offers the examples of the chosen run."""

    @localized
    def offer(name: str | None) -> Any:
        found = examples(registry, name)
        return gr.Dataset(samples=[[text] for text in found], visible=bool(found))

    gr.on([parts.run.change, page_load()], offer, parts.run, parts.examples, **LIGHT)


def _wire_tasks(registry: ModelRegistry, parts: Parts) -> None:
    """Offers the tasks that the chosen run was trained on."""
    task = parts.controls.fields["task"]

    @localized
    def offer(name: str | None) -> Any:
        try:
            return tasks_of(registry.run(name).load_info()["config"].data)
        except NovelgenError:
            # The run is gone or damaged: there is no choice of tasks.
            return tasks_of(None)

    gr.on([parts.run.change, page_load()], offer, parts.run, task, **LIGHT)


def _wire_window(registry: ModelRegistry, parts: Parts) -> None:
    """Tells the desk which part of the manuscript the chosen run reads."""
    # mypy: Gradio adds the events of a component when its class is made.
    run: Any = parts.run
    desk: Any = parts.desk
    window: Any = parts.hidden.window
    task: Any = parts.controls.fields["task"]

    def tell(given: Given) -> Changes:
        return {window: reading_window(registry, given[run], given[task])}

    @localized
    def read(event: gr.EventData, given: Given) -> Changes:
        asked = sent(event, "text", "is_cut")
        text = str(asked.get("text", ""))
        try:
            config = registry.run(given[run]).load_info()["config"]
            part = read_part(config, text[-limits.PROMPT :], given[task])
        except NovelgenError:
            return {}
        is_all = part.is_all and not asked.get("is_cut")
        return {desk: writing_desk.answer(event, read=part._replace(is_all=is_all)._asdict())}

    inputs = {run, task}
    gr.on([run.change, task.change, page_load()], tell, inputs, window, **LIGHT)
    desk.window(read, inputs, desk, **LIGHT)
    changed = notify("changed")
    window.change(None, None, None, js=changed, **LIGHT)
