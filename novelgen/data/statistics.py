"""Figures of a corpus and of each of its novels, gathered while it is imported."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from novelgen.text.importing import Paragraph
from novelgen.text.report import ImportReport
from novelgen.text.tokenizers import code_points

# Characters that wait to be counted: enough that a count takes no time of its own.
_WAITING = 1 << 20
# How many of the most frequent characters and words are stored.
MOST_FREQUENT = 100
_PERCENTILES = (50, 90, 99)


class CharacterCounts:
    """How often each character occurs, by its code point."""

    def __init__(self) -> None:
        self.occurrences: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    def add(self, occurrences: npt.NDArray[np.int64]) -> None:
        """Adds counts by code point, (largest code point + 1,)."""
        if len(occurrences) > len(self.occurrences):
            self.occurrences, occurrences = occurrences.copy(), self.occurrences
        self.occurrences[: len(occurrences)] += occurrences

    @property
    def different(self) -> int:
        """How many different characters there are."""
        return int(np.count_nonzero(self.occurrences))

    def commonest(self, count: int) -> list[tuple[str, int]]:
        """The most frequent characters; of equal ones, those of the lower code point."""
        order = np.argsort(-self.occurrences, kind="stable")[:count]
        pairs = zip(order.tolist(), self.occurrences[order].tolist(), strict=True)
        return [(chr(code), times) for code, times in pairs if times]


class NovelFigures:
    """One file of the corpus: its figures, and where its segments begin.

    `first_number` is the number of its first chapter within the novel: 0 for text before the first
    heading.
    """

    def __init__(self, start: int) -> None:
        self.start = start
        self.first_number = 1
        self.paragraphs = 0
        self.segments = 0
        self.characters = 0
        self.longest_paragraph = 0
        self.vocabulary = CharacterCounts()

    def to_dict(self) -> dict[str, int]:
        """The figures as plain data."""
        return {
            "paragraphs": self.paragraphs,
            "segments": self.segments,
            "characters": self.characters,
            "vocabulary": self.vocabulary.different,
            "longest_paragraph": self.longest_paragraph,
        }


class CorpusFigures:
    """Gathers the figures of paragraphs in reading order.

    A file is a novel. `report` is that of the import, which must have the file of a paragraph as
    its last one when `add` is called with that paragraph.
    """

    def __init__(self, report: ImportReport) -> None:
        self.novels: list[NovelFigures] = []
        self._report = report
        self._lengths = array("i")  # of all paragraphs, in characters
        self._characters = CharacterCounts()
        self._waiting: list[str] = []
        self._waiting_characters = 0
        self._segments = 0

    def add(self, paragraph: Paragraph) -> None:
        """Takes the next paragraph."""
        if len(self.novels) < len(self._report.files):
            self._start_novel(paragraph.chapter)
        # 1. The novel's figures.
        length = sum(map(len, paragraph.segments))
        novel = self.novels[-1]
        novel.paragraphs += 1
        novel.segments += len(paragraph.segments)
        novel.characters += length
        novel.longest_paragraph = max(novel.longest_paragraph, length)
        # 2. Those of the corpus.
        self._segments += len(paragraph.segments)
        self._lengths.append(length)
        self._waiting.extend(paragraph.segments)
        self._waiting_characters += length
        if self._waiting_characters >= _WAITING:
            self._count_characters()

    def finish(self) -> None:
        """Ends the last novel; files behind it of which nothing was left are novels too."""
        self._count_characters()
        while len(self.novels) < len(self._report.files):
            self.novels.append(NovelFigures(self._segments))

    def of_corpus(self, words: Mapping[str, int] | None) -> dict[str, Any]:
        """The figures of all novels together, as plain data.

        `words` are the counts of words of the training part, None where there are none.
        """
        lengths = np.frombuffer(self._lengths, dtype=np.int32)
        percentiles = np.percentile(lengths, _PERCENTILES, method="higher")
        figures: dict[str, Any] = {
            "paragraph_lengths": {
                **{
                    f"p{rank}": int(value)
                    for rank, value in zip(_PERCENTILES, percentiles, strict=True)
                },
                "max": int(lengths.max()),
            },
            "vocabulary": self._characters.different,
            "frequent_characters": self._characters.commonest(MOST_FREQUENT),
        }
        if words is not None:
            figures["frequent_words"] = _commonest_words(words)
        return figures

    def _start_novel(self, chapter: int) -> None:
        """Begins the novel of a paragraph that stands in `chapter`."""
        self._count_characters()
        while len(self.novels) < len(self._report.files):
            self.novels.append(NovelFigures(self._segments))
        novel = self.novels[-1]
        if self._segments == 0:
            # The first novel has its own numbers in the corpus.
            novel.first_number = min(chapter, 1)
        elif self._is_untitled(chapter):
            novel.first_number = 0

    def _is_untitled(self, chapter: int) -> bool:
        """Whether a chapter has no heading."""
        starts = self._report.chapter_starts
        return len(starts) >= chapter and not starts[chapter - 1].title

    def _count_characters(self) -> None:
        """Counts the characters that wait, all of the last novel."""
        if not self._waiting:
            return
        occurrences = np.bincount(code_points("".join(self._waiting)))
        self.novels[-1].vocabulary.add(occurrences)
        self._characters.add(occurrences)
        self._waiting.clear()
        self._waiting_characters = 0


def shown_name(path: str, paths: Sequence[str]) -> str:
    """What to call a file: its name, or as much of its path as tells it from others of the name."""
    pieces = Path(path).parts
    for count in range(1, len(pieces)):
        tail = pieces[-count:]
        if sum(Path(other).parts[-count:] == tail for other in paths) == 1:
            return str(Path(*tail))
    return path


def _commonest_words(words: Mapping[str, int]) -> list[tuple[str, int]]:
    """The most frequent words; of equal ones, those that sort first."""
    order = sorted(words.items(), key=lambda item: (-item[1], item[0]))
    return order[:MOST_FREQUENT]
