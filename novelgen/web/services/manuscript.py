"""The manuscript and the drafts below it: what the buttons of the Write tab do to them.

Pure functions of the editor's state and its undo history; nothing here knows of the page.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

from novelgen.web import limits
from novelgen.web.services.draft_source import DraftSource
from novelgen.web.services.streaming import GenerationResult

# Steps that can be undone.
_LEVELS = 20
# The newest of them keep their GenerationResult, for the Attention tab. It holds the attention
# weights: those of all levels would fill the memory.
_LEVELS_WITH_RESULT = 4
NO_DRAFTS = ("",) * limits.CANDIDATES


class EditorState(NamedTuple):
    """All text in the editor at one moment."""

    manuscript: str = ""
    # limits.CANDIDATES texts, edited perhaps; "" where there is none.
    drafts: tuple[str, ...] = NO_DRAFTS
    # The last generation, from which the drafts come.
    result: GenerationResult | None = None
    # What the drafts continue; None for drafts that the writer has typed.
    source: DraftSource | None = None

    @property
    def size(self) -> int:
        """Number of characters, drafts included."""
        return len(self.manuscript) + sum(map(len, self.drafts))

    @property
    def texts(self) -> tuple[str, tuple[str, ...]]:
        """The manuscript and the drafts, to compare two states by what can be read."""
        return self.manuscript, self.drafts


class UndoHistory(NamedTuple):
    """The states that a session can go back and forth to."""

    # States to undo to, oldest first.
    past: tuple[EditorState, ...] = ()
    # The state as the Write tab itself last made it, None before the first. The visitor or another
    # tab may have changed the editor since.
    present: EditorState | None = None
    # States to redo, the next one last.
    future: tuple[EditorState, ...] = ()


class CancellationToken:
    """Lets one request of a session generate at a time: starting one cancels those before it."""

    def __init__(self) -> None:
        self._current = 0

    def start(self) -> int:
        """Cancels all earlier requests; returns the number of the new one."""
        self._current += 1
        return self._current

    def cancel(self) -> None:
        """Cancels all requests so far."""
        self._current += 1

    def is_cancelled(self, number: int) -> bool:
        """Whether the request with this number has been cancelled."""
        return number != self._current


def drafts_of(result: GenerationResult) -> tuple[str, ...]:
    """The candidates' texts, filled up with "" to limits.CANDIDATES of them."""
    texts = tuple(generation.text for generation in result.generations)
    return (*texts, *NO_DRAFTS)[: limits.CANDIDATES]


def append(manuscript: str, text: str, task: str = "next") -> str:
    """The manuscript with further paragraphs, one a line.

    Paragraphs of the task "previous" were generated backwards: they are put before the manuscript,
    the one generated last at the top.
    """
    if task == "previous":
        return "\n".join([*reversed(text.strip().splitlines()), manuscript.lstrip()])
    return f"{manuscript.rstrip()}\n{text.strip()}".lstrip("\n")


def only_draft(state: EditorState) -> int | None:
    """Index of the draft where there is one; None without any, and where there are several."""
    places = [place for place, draft in enumerate(state.drafts) if draft.strip()]
    return places[0] if len(places) == 1 else None


def draft_to_continue(state: EditorState) -> int | None:
    """Index of the draft that Continue accepts.

    None where there is none, where there are several, and where the manuscript is another one by
    now than the draft was written for: nobody may have meant that draft to follow it.
    """
    if state.source is not None and not state.source.is_of(state.manuscript):
        return None
    return only_draft(state)


def accept(state: EditorState, undo_history: UndoHistory, chosen: int | None) -> EditorState:
    """The state with the draft of index `chosen` moved into the manuscript, the others removed."""
    if chosen is None or not state.drafts[chosen].strip():
        return state
    task = "next" if state.source is None else state.source.task
    manuscript = append(_continued_text(state, undo_history), state.drafts[chosen], task)
    return EditorState(manuscript, NO_DRAFTS, state.result)


def discard(state: EditorState) -> EditorState:
    """The state without its drafts; the result stays, for the Attention tab."""
    return EditorState(state.manuscript, NO_DRAFTS, state.result)


