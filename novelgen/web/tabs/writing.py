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
from novelgen.web.events import LIGHT, WITH_TOASTS, notify, page_load
from novelgen.web.language import localized
from novelgen.web.services.examples import examples
from novelgen.web.services.manuscript import (
    UndoHistory,
    accept,
    draft_to_continue,
    next_opening,
    next_seed,
)
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.services.reading_window import read_part, reading_window
from novelgen.web.services.streaming import GenerationResult
from novelgen.web.services.undo_journal import journal_of
from novelgen.web.tabs import run_type, writing_desk, writing_editing
from novelgen.web.tabs.controls import Controls, tasks_of
from novelgen.web.tabs.writing_layout import Parts, lay_out
from novelgen.web.tabs.writing_request import (
    check_rewrite_differs,
    read_request,
    request_inputs,
    stream_values,
)
from novelgen.web.tabs.writing_view import Values, stopped_line


class Writing(NamedTuple):
    """What the other tabs need of this one."""

    manuscript: gr.Textbox
    # GenerationResult or None.
    result: gr.State
    # What a stream of results updates, by the values of writing_view.result_values.
    outputs: list[Any]
    # Those that run the model.
    events: list[Any]
    # The session's CancellationToken, for all tabs that generate text into the drafts.
    cancellation: gr.State
    stop: gr.Button


def build(registry: ModelRegistry, run: gr.Dropdown, takes_novels: bool) -> Writing:
    """Makes the tab where it is called; `run` holds the name of the model that writes.

    `takes_novels` says whether the Model tab takes a visitor's novel.
    """
    parts = lay_out(takes_novels)
    outputs = [
        parts.result,
        parts.status,
        parts.hidden.source,
        *parts.draft_texts,
        *parts.draft_columns,
    ]
    events = _wire_generation(registry, run, parts, outputs)
    writing_editing.wire(parts, events)
    writing_desk.wire(registry, run, parts, events)
    _wire_examples(registry, run, parts)
    _wire_tasks(registry, run, parts)
    _wire_window(registry, run, parts)
    run_type.wire_base_note(run, parts.base_note)
    run_type.wire(registry, run, parts.manuscript, parts.paragraphs, parts.controls)
    return Writing(
        manuscript=parts.manuscript,
        result=parts.result,
        outputs=outputs,
        events=events,
        cancellation=parts.cancellation,
        stop=parts.buttons["stop"],
    )


class _GenerationHandlers:
    """What the buttons do that run the model; their values are those of `request_inputs`."""

    def __init__(self, registry: ModelRegistry, controls: Controls) -> None:
        self._registry = registry
        self._controls = controls

    def continue_writing(self, *values: Any) -> Iterator[Values]:
        """Writes what follows the manuscript, and the draft where there is one that fits it."""
        with errors_as_toasts():
            request = read_request(self._controls, *values)
            chosen = draft_to_continue(request.state)
            # A run of pairs reads its source alone: no draft becomes a part of it.
            if run_type.learned_pairs(self._registry, request.run):
                chosen = None
            accepted = accept(request.state, request.undo_history, chosen)
            opening = next_opening(request.state, accepted, request.opening)
            yield from stream_values(self._registry, request, accepted, opening)

    @errors_as_toasts()
    def start_rewriting(self, *values: Any) -> int:
        """Checks the request, before it waits in the queue, and returns its number."""
        request = read_request(self._controls, *values)
        check_rewrite_differs(request)
        return request.cancellation.start()

    def rewrite(self, number: int, *values: Any) -> Iterator[Values]:
        """Writes the drafts again, unless Stop was pressed while the request was in the queue."""
        with errors_as_toasts():
            request = read_request(self._controls, *values)
            if request.cancellation.is_cancelled(number):
                return
            seed = next_seed(request.options, request.state.result)
            yield from stream_values(self._registry, request, request.state, request.opening, seed)


