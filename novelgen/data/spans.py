"""Which segments are the pairs of a task: the targets, and the segments of their sources."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from novelgen.data.split import ChapterNumbers, find_targets

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Spans(NamedTuple):
    """The n pairs of a task as places of segments."""

    targets: Int64s  # (n,)
    sources: Int64s  # (n,) the first segment of each source
    source_ends: Int64s  # (n,) the place behind its last one


def next_spans(chapters: ChapterNumbers, is_in: Bools, context: int) -> Spans:
    """The pairs of "next": a source is up to `context` segments before its target.

    chapters, is_in: (segments,) the chapter of each, and whether it is in the part.
    """
    is_target = find_targets(chapters)
    targets = np.flatnonzero(is_target & is_in)
    # A source does not reach back over the beginning of its chapter.
    sources = np.maximum(targets - context, _chapter_starts(is_target)[targets])
    return Spans(targets, sources, targets)


def same_spans(chapters: ChapterNumbers, is_in: Bools, context: int) -> Spans:
    """The pairs of "same": every segment is a target, and the last segment of its own source."""
    targets = np.flatnonzero(is_in)
    starts = _chapter_starts(find_targets(chapters))[targets]
    return Spans(targets, np.maximum(targets + 1 - context, starts), targets + 1)


def previous_spans(chapters: ChapterNumbers, is_in: Bools, context: int) -> Spans:
    """The pairs of "previous": a source is up to `context` segments behind its target.

    It ends where the part does: where parts change inside a chapter, held-out text lies behind that
    for training.
    """
    places = np.arange(len(chapters))
    # Whether the next segment is of the same chapter and part.
    goes_on = np.zeros(len(chapters), dtype=bool)
    goes_on[:-1] = find_targets(chapters)[1:] & is_in[1:] & is_in[:-1]
    targets = np.flatnonzero(goes_on)
    # For every segment, the place behind the last one that it goes on to: the nearest place from
    # it onwards where nothing goes on, found from the back.
    ends = np.minimum.accumulate(np.where(goes_on, len(chapters), places + 1)[::-1])[::-1]
    sources = targets + 1
    return Spans(targets, sources, np.minimum(sources + context, ends[targets]))


def _chapter_starts(is_target: Bools) -> Int64s:
    """(segments,) for every segment the first one of its chapter."""
    return np.maximum.accumulate(np.where(is_target, 0, np.arange(len(is_target))))


TASK_SPANS = {"next": next_spans, "previous": previous_spans, "same": same_spans}
