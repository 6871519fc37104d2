"""The buttons of the Write tab that only move text; they cancel what is being generated."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import gradio as gr

from novelgen.errors import ConfigError
from novelgen.web import static_files
from novelgen.web.events import LIGHT, notify
from novelgen.web.language import localized
from novelgen.web.services.draft_source import source_from_text
from novelgen.web.services.manuscript import (
    CancellationToken,
    EditorState,
    UndoHistory,
    accept,
    discard,
    next_opening,
    only_draft,
    record_change,
    redo,
    undo,
)
from novelgen.web.services.streaming import GenerationResult
from novelgen.web.services.undo_journal import known_history
from novelgen.web.tabs.writing_layout import Parts
from novelgen.web.tabs.writing_request import read_state
from novelgen.web.tabs.writing_view import Values, editor_values

# The editor's state, its undo history, and the opening of the next paragraph.
_Editor: TypeAlias = tuple[EditorState, UndoHistory, str]
# What a button does that only moves text.
_Move: TypeAlias = Callable[[EditorState, UndoHistory, str], _Editor]


def wire(parts: Parts, events: list[Any]) -> None:
    """Connects the buttons; `events` run the model."""
    buttons = parts.buttons
    inputs = editor_inputs(parts)
    outputs = editor_outputs(parts)
    handlers = {
        buttons["accept"]: _handler(_accept(None)),
        buttons["discard"]: _handler(_discard),
        buttons["clear"]: _handler(_begin("")),
        buttons["undo"]: _handler(lambda state, history, opening: (*undo(state, history), opening)),
        buttons["redo"]: _handler(lambda state, history, opening: (*redo(state, history), opening)),
    }
    for place, draft in enumerate(parts.drafts):
        handlers[draft.accept] = _handler(_accept(place))

    @localized
    def take_example(sample: list[str], *values: Any) -> Values:
        return moved(_begin(sample[0]), *values)

    # First cancel, then move the text: the events of a click are handled in this order.
    cancel_on_click([*handlers, parts.examples], events, parts.cancellation)
    stable_prefix = static_files.read("stable_prefix.js")
    tell = notify("moved")
    for button, handler in handlers.items():
        event = button.click(handler, inputs, outputs, js=stable_prefix, **LIGHT)
        event.then(None, None, None, js=tell, **LIGHT)
    example_inputs = [parts.examples, *inputs]
    parts.examples.click(take_example, example_inputs, outputs, cancels=events, **LIGHT)
    buttons["pin"].click(_pinned_seed, parts.hidden.source, parts.controls.seed, **LIGHT)


def cancel_on_click(buttons: Sequence[Any], events: list[Any], cancellation: gr.State) -> None:
    """Lets the buttons cancel what is being generated; to be called before their other events.

    The browser goes through the events of one click in the order in which they were made, and waits
    for the end of each: with `cancels` in the other event, it would cancel when that one is
    through. A moment after the click that started it, the browser does not know the number of an
    event yet and cannot cancel it: hence the token.
    """
    for button in buttons:
        button.click(None, cancels=events, **LIGHT)
        button.click(CancellationToken.cancel, cancellation, None, **LIGHT)


def editor_inputs(parts: Parts) -> list[gr.Component]:
    """The components whose values `moved` takes behind the move, in its order."""
    return [
        parts.manuscript,
        parts.result,
        parts.undo_history,
        parts.opening,
        parts.hidden.journal,
        parts.hidden.source,
        *parts.draft_texts,
    ]


def editor_outputs(parts: Parts) -> list[Any]:
    """The components of the values of `moved`, which are those of writing_view.editor_values."""
    return [parts.status, *editor_inputs(parts), *parts.draft_columns]


def moved(
    move: _Move,
    manuscript: str,
    result: GenerationResult | None,
    undo_history: UndoHistory,
    opening: str,
    journal: str,
    source: str,
    *drafts: str | None,
) -> Values:
    """Values for the status line and the editor after a move."""
    try:
        state = read_state(manuscript, drafts, result, source)
    except ConfigError as error:
        # An event outside of the queue has no toasts: the error becomes the status line.
        unchanged = [gr.skip()] * (6 + 2 * len(drafts))
        return html.escape(str(error)), *unchanged
    known = known_history(undo_history, journal, state)
    return editor_values(*move(state, known, opening))


def replace_manuscript(text: str) -> _Move:
    """Puts `text` in the manuscript's place; the drafts stay."""

    def move(state: EditorState, undo_history: UndoHistory, opening: str) -> _Editor:
        after = state._replace(manuscript=text)
        return after, record_change(undo_history, state, after), opening

    return move


def _begin(text: str) -> _Move:
    """Begins a new manuscript with `text`."""

    def move(state: EditorState, undo_history: UndoHistory, opening: str) -> _Editor:
        # The result stays, for the Attention tab.
        after = EditorState(text, result=state.result)
        return after, record_change(undo_history, state, after), opening

    return move


def _accept(place: int | None) -> _Move:
    """Moves a draft into the manuscript: that of index `place`, or the only one."""

    def move(state: EditorState, undo_history: UndoHistory, opening: str) -> _Editor:
        chosen = only_draft(state) if place is None else place
        after = accept(state, undo_history, chosen)
        recorded = record_change(undo_history, state, after)
        return after, recorded, next_opening(state, after, opening)

    return move


def _discard(state: EditorState, undo_history: UndoHistory, opening: str) -> _Editor:
    after = discard(state)
    return after, record_change(undo_history, state, after), opening


def _handler(move: _Move) -> Callable[..., Values]:
    """The event handler of a button that moves text."""

    @localized
    def handler(*values: Any) -> Values:
        return moved(move, *values)

    return handler


def _pinned_seed(source: str) -> Any:
    found = source_from_text(source)
    if found is None or not found.seeds:
        return gr.skip()
    return str(found.seeds[0])
