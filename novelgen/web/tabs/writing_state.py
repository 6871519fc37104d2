"""The Write tab at the moment of an event, read from the values of its components."""

from __future__ import annotations

from typing import Any, NamedTuple

from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.web import limits
from novelgen.web.events import Given
from novelgen.web.services.draft_source import source_from_text
from novelgen.web.services.manuscript import CancellationToken, EditorState, UndoHistory
from novelgen.web.services.undo_journal import known_history
from novelgen.web.tabs.writing_layout import Parts


class Editor(NamedTuple):
    """The text, what can be undone, and the opening of the next paragraph."""

    state: EditorState
    undo_history: UndoHistory
    opening: str


class Request(NamedTuple):
    """What a button asks of the model."""

    editor: Editor
    run: str | None
    cancellation: CancellationToken
    # Fields of DecodingConfig without the opening.
    options: dict[str, Any]


def editor_inputs(parts: Parts) -> set[Any]:
    """The components whose values `read_editor` takes."""
    return {
        parts.manuscript,
        parts.opening,
        parts.result,
        parts.undo_history,
        parts.hidden.journal,
        parts.hidden.source,
        *parts.draft_texts,
    }


def request_inputs(parts: Parts) -> set[Any]:
    """The components whose values `read_request` takes."""
    return {
        *editor_inputs(parts),
        parts.run,
        parts.cancellation,
        parts.paragraphs,
        *parts.controls.components,
    }


def read_editor(parts: Parts, given: Given) -> Editor:
    """The editor from values by component.

    Raises ConfigError where the text is longer than the app keeps for one session.
    """
    # The browser sends null for a draft that it does not show.
    drafts = tuple(given[draft] or "" for draft in parts.draft_texts)
    source = source_from_text(given[parts.hidden.source])
    state = EditorState(given[parts.manuscript], drafts, given[parts.result], source)
    if state.size > limits.MANUSCRIPT:
        raise ConfigError(
            _(
                "the manuscript and its drafts are longer than {limit:,} characters; "
                "download it and divide it"
            ).format(limit=limits.MANUSCRIPT)
        )
    history = known_history(given[parts.undo_history], given[parts.hidden.journal], state)
    return Editor(state, history, given[parts.opening])


def read_request(parts: Parts, given: Given) -> Request:
    """The request from values by component. Raises ConfigError."""
    options = {**parts.controls.options(given), "paragraphs": given[parts.paragraphs]}
    editor = read_editor(parts, given)
    return Request(editor, given[parts.run], given[parts.cancellation], options)
