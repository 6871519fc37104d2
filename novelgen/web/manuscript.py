"""The manuscript and the drafts below it: what the buttons of the Write tab do to them, without the page."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

from novelgen.web import limits
from novelgen.web.generation_service import GenerationResult

_LEVELS = 20  # of undoing
_INSPECTABLE = 4  # of these the last ones can still be looked into; weights of the others would only fill the memory
NO_DRAFTS = ("",) * limits.CANDIDATES


class EditorState(NamedTuple):
    """What stands on the page."""

    manuscript: str = ""
    drafts: tuple[str, ...] = (
        NO_DRAFTS  # limits.CANDIDATES texts, edited perhaps; "" where there is none
    )
    written: GenerationResult | None = None  # what was last written; the drafts come from it

    @property
    def size(self) -> int:
        """Characters that stand on it."""
        return len(self.manuscript) + sum(map(len, self.drafts))


class UndoHistory(NamedTuple):
    """What the tab remembers of a session."""

    history: tuple[EditorState, ...] = ()  # the pages to go back to, oldest first
    left: EditorState | None = (
        None  # as the tab itself last left it, None before; the reader or another tab may have written since
    )
    undone: tuple[EditorState, ...] = ()  # the pages to come back to, the next one last


class CancellationToken:
    """Only one request of a session writes: the last that has taken the pen. An earlier one sees it and ends."""

    def __init__(self) -> None:
        self.holder = 0

    def take(self) -> int:
        """The number of the new holder."""
        self.holder += 1
        return self.holder

    def drop(self) -> None:
        """Nobody writes any more."""
        self.holder += 1


def drafts_of(written: GenerationResult) -> tuple[str, ...]:
    """The candidates' texts, limits.CANDIDATES of them."""
    texts = tuple(generation.text for generation in written.generations)
    return (*texts, *NO_DRAFTS)[: limits.CANDIDATES]


def append(manuscript: str, text: str, task: str = "next") -> str:
    """The manuscript with further paragraphs, one a line; what was written backwards comes before it, the last of it first."""
    if task == "previous":
        return "\n".join([*reversed(text.strip().splitlines()), manuscript.lstrip()])
    return f"{manuscript.rstrip()}\n{text.strip()}".lstrip("\n")


def first_draft(page: EditorState) -> int | None:
    """Which draft is accepted when none is picked; None without any."""
    return next((place for place, draft in enumerate(page.drafts) if draft.strip()), None)


def accept(page: EditorState, desk: UndoHistory, chosen: int | None) -> EditorState:
    """The page with a draft taken over into the manuscript and the others put away."""
    if chosen is None or not page.drafts[chosen].strip():
        return page
    task = page.written.generations[0].task if page.written else "next"
    return EditorState(
        append(_source(page, desk), page.drafts[chosen], task), NO_DRAFTS, page.written
    )


def _source(page: EditorState, desk: UndoHistory) -> str:
    """What the drafts continue: the manuscript.

    But another tab can write a paragraph anew that has been accepted already: such a draft takes its place.
    """
    written, left = page.written, desk.left
    accepted_last = desk.history and left.drafts == NO_DRAFTS and left.manuscript == page.manuscript
    if (
        accepted_last
        and written is not left.written
        and written.manuscript == desk.history[-1].manuscript
    ):
        return written.manuscript
    return page.manuscript


def turn(desk: UndoHistory, before: EditorState, after: EditorState) -> UndoHistory:
    """The desk when `before` has become `after`, which can be undone.

    What had been undone and what stood there before it was edited come to lie before it: no text is out of reach.
    """
    if before[:2] == after[:2]:  # the same text
        return desk._replace(left=after)
    edited = () if desk.left is None or not _is_changed(before, desk.left) else (desk.left,)
    return UndoHistory(_kept((*desk.history, *reversed(desk.undone), *edited, before)), after)


def undo(page: EditorState, desk: UndoHistory) -> tuple[EditorState, UndoHistory]:
    """The page before the last change, and the desk for it.

    What another tab has written is undone first, then what was typed since, which `redo` brings back.
    """
    left = desk.left
    if left is not None and _is_changed(page, left):
        earlier = (
            left if page.written is left.written else left._replace(manuscript=page.manuscript)
        )
        return earlier, desk._replace(undone=_kept((*desk.undone, page)))
    if left is None or not desk.history:
        return page, desk
    # What stands on the page may lag behind what was being written.
    return desk.history[-1], UndoHistory(
        desk.history[:-1], desk.history[-1], _kept((*desk.undone, left))
    )


def redo(page: EditorState, desk: UndoHistory) -> tuple[EditorState, UndoHistory]:
    """The page that was undone last, and the desk for it; what stands now can be gone back to."""
    if not desk.undone:
        return page, desk
    later = desk.undone[-1]
    history = desk.history if page[:2] == later[:2] else _kept((*desk.history, page))
    return later, UndoHistory(history, later, desk.undone[:-1])


def _is_changed(page: EditorState, left: EditorState) -> bool:
    """Whether the reader or another tab has changed the page. Of a text in the making the browser has a beginning only."""
    if page.written is not left.written:
        return True
    if (
        left.written is not None
        and not left.written.finished
        and page.manuscript == left.manuscript
    ):
        return not all(
            whole.startswith(shown) for whole, shown in zip(left.drafts, page.drafts, strict=True)
        )
    return page[:2] != left[:2]


def _kept(pages: tuple[EditorState, ...]) -> tuple[EditorState, ...]:
    """The last pages, as many as a session may remember; the older ones cannot be looked into any more."""
    pages = pages[-_LEVELS:]
    sizes = [0, *itertools.accumulate(page.size for page in reversed(pages))]
    count = max(sum(size <= limits.HISTORY for size in sizes) - 1, 1)  # the last one in any case
    pages = pages[-count:]
    return (
        *(page._replace(written=None) for page in pages[:-_INSPECTABLE]),
        *pages[-_INSPECTABLE:],
    )


def next_opening(before: EditorState, after: EditorState, opening: str) -> str:
    """The opening of the next paragraph: an accepted draft has used up the one that it was written with."""
    used = (
        after.manuscript != before.manuscript
        and before.written is not None
        and before.written.options.get("prefix") == opening
    )
    return "" if used else opening


def next_seed(options: Mapping[str, Any], written: GenerationResult | None) -> dict[str, int]:
    """The option to write otherwise than `written` was: a pinned seed moves behind those of all its candidates."""
    seed = options.get("seed")
    if seed is None or written is None or written.generations[0].seed != seed:
        return {}
    return {"seed": (seed + options["num_samples"]) % (limits.SEED + 1)}