def _continued_text(state: EditorState, undo_history: UndoHistory) -> str:
    """The text that the drafts continue: the manuscript.

    With one exception: the Attention tab can write another version of a paragraph that has already
    been accepted. Such a draft replaces the accepted paragraph.
    """
    result = state.result
    present = undo_history.present
    if result is None or present is None or not undo_history.past:
        return state.manuscript
    was_just_accepted = present.texts == (state.manuscript, NO_DRAFTS)
    is_new_version = (
        result is not present.result and result.manuscript == undo_history.past[-1].manuscript
    )
    if was_just_accepted and is_new_version:
        return result.manuscript
    return state.manuscript


def record_change(
    undo_history: UndoHistory, before: EditorState, after: EditorState
) -> UndoHistory:
    """The undo history when `before` has become `after`.

    States that were undone, and the state before the visitor edited it, are moved into the past
    before `before`: no text gets out of reach.
    """
    present = undo_history.present
    if before.texts == after.texts:
        return undo_history._replace(present=after)
    past = [*undo_history.past, *reversed(undo_history.future)]
    if present is not None and _is_changed(before, present):
        past.append(present)
    return UndoHistory(_within_limits((*past, before)), after)


def undo(state: EditorState, undo_history: UndoHistory) -> tuple[EditorState, UndoHistory]:
    """The state before the last change, and the undo history for it.

    What another tab has generated is undone first, then what was typed since; `redo` restores it.
    """
    present = undo_history.present
    if present is None:
        return state, undo_history
    # 1. The editor has been changed from outside: back to what the tab itself last made.
    if _is_changed(state, present):
        earlier = present
        if state.result is not present.result:
            earlier = present._replace(manuscript=state.manuscript)
        future = _within_limits((*undo_history.future, state))
        return earlier, undo_history._replace(future=future)
    # 2. Otherwise one step back. `present` is kept rather than `state`, which may lag behind a
    #    text that is still being generated.
    if not undo_history.past:
        return state, undo_history
    *past, earlier = undo_history.past
    future = _within_limits((*undo_history.future, present))
    return earlier, UndoHistory(tuple(past), earlier, future)


def redo(state: EditorState, undo_history: UndoHistory) -> tuple[EditorState, UndoHistory]:
    """The state that was undone last, and the undo history for it, with `state` in its past."""
    if not undo_history.future:
        return state, undo_history
    *future, later = undo_history.future
    past = undo_history.past
    if state.texts != later.texts:
        past = _within_limits((*past, state))
    return later, UndoHistory(past, later, tuple(future))


def _is_changed(state: EditorState, present: EditorState) -> bool:
    """Whether the visitor or another tab has changed the editor since the state `present`."""
    if state.result is not present.result:
        return True
    is_growing = present.result is not None and not present.result.finished
    if is_growing and state.manuscript == present.manuscript:
        # The browser has no more than a beginning of a text that is still being generated.
        pairs = zip(present.drafts, state.drafts, strict=True)
        return not all(whole.startswith(shown) for whole, shown in pairs)
    return state.texts != present.texts


def _within_limits(states: tuple[EditorState, ...]) -> tuple[EditorState, ...]:
    """The last states, as many as a session may keep; the older of them lose their result."""
    states = states[-_LEVELS:]
    # sizes[n] is how many characters the last n states have; the last state is kept in any case.
    sizes = [0, *itertools.accumulate(state.size for state in reversed(states))]
    count = max(sum(size <= limits.HISTORY for size in sizes) - 1, 1)
    states = states[-count:]
    older = (state._replace(result=None) for state in states[:-_LEVELS_WITH_RESULT])
    return (*older, *states[-_LEVELS_WITH_RESULT:])


def next_opening(before: EditorState, after: EditorState, opening: str) -> str:
    """The opening of the next paragraph: "" once the draft that began with it is accepted."""
    if before.result is None or after.manuscript == before.manuscript:
        return opening
    is_used = before.result.options.get("prefix") == opening
    return "" if is_used else opening


def next_seed(options: Mapping[str, Any], result: GenerationResult | None) -> int | None:
    """The seed with which the same settings write another text than `result`.

    A pinned seed moves behind the seeds of all candidates of `result`. None where the seed in
    `options` is random, or another one than the result's.
    """
    seed = options.get("seed")
    if seed is None or result is None or result.generations[0].seed != seed:
        return None
    following: int = (seed + options["num_samples"]) % (limits.SEED + 1)
    return following