def _wire_generation(
    registry: ModelRegistry, run: gr.Dropdown, parts: Parts, outputs: list[Any]
) -> list[Any]:
    """Continue, Rewrite and Stop; returns the events that run the model."""
    buttons = parts.buttons
    handlers = _GenerationHandlers(registry, parts.controls)
    inputs = request_inputs(run, parts)
    seed = parts.controls.seed
    history = [parts.undo_history, parts.hidden.journal]
    targets = [parts.manuscript, parts.opening, seed, *history, *outputs]
    # The place in the queue is shown on the draft; the manuscript can be edited meanwhile.
    queued: dict[str, Any] = {
        **limits.TURN,
        "show_progress_on": parts.drafts[0].text,
        "api_visibility": "private",
    }
    # 1. Continue. It is made first, so that Rewrite and Stop can cancel it.
    continue_writing = localized(handlers.continue_writing)
    continued = buttons["continue"].click(continue_writing, inputs, targets, **queued)
    # 2. Rewrite: cancel, check, write.
    writing_editing.cancel_on_click([buttons["rewrite"]], [continued], parts.cancellation)
    number = gr.State(0)
    start_rewriting = localized(handlers.start_rewriting)
    # A rewrite that would change nothing is refused at once.
    started = buttons["rewrite"].click(start_rewriting, inputs, number, **WITH_TOASTS)
    rewrite_inputs = [number, *inputs]
    rewritten = started.success(localized(handlers.rewrite), rewrite_inputs, targets, **queued)
    # 3. Stop.
    writing_editing.cancel_on_click([buttons["stop"]], [continued, rewritten], parts.cancellation)
    stop_inputs = [parts.result, parts.undo_history]
    stop_outputs = [parts.status, parts.hidden.journal]
    buttons["stop"].click(_stopped, stop_inputs, stop_outputs, **LIGHT)
    # 4. The desk shows whether something is being written.
    ended = notify("ended")
    for event in (continued, rewritten):
        event.success(None, None, None, js=ended, **LIGHT)
    for event in (continued, started, rewritten):
        event.failure(None, None, None, js=ended, **LIGHT)
    return [continued, rewritten]


@localized
def _stopped(result: GenerationResult | None, undo_history: UndoHistory) -> Values:
    """The status line and the journal after Stop."""
    if result is None or result.finished:
        return gr.skip(), gr.skip()
    return stopped_line(result), journal_of(undo_history)


def _wire_examples(registry: ModelRegistry, run: gr.Dropdown, parts: Parts) -> None:
    """Offers the examples of the chosen run."""

    @localized
    def offer(name: str | None) -> Any:
        found = examples(registry, name)
        return gr.Dataset(samples=[[text] for text in found], visible=bool(found))

    gr.on([run.change, page_load()], offer, run, parts.examples, **LIGHT)


def _wire_tasks(registry: ModelRegistry, run: gr.Dropdown, parts: Parts) -> None:
    """Offers the tasks that the chosen run was trained on."""
    task = parts.controls.fields["task"]

    @localized
    def offer(name: str | None) -> Any:
        try:
            return tasks_of(registry.run(name).load_info()["config"].data)
        except NovelgenError:
            # The run is gone or damaged: there is no choice of tasks.
            return tasks_of(None)

    gr.on([run.change, page_load()], offer, run, task, **LIGHT)


def _wire_window(registry: ModelRegistry, run: gr.Dropdown, parts: Parts) -> None:
    """Tells the desk which part of the manuscript the chosen run reads."""
    desk: Any = parts.desk
    window: Any = parts.hidden.window
    # mypy: Gradio adds the events of a component when its class is made.
    task: Any = parts.controls.fields["task"]

    def tell(name: str | None, task: str | None) -> str:
        return reading_window(registry, name, task)

    def read(event: gr.EventData, name: str | None, task: str | None) -> Any:
        asked = event._data or {}
        text = str(asked.get("text", ""))
        try:
            config = registry.run(name).load_info()["config"]
            part = read_part(config, text[-limits.PROMPT :], task)
        except NovelgenError:
            return gr.skip()
        is_all = part.is_all and not asked.get("is_cut")
        return writing_desk.answer(event, read=part._replace(is_all=is_all)._asdict())

    inputs = [run, task]
    gr.on([run.change, task.change, page_load()], tell, inputs, window, **LIGHT)
    desk.window(read, inputs, desk, **LIGHT)
    changed = notify("changed")
    window.change(None, None, None, js=changed, **LIGHT)
