"""The buttons of the Write tab that only move text; they cancel what is being generated."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import gradio as gr

from novelgen.errors import ConfigError
from novelgen.web import static_files
from novelgen.web.events import LIGHT, Changes, Given, notify
from novelgen.web.language import localized
from novelgen.web.services.draft_source import source_from_text
from novelgen.web.services.manuscript import (
    CancellationToken,
    EditorState,
    accept,
    discard,
    next_opening,
    only_draft,
    record_change,
    redo,
    undo,
)
from novelgen.web.tabs.writing_layout import Parts
from novelgen.web.tabs.writing_state import Editor, editor_inputs, read_editor
from novelgen.web.tabs.writing_view import editor_changes, editor_outputs

# What a button does that only moves text.
_Move: TypeAlias = Callable[[Editor], Editor]


def wire(parts: Parts, events: list[Any]) -> None:
    """Connects the buttons; `events` run the model."""
    buttons = parts.buttons
    inputs = editor_inputs(parts)
    outputs = editor_outputs(parts)
    moves: dict[gr.Button, _Move] = {
        buttons["accept"]: _accept(None),
        buttons["discard"]: _discard,
        buttons["clear"]: _begin(""),
        buttons["undo"]: _undo,
        buttons["redo"]: _redo,
        **{draft.accept: _accept(place) for place, draft in enumerate(parts.drafts)},
    }

    @localized
    def take_example(given: Given) -> Changes:
        return moved(parts, given, _begin(given[parts.examples][0]))

    # First cancel, then move the text: the events of a click are handled in this order.
    cancel_on_click([*moves, parts.examples], events, parts.cancellation)
    stable_prefix = static_files.read("stable_prefix.js")
    tell = notify("moved")
    for button, move in moves.items():
        event = button.click(_handler(parts, move), inputs, outputs, js=stable_prefix, **LIGHT)
        event.then(None, None, None, js=tell, **LIGHT)
    parts.examples.click(take_example, {parts.examples, *inputs}, outputs, cancels=events, **LIGHT)
    buttons["pin"].click(_seed_pinner(parts), parts.hidden.source, parts.controls.seed, **LIGHT)


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


def moved(parts: Parts, given: Given, move: _Move) -> Changes:
    """What a move changes, by the values of `editor_inputs`."""
    try:
        editor = read_editor(parts, given)
    except ConfigError as error:
        # An event outside of the queue has no toasts: the error becomes the status line.
        return {parts.status: html.escape(str(error))}
    return editor_changes(parts, move(editor))


def replace_manuscript(text: str) -> _Move:
    """Puts `text` in the manuscript's place; the drafts stay."""
    return lambda editor: _recorded(editor, editor.state._replace(manuscript=text))


def _recorded(editor: Editor, after: EditorState) -> Editor:
    """The editor with another text, and a step back to the one that it had."""
    history = record_change(editor.undo_history, editor.state, after)
    return editor._replace(state=after, undo_history=history)


def _begin(text: str) -> _Move:
    """Begins a new manuscript with `text`; the result stays, for the Attention tab."""
    return lambda editor: _recorded(editor, EditorState(text, result=editor.state.result))


def _accept(place: int | None) -> _Move:
    """Moves a draft into the manuscript: that of index `place`, or the only one."""

    def move(editor: Editor) -> Editor:
        state = editor.state
        chosen = only_draft(state) if place is None else place
        after = accept(state, editor.undo_history, chosen)
        opening = next_opening(state, after, editor.opening)
        return _recorded(editor, after)._replace(opening=opening)

    return move


def _discard(editor: Editor) -> Editor:
    return _recorded(editor, discard(editor.state))


def _undo(editor: Editor) -> Editor:
    return Editor(*undo(editor.state, editor.undo_history), editor.opening)


def _redo(editor: Editor) -> Editor:
    return Editor(*redo(editor.state, editor.undo_history), editor.opening)


def _handler(parts: Parts, move: _Move) -> Callable[..., Changes]:
    """The event handler of a button that moves text."""
    return localized(lambda given: moved(parts, given, move))


def _seed_pinner(parts: Parts) -> Callable[..., Changes]:
    """The event handler that puts the seed of the draft into its control."""

    @localized
    def pin(source: str) -> Changes:
        found = source_from_text(source)
        if found is None or not found.seeds:
            return {}
        return {parts.controls.seed: str(found.seeds[0])}

    return pin
