"""Where written text stands in the training text: spans of eight characters and more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from novelgen.data.novel import Novel
from novelgen.data.store import Store
from novelgen.evaluation.text import BLOCK_LINES, COPY_LENGTH, hashes, ngrams, windows
from novelgen.training.checkpoint import RunDirectory
from novelgen.training.stores import Data, ready_data


class Origin(NamedTuple):
    """A span of a text that stands in the training text as well, up to `stop`."""

    start: int
    stop: int
    line: int  # the first line of the training text, from 0, that holds the longest part of it


class Source(NamedTuple):
    """A place in a corpus."""

    novel: str
    chapter: str  # its heading; "" for text before the first one
    paragraph: int  # the segment within the chapter, from 1


def find_origins(
    texts: Sequence[str], training: Iterable[str], size: int = COPY_LENGTH
) -> list[list[Origin]]:
    """For every text its spans whose n-grams of `size` characters all stand in the training text.

    Spans are as long as they can be, in order; two may overlap. The n-grams of a
    span may come from several lines: `line` has the longest piece of it that stands in one.
    """
    # 1. The first line of each n-gram that the texts have; only those lines are kept.
    wanted = {gram for text in texts for gram in ngrams(text, size)}
    places, kept = _first_lines(wanted, training, size)

    # 2. Neighbouring n-grams that occur are a span.
    return [
        [
            Origin(start, stop, _longest_line(text[start:stop], places, kept, size))
            for start, stop in _spans(text, places, size)
        ]
        for text in texts
    ]


def _spans(text: str, places: Mapping[str, int], size: int) -> Iterator[tuple[int, int]]:
    """Where runs of n-grams that have a place begin and end; two may share characters."""
    start = None
    # One more, empty, ends a run at the end of the text.
    for place, gram in enumerate([*ngrams(text, size), ""]):
        if gram in places:
            start = place if start is None else start
        elif start is not None:
            yield start, place + size - 1
            start = None


def _first_lines(
    wanted: set[str], training: Iterable[str], size: int
) -> tuple[dict[str, int], dict[int, str]]:
    """The first line that holds each n-gram of `wanted`, and the text of those lines."""
    places: dict[str, int] = {}
    kept: dict[int, str] = {}
    if not wanted:
        return places, kept
    wanted_hashes = hashes(np.array([[ord(character) for character in gram] for gram in wanted]))
    lines = iter(training)
    first = 0
    while block := list(islice(lines, BLOCK_LINES)):
        passage = "\n".join(block)
        # The line of every place in the passage.
        starts = np.cumsum([0, *(len(line) + 1 for line in block)])
        codes = windows(passage, size)
        for place in np.flatnonzero(np.isin(hashes(codes), wanted_hashes)):
            gram = passage[place : place + size]
            # A window over the end of a line, or with an equal hash by chance, is none of them.
            if gram in wanted and gram not in places:
                number = int(np.searchsorted(starts, place, side="right")) - 1
                places[gram] = first + number
                kept[first + number] = block[number]
        first += len(block)
    return places, kept


def _longest_line(span: str, places: dict[str, int], kept: dict[int, str], size: int) -> int:
    """Of the lines that hold the n-grams of a span, the one with the longest piece of it."""
    best = (0, 0)
    for start, gram in enumerate(ngrams(span, size)):
        line = places[gram]
        stop = start + size
        while stop < len(span) and span[start : stop + 1] in kept[line]:
            stop += 1
        # Of equally long pieces, the first.
        best = max(best, (stop - start, -line))
    return -best[1]


def locate(store: Store, part: str, line: int) -> Source:
    """Where line `line` (from 0) of a part of a store stands.

    Lines are counted as `Store.texts` yields them.
    """
    segment = int(np.flatnonzero(store.is_in(part))[line])
    chapter = int(store.chapters[segment])
    first = int(np.searchsorted(store.chapters, chapter))
    found = store.meta["import"]
    title = ""
    file = 0
    if chapter:
        title = found["titles"][chapter - 1]
        file = found["places"][chapter - 1]["file"]
    return Source(store.meta["novels"][file]["name"], title, segment - first + 1)


class Copy(NamedTuple):
    """A span of a written text that stands in the training text of its run."""

    start: int
    stop: int
    text: str
    source: Source


def find_copies(directory: Path, texts: Sequence[str]) -> list[list[Copy]] | None:
    """The spans of eight characters and more of each text that a run's training text has.

    None where the training text is not here, as of the base model, or is no novel. Raises
    CheckpointError where the run is damaged.
    """
    data = ready_data(directory, RunDirectory(directory).load_info())
    if not isinstance(data, Novel):
        return None
    return copies_from(data, texts)


def copies_from(data: Data, texts: Sequence[str]) -> list[list[Copy]]:
    """The spans of each text that stand in what a run was trained on; of pairs without a place.

    The training text is read from its beginning to its end, so nothing is kept for it: a quarter of
    a second for a million characters.
    """
    found = find_origins(texts, data.targets("train"))
    return [
        [Copy(start, stop, text[start:stop], _source(data, line)) for start, stop, line in origins]
        for text, origins in zip(texts, found, strict=True)
    ]


def _source(data: Data, line: int) -> Source:
    if not isinstance(data, Novel):
        return Source("", "", 0)
    return locate(data.store, "train", line)
