"""What the file as a whole shows about its single lines: which recur, and what bare numbers are."""

from __future__ import annotations

import enum
import re
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

from novelgen.text.adverts import LONGEST_ADVERT, SIGN
from novelgen.text.chapters import find_heading
from novelgen.text.junk import is_dashed_number, is_page_mark, page_number

# How often a line must stand in a file to recur.
_RECURS = 3
_DIGITS = re.compile(r"\d+")
_SENTENCE_END = re.compile("[。！？…!?”’」』）)》：:；;—~～.\"'】]$")
# A page's number stands at the end of a page, often in the middle of a sentence.
_FEWEST_NUMBERS = 3
_LONGEST_NUMBER = 16
_LETTER = re.compile(r"\w")
SHORTEST_CUT = 8
"""Characters of the first part of a cut sentence; a shorter line may be a title."""
_CUTS = 0.3


class Numbers(enum.Enum):
    """What lines that are a bare number are in a file."""

    UNKNOWN = "unknown"
    SECTIONS = "sections"
    PAGES = "pages"


class _Number(NamedTuple):
    """A line that is a number, and the headings before it."""

    number: int
    is_page: bool
    is_dashed: bool
    cuts_sentence: bool
    is_behind_heading: bool
    headings: int


class FileEvidence(NamedTuple):
    """What was found in the first part of a file.

    `recurring` are the lines with signs of adverts that stand several times, numbers left out;
    `numbers` is what bare numbers mean; `sections` the bare numbers that were met.
    """

    recurring: frozenset[str] = frozenset()
    numbers: Numbers = Numbers.UNKNOWN
    sections: frozenset[int] = frozenset()


def line_key(line: str) -> str:
    """What lines that differ in a number only have in common."""
    return _DIGITS.sub("#", line.strip(" 　\t\r"))


def ends_sentence(line: str) -> bool:
    """Whether a sentence may end where `line` does."""
    return _SENTENCE_END.search(line) is not None


def is_cut(before: str, following: str) -> bool:
    """Whether one sentence may have been cut in two between these lines."""
    return not ends_sentence(before) and _LETTER.match(following) is not None


def find_evidence(sample: str) -> FileEvidence:
    """The evidence of `sample`, the first part of a file."""
    rows = [row for line in sample.split("\n") if (row := line.strip(" 　\t\r"))]
    # 1. Lines that recur.
    keys = Counter(line_key(row) for row in rows if len(row) <= LONGEST_ADVERT and SIGN.search(row))
    recurring = frozenset(key for key, count in keys.items() if count >= _RECURS)

    # 2. Numbers on lines of their own.
    numbers: list[_Number] = []
    headings = 0
    is_behind_heading = True
    for before, row, following in zip(["", *rows], rows, [*rows[1:], ""], strict=False):
        number = None
        if len(row) < _LONGEST_NUMBER:
            number = page_number(row)
        if number is not None:
            cuts = len(before) >= SHORTEST_CUT and is_cut(before, following)
            numbers.append(
                _Number(
                    number,
                    is_page_mark(row),
                    is_dashed_number(row),
                    cuts and not is_behind_heading,
                    is_behind_heading,
                    headings,
                )
            )
        is_behind_heading = row[0] == "第" and find_heading(row) is not None
        headings += is_behind_heading
    bare = [found.number for found in numbers if not found.is_page]
    return FileEvidence(recurring, _what_numbers_are(numbers), frozenset(bare))


def _what_numbers_are(numbers: list[_Number]) -> Numbers:
    """What bare and dashed numbers are, by all numbers of a file in their order."""
    if len(numbers) < _FEWEST_NUMBERS:
        return Numbers.UNKNOWN
    # 1. The numbers of sections stand below headings, or start again in each chapter.
    below = sum(found.is_behind_heading for found in numbers)
    if below > 1 and below >= 0.5 * numbers[-1].headings:
        return Numbers.SECTIONS
    rising = sum(one.number < other.number for one, other in pairwise(numbers))
    if rising < 0.9 * (len(numbers) - 1):
        return Numbers.SECTIONS
    # 2. Those of pages have their own forms, or cut sentences, or run on through chapters.
    if any(found.is_page for found in numbers):
        return Numbers.PAGES
    if sum(found.cuts_sentence for found in numbers) >= _CUTS * len(numbers):
        return Numbers.PAGES
    runs_on = numbers[0].headings < numbers[-1].headings
    if runs_on and sum(found.is_dashed for found in numbers) > 1:
        return Numbers.PAGES
    return Numbers.SECTIONS
