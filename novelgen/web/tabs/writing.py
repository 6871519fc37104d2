"""The Write tab: the manuscript, and the model's drafts of how it may go on.

This module connects the components of writing_layout with what their events do: the buttons that
run the model (writing_request), those that only move text (manuscript), and what happens in the
browser alone (static/*.js).
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import gradio as gr

from novelgen.errors import ConfigError, NovelgenError
from novelgen.web import limits, static_files
from novelgen.web.error_toasts import errors_as_toasts
from novelgen.web.events import LIGHT, WITH_TOASTS, page_load
from novelgen.web.language import localized
from novelgen.web.services.examples import examples
from novelgen.web.services.manuscript import (
    CancellationToken,
    EditorState,
    UndoHistory,
    accept,
    first_draft,
    next_opening,
    next_seed,
    record_change,
    redo,
    undo,
)
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.services.streaming import GenerationResult
from novelgen.web.tabs import run_type
from novelgen.web.tabs.controls import Controls, tasks_of
from novelgen.web.tabs.writing_layout import Parts, lay_out
from novelgen.web.tabs.writing_request import (
    check_rewrite_differs,
    read_request,
    read_state,
    request_inputs,
    stream_values,
)
from novelgen.web.tabs.writing_view import Values, editor_values, stopped_line

# The editor's state, its undo history, and the opening of the next paragraph.
_Editor: TypeAlias = tuple[EditorState, UndoHistory, str]
# What a button does that only moves text.
_Move: TypeAlias = Callable[[EditorState, UndoHistory, str], _Editor]


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
    outputs = [parts.result, parts.status, *parts.draft_texts, *parts.draft_columns]
    events = _wire_generation(registry, run, parts, outputs)
    _wire_editing(parts, events)
    _wire_browser(parts)
    _wire_examples(registry, run, parts)
    _wire_tasks(registry, run, parts)
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
        """Accepts a draft and writes what follows it."""
        with errors_as_toasts():
            request = read_request(self._controls, *values)
            chosen = first_draft(request.state)
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
    targets = [parts.manuscript, parts.opening, seed, parts.undo_history, *outputs]
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
    _cancel_on_click([buttons["rewrite"]], [continued], parts.cancellation)
    number = gr.State(0)
    start_rewriting = localized(handlers.start_rewriting)
    # A rewrite that would change nothing is refused at once.
    started = buttons["rewrite"].click(start_rewriting, inputs, number, **WITH_TOASTS)
    rewrite_inputs = [number, *inputs]
    rewritten = started.success(localized(handlers.rewrite), rewrite_inputs, targets, **queued)
    # 3. Stop.
    _cancel_on_click([buttons["stop"]], [continued, rewritten], parts.cancellation)
    buttons["stop"].click(_stopped, parts.result, parts.status, **LIGHT)
    return [continued, rewritten]


def _cancel_on_click(buttons: Sequence[Any], events: list[Any], cancellation: gr.State) -> None:
    """Lets the buttons cancel what is being generated; to be called before their other events.

    The browser goes through the events of one click in the order in which they were made, and waits
    for the end of each: with `cancels` in the other event, it would cancel when that one is
    through. A moment after the click that started it, the browser does not know the number of an
    event yet and cannot cancel it: hence the token.
    """
    for button in buttons:
        button.click(None, cancels=events, **LIGHT)
        button.click(CancellationToken.cancel, cancellation, None, **LIGHT)


@localized
def _stopped(result: GenerationResult | None) -> Any:
    """The status line after Stop."""
    if result is None or result.finished:
        return gr.skip()
    return stopped_line(result)


def _pinned_seed(result: GenerationResult | None) -> Any:
    if result is None:
        return gr.skip()
    return str(result.generations[0].seed)


def _wire_editing(parts: Parts, events: list[Any]) -> None:
    """The buttons that only move text; they cancel what is being generated."""
    buttons = parts.buttons
    inputs = [
        parts.manuscript,
        parts.result,
        parts.undo_history,
        parts.opening,
        *parts.draft_texts,
    ]
    outputs = [
        parts.status,
        parts.manuscript,
        parts.result,
        parts.undo_history,
        parts.opening,
        *parts.draft_texts,
        *parts.draft_columns,
    ]
    handlers = {
        buttons["accept"]: _handler(_accept(None)),
        buttons["clear"]: _handler(_replace_manuscript("")),
        buttons["undo"]: _handler(lambda state, history, opening: (*undo(state, history), opening)),
        buttons["redo"]: _handler(lambda state, history, opening: (*redo(state, history), opening)),
    }
    for place, draft in enumerate(parts.drafts):
        handlers[draft.accept] = _handler(_accept(place))

    @localized
    def take_example(sample: list[str], *values: Any) -> Values:
        return _moved(_replace_manuscript(sample[0]), *values)

    # First cancel, then move the text: the events of a click are handled in this order.
    _cancel_on_click([*handlers, parts.examples], events, parts.cancellation)
    stable_prefix = static_files.read("stable_prefix.js")
    for button, handler in handlers.items():
        button.click(handler, inputs, outputs, js=stable_prefix, **LIGHT)
    example_inputs = [parts.examples, *inputs]
    parts.examples.click(take_example, example_inputs, outputs, cancels=events, **LIGHT)
    # When text came last: more may be on its way; see stable_prefix.js.
    note_time = "() => { window.novelgenDraftChanged = performance.now(); return []; }"
    parts.drafts[0].text.change(None, js=note_time, **LIGHT)
    buttons["pin"].click(_pinned_seed, parts.result, parts.controls.seed, **LIGHT)


def _accept(place: int | None) -> _Move:
    """Moves a draft into the manuscript: that of index `place`, or the first one with text."""

    def move(state: EditorState, undo_history: UndoHistory, opening: str) -> _Editor:
        chosen = first_draft(state) if place is None else place
        after = accept(state, undo_history, chosen)
        recorded = record_change(undo_history, state, after)
        return after, recorded, next_opening(state, after, opening)

    return move


def _replace_manuscript(text: str) -> _Move:
    """Begins a new manuscript with `text`."""

    def move(state: EditorState, undo_history: UndoHistory, opening: str) -> _Editor:
        # The result stays, for the Attention tab.
        after = EditorState(text, result=state.result)
        return after, record_change(undo_history, state, after), opening

    return move


def _handler(move: _Move) -> Callable[..., Values]:
    """The event handler of a button that moves text."""

    @localized
    def handler(*values: Any) -> Values:
        return _moved(move, *values)

    return handler


def _moved(
    move: _Move,
    manuscript: str,
    result: GenerationResult | None,
    undo_history: UndoHistory,
    opening: str,
    *drafts: str | None,
) -> Values:
    """Values for the status line and the editor after a move."""
    try:
        state = read_state(manuscript, drafts, result)
    except ConfigError as error:
        # An event outside of the queue has no toasts: the error becomes the status line.
        unchanged = [gr.skip()] * (4 + 2 * len(drafts))
        return html.escape(str(error)), *unchanged
    return gr.skip(), *editor_values(*move(state, undo_history, opening))


def _wire_browser(parts: Parts) -> None:
    """What happens in the browser alone.

    The text survives a reload, its fields have names for screen readers, and the manuscript becomes
    a file.
    """
    load = page_load()
    texts = [parts.title, parts.manuscript, parts.opening, *parts.draft_texts]
    restored = [*texts, *parts.draft_columns]
    # 1. What the browser has kept is put back, and kept again after every change.
    keep = static_files.read("keep.js").replace("COUNT", str(limits.CANDIDATES))
    load(None, None, restored, js=keep, **LIGHT)
    keep_again = "(...texts) => window.novelgenKeep?.(...texts) ?? []"
    for text in texts:
        text.change(None, texts, None, js=keep_again, **LIGHT)
    # 2. Names for screen readers.
    load(None, None, None, js=static_files.read("label.js"), **LIGHT)
    # 3. The file.
    file_texts = [parts.title, parts.manuscript]
    download = static_files.read("download.js")
    parts.buttons["download"].click(None, file_texts, None, js=download, **LIGHT)


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
