"""Where written text stands in the training text: spans of eight characters and more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from novelgen.data.novel import Novel
from novelgen.data.passages import PASSAGE_LENGTH, PassageIndex
from novelgen.data.store import Store
from novelgen.evaluation.text import ngrams
from novelgen.training.run_directory import RunDirectory
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


def find_origins(texts: Sequence[str], training: PassageIndex) -> list[list[Origin]]:
    """For every text its spans whose passages of eight characters all stand in the training text.

    Spans are as long as they can be, in order; two may overlap. The passages of a span may come
    from several lines: `line` has the longest piece of it that stands in one.
    """
    return [
        [
            Origin(start, start + len(span), _longest_line(span, places, training))
            for start, span, places in _spans(text, training)
        ]
        for text in texts
    ]


def _spans(text: str, training: PassageIndex) -> Iterator[tuple[int, str, list[int]]]:
    """Where each span begins, its text, and where its passages stand in the training text."""
    found = training.find(list(ngrams(text, PASSAGE_LENGTH)))
    start = 0
    # Neighbouring passages that occur are a span.
    for _occurs, group in groupby(found, key=lambda place: place is not None):
        run = list(group)
        places = [place for place in run if place is not None]
        if places:
            yield start, text[start : start + len(places) + PASSAGE_LENGTH - 1], places
        start += len(run)


def _longest_line(span: str, places: Sequence[int], training: PassageIndex) -> int:
    """Of the lines that hold the passages of a span, the one with the longest piece of it."""
    best = (0, 0)
    for start, place in enumerate(places):
        number = training.line_at(place)
        line = training.line(number)
        stop = start + PASSAGE_LENGTH
        while stop < len(span) and span[start : stop + 1] in line:
            stop += 1
        # Of equally long pieces, the first.
        best = max(best, (stop - start, -number))
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
    """The spans of each text that stand in what a run was trained on; of pairs without a place."""
    found = find_origins(texts, data.passages())
    return [
        [Copy(start, stop, text[start:stop], _source(data, line)) for start, stop, line in origins]
        for text, origins in zip(texts, found, strict=True)
    ]


def _source(data: Data, line: int) -> Source:
    if not isinstance(data, Novel):
        return Source("", "", 0)
    return locate(data.store, "train", line)
