"""The undo history as a text that the browser keeps, so that a reload takes no step back away.

A state is told by how it differs from the one after it: of a story that grows paragraph by
paragraph, every step costs a paragraph and not the story.
"""

from __future__ import annotations

import json
from typing import Any

from novelgen.web.services.draft_source import source_from_text
from novelgen.web.services.manuscript import NO_DRAFTS, EditorState, UndoHistory


def journal_of(undo_history: UndoHistory) -> str:
    """The states as text, without their results; "" where there are none."""
    present = undo_history.present
    if present is None:
        return ""
    result = present.result
    record = {
        "present": _encoded(present, ""),
        "past": _encoded_all(reversed(undo_history.past), present.manuscript),
        "future": _encoded_all(reversed(undo_history.future), present.manuscript),
        # Whether the text of the present state was still being written.
        "growing": result is not None and not result.finished,
    }
    return json.dumps(record, ensure_ascii=False)


def known_history(undo_history: UndoHistory, journal: str | None, now: EditorState) -> UndoHistory:
    """The session's own history, or that of the journal where the session has only begun.

    So it is after a reload of the page, and when the server was started again.
    """
    if undo_history.present is not None:
        return undo_history
    return history_from(journal, now)


def history_from(journal: str | None, now: EditorState) -> UndoHistory:
    """The history that a journal tells, an empty one where it tells none.

    `now` is what stands in the editor. Of a text that was still growing when the journal was
    written it has more than the journal, and takes the place of the present state.
    """
    try:
        record: dict[str, Any] = json.loads(journal or "{}")
        present = _decoded(record["present"], "")
        past = _decoded_all(record["past"], present.manuscript)
        future = _decoded_all(record["future"], present.manuscript)
        is_growing = record["growing"] is True
    except (ValueError, KeyError, TypeError, IndexError):
        return UndoHistory()
    if is_growing and now.manuscript == present.manuscript:
        present = now
    return UndoHistory(tuple(reversed(past)), present, tuple(reversed(future)))


def _encoded_all(states: Any, manuscript: str) -> list[list[Any]]:
    """The states, each by how it differs from the one before it, the first from `manuscript`."""
    encoded = []
    for state in states:
        encoded.append(_encoded(state, manuscript))
        manuscript = state.manuscript
    return encoded


def _encoded(state: EditorState, before: str) -> list[Any]:
    """[characters that the two manuscripts begin with, the rest, drafts, their source]."""
    count = _common(before, state.manuscript)
    source = "" if state.source is None else state.source.as_text()
    drafts = list(state.drafts) if any(state.drafts) else []
    return [count, state.manuscript[count:], drafts, source]


def _decoded_all(encoded: Any, manuscript: str) -> list[EditorState]:
    states = []
    for each in encoded:
        states.append(_decoded(each, manuscript))
        manuscript = states[-1].manuscript
    return states


def _decoded(encoded: Any, before: str) -> EditorState:
    """The state; raises ValueError or TypeError for anything that is none."""
    count, rest, drafts, source = encoded
    if not isinstance(rest, str) or not all(isinstance(draft, str) for draft in drafts):
        raise TypeError
    texts = (*drafts, *NO_DRAFTS)[: len(NO_DRAFTS)]
    return EditorState(before[:count] + rest, texts, None, source_from_text(source))


def _common(one: str, other: str) -> int:
    """How many characters both texts begin with."""
    low, high = 0, min(len(one), len(other))
    # `startswith` compares as fast as memory is read; a loop over characters does not.
    while low < high:
        middle = (low + high + 1) // 2
        if one.startswith(other[:middle]):
            low = middle
        else:
            high = middle - 1
    return low
