"""A whole file is looked at before it is read: is it what it seems to be, and can it be read?

What is found out here would otherwise end a long import in its middle, or never be noticed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from novelgen.errors import CorpusError
from novelgen.i18n import _, join_list
from novelgen.text.encoding import COMMON
from novelgen.text.mojibake import (
    UTF8_READ_AS_LATIN,
    Diagnosis,
    Repair,
    count_marks,
    find_repair,
    is_destroyed,
    restore,
)
from novelgen.text.remarks import Remark, garbled_places, scrambled
from novelgen.text.sources import Source

# Characters that are judged: at the start, the middle and the end of each chunk, and in all.
_SAMPLE = 1 << 11
_LARGEST_SAMPLE = 1 << 16
# So many Chinese characters are enough to judge by, and to judge by the commonest alone.
_FEWEST = 100
_FEWEST_FOR_COMMONEST = 500
# A private-use character stands for a Chinese one where a font hides the text.
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\ue000-\uf8ff\U00020000-\U0003ffff]")
# The lowest of 120 novels, of five centuries: 0.71 of the characters are common, and 0.13 are
# among the commonest.
_LEAST_COMMON = 0.5
_LEAST_COMMONEST = 0.05
_COMMON_HAN = frozenset(filter(_HAN.match, COMMON))
_COMMONEST = frozenset("的一了是不我他在有人道说来之也大这个上中子到你着里得去那就曰為爲說這來個")
# Below this share of all characters, Chinese is not the language of the text.
_CHINESE = 0.3
# Question marks in the place of characters; prose has one in forty at most.
_FEWEST_QUESTIONS = 50

# What wrong encodings leave in place of characters.
_MARKS_OF_DAMAGE = ("锟斤拷", "烫烫烫", "\ufffd", "?")


@dataclass
class Inspection:
    """What a whole text shows: how long it is, its damage, and a sample of whole lines."""

    characters: int = 0
    marks: int = 0  # places that a wrong encoding has destroyed
    marked: int = 0  # their characters
    lost: int = 0  # replacement marks, of bytes that could not be decoded or were so before
    questions: int = 0
    sample: str = ""

    def read(self, chunks: Iterable[str]) -> Inspection:
        """Takes note of the text of `chunks`."""
        for chunk in chunks:
            self.characters += len(chunk)
            marks, marked = count_marks(chunk)
            self.marks += marks
            self.marked += marked
            self.lost += chunk.count("\ufffd")
            self.questions += chunk.count("?")
            if len(self.sample) < _LARGEST_SAMPLE:
                self.sample += _whole_lines(chunk)
        return self

    def repairs(self, source: Source) -> list[Repair]:
        """The mistakes that are to be undone, the last one first. Raises CorpusError if in vain."""
        if self.sample.isascii():
            return []
        diagnosis = find_repair(self.sample)
        if diagnosis is not None:
            if not diagnosis.is_possible:
                raise _beyond_repair(source, diagnosis)
            return [diagnosis.repair]
        # Damaged twice: the first repair leaves nonsense, which only the second makes Chinese.
        once = restore(self.sample, UTF8_READ_AS_LATIN)
        if once != self.sample:
            twice = find_repair(once)
            if twice is not None and twice.is_possible:
                return [UTF8_READ_AS_LATIN, twice.repair]
        return []

    def check_readable(self, source: Source) -> None:
        """Raises CorpusError for a text that a wrong encoding has destroyed."""
        # Question marks say so only where no other character is left.
        questions = 0
        if self.questions >= _FEWEST_QUESTIONS and self.sample.isascii():
            questions = self.questions
        if is_destroyed(self.characters, self.marked, questions):
            raise CorpusError(
                _(
                    "{path}: garbled: {share:.0%} of the text are marks ({marks}) that a wrong"
                    " encoding has left in place of characters, which are lost; get the original"
                    " file"
                ).format(
                    path=source.name,
                    share=(self.marked + questions) / self.characters,
                    marks=join_list(_MARKS_OF_DAMAGE),
                )
            )

    def remarks(self, repairs: Sequence[Repair]) -> list[Remark]:
        """What the reader of the corpus should know, after the repairs."""
        remarks = []
        sample = self.sample
        for repair in repairs:
            sample = restore(sample, repair)
        if self.marks:
            remarks.append(garbled_places(self.marks))
        share = prose_share(sample)
        if share is not None:
            remarks.append(scrambled(share))
        return remarks


def _whole_lines(chunk: str) -> str:
    """Some whole lines of a chunk; all of a short one."""
    if len(chunk) <= 3 * _SAMPLE:
        return chunk
    pieces = []
    for start in (0, len(chunk) // 2, len(chunk) - _SAMPLE):
        piece = chunk[start : start + _SAMPLE]
        # A line that is cut in two would be judged by a part of it.
        first, last = piece.find("\n"), piece.rfind("\n")
        if start and first < last:
            piece = piece[first + 1 : last]
        pieces.append(piece)
    return "\n".join(pieces) + "\n"


def prose_share(sample: str) -> float | None:
    """The share of common characters in a Chinese text that is no prose; None for any other."""
    # 1. Is it Chinese, and enough of it?
    counts = Counter(sample)
    han = sum(counts[character] for character in counts if _HAN.match(character))
    if han < _FEWEST or han < _CHINESE * len(sample):
        return None

    # 2. A font that replaces characters leaves rare ones, or makes others common.
    common = sum(counts[character] for character in _COMMON_HAN & counts.keys()) / han
    commonest = sum(counts[character] for character in _COMMONEST & counts.keys()) / han
    if common < _LEAST_COMMON:
        return common
    if han >= _FEWEST_FOR_COMMONEST and commonest < _LEAST_COMMONEST:
        return commonest
    return None


def _beyond_repair(source: Source, diagnosis: Diagnosis) -> CorpusError:
    return CorpusError(
        _(
            "{path}: garbled: text in the encoding {right} was read as {wrong} and saved, and"
            " {share:.0%} of it cannot be restored; get the original file"
        ).format(
            path=source.name,
            right=diagnosis.repair.right,
            wrong=diagnosis.repair.wrong,
            share=diagnosis.lost,
        )
    )
