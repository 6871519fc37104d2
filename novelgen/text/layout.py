"""Files whose lines were cut at a fixed width: how to tell, and how to put the paragraphs together again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from novelgen.text.chapters import Headings, find_heading
from novelgen.text.lines import LONGEST_LINE

_FEWEST_LINES = 12
_FEWEST_FULL_LINES = 6
_NARROWEST = 40
_WIDEST = 240
# How far from the full width a full line may end: Chinese avoids a stop at the start of a line, Latin words stay whole.
_RAGGED = 6
_RAGGED_WORDS = 16
_SENTENCE_END = re.compile("[。！？…!?.][”’」』）)\"']*$")
_UNWRAPPABLE = re.compile(r"[-=_~#+*＊—·.\s　]*")


def columns(line: str) -> int:
    """How many columns a line takes on a terminal: one for an ASCII character, two for any other."""
    return 2 * len(line) - sum(map(str.isascii, line))


@dataclass(frozen=True)
class Wrapping:
    """How the lines of a file were cut: at `width` columns, full lines being at least `full` wide.

    Beside a short line, `indented` or `blank` lines show where a paragraph begins. With `double_spaced`, a blank line
    follows every line and means nothing.
    """

    width: int
    full: int
    indented: bool
    blank: bool
    double_spaced: bool

    def unwrap(self, chunks: Iterable[str]) -> Iterator[str]:
        """Chunks of whole lines, a paragraph a line; blank lines that say anything stay."""
        held: list[str] = []
        size = 0
        for chunk in chunks:
            done: list[str] = []
            for line in chunk.removesuffix("\n").split("\n"):
                text = line.strip()
                if text and held and not self._starts_paragraph(line, text, held[-1], size):
                    held.append(text)
                    size += len(text)
                    continue
                if text or not self.double_spaced:
                    if held:
                        done.append(join_lines(held))
                    held, size = ([text], len(text)) if text else ([], 0)
                    if not text:
                        done.append("")
            if done:
                yield "\n".join(done) + "\n"
        if held:
            yield join_lines(held) + "\n"

    def _starts_paragraph(self, line: str, text: str, before: str, size: int) -> bool:
        if self.indented and line[0].isspace():
            return True
        width = columns(before)
        is_short = width < self.full
        ends = bool(_SENTENCE_END.search(before))
        if (is_short and (ends or not (self.indented or self.blank))) or (
            ends and size > LONGEST_LINE
        ):
            return True
        if (
            not (self.indented or self.blank)
            and not self._is_ragged()
            and width < self.width - (2 if ends else 4)
        ):
            # Nothing marks a paragraph, but Chinese fills a line to its last column or the last but one.
            return True
        if not is_short and not ends:
            # The line before goes on, so that a line that opens like a heading (第三回…) is none.
            return False
        return bool(
            find_heading(text, Headings.MARKDOWN)
            or find_heading(before, Headings.MARKDOWN)
            or _UNWRAPPABLE.fullmatch(text)
        )

    def _is_ragged(self) -> bool:
        return self.width - self.full > _RAGGED_WORDS


def join_lines(lines: list[str]) -> str:
    """The lines of one paragraph as one: nothing between Chinese characters, a space between Latin words."""
    pieces = [lines[0]]
    for before, after in pairwise(lines):
        if before[-1:].isascii() and after[:1].isascii():
            pieces.append(" ")
        pieces.append(after)
    return "".join(pieces)


def detect_wrapping(sample: str) -> Wrapping | None:
    """The wrapping that the lines of `sample` give away; None where a line is a paragraph.

    The evidence: many lines end within a few columns of one width that hardly a line exceeds, and most of these
    end in the middle of a sentence.
    """
    rows = [line.rstrip() for line in sample.split("\n")]
    lines = [row for row in rows if row]
    if len(lines) < _FEWEST_LINES:
        return None
    widths = [columns(line) for line in lines]
    width = sorted(widths)[int(len(widths) * 0.99)]
    if not _NARROWEST <= width <= _WIDEST:
        return None
    letters = sum(
        character.isalpha() for line in lines[:2000] for character in line if character.isascii()
    )
    ragged = _RAGGED_WORDS if letters * 2 > sum(map(len, lines[:2000])) else _RAGGED
    full = width - ragged
    is_full = [value >= full for value in widths]
    cut = [line for line, reaches in zip(lines, is_full, strict=True) if reaches]
    open_ended = sum(not _SENTENCE_END.search(line) for line in cut)
    if len(cut) < max(_FEWEST_FULL_LINES, 0.25 * len(lines)) or open_ended < 0.6 * len(cut):
        return None
    return _marks(rows, lines, is_full, Wrapping(width, full - 2, False, False, False))


def _marks(rows: list[str], lines: list[str], is_full: list[bool], wrapping: Wrapping) -> Wrapping:
    """`wrapping` with what marks its paragraphs."""
    goes_on = blank_in_sentence = 0
    for row, following in pairwise(rows):
        if row and columns(row) >= wrapping.full and not _SENTENCE_END.search(row):
            goes_on += 1
            blank_in_sentence += not following
    indented = [line[0].isspace() for line in lines]
    # The line behind an open-ended full line is no paragraph's first: it would not be indented if indentation meant
    # anything.
    inside = [
        mark
        for before, reaches, mark in zip(lines, is_full, indented[1:], strict=False)
        if reaches and not _SENTENCE_END.search(before)
    ]
    double_spaced = blank_in_sentence > 0.5 * goes_on
    blank = not double_spaced and rows.count("") > 0.05 * len(lines)
    means_paragraph = sum(indented) > 0.05 * len(lines) and sum(inside) < 0.3 * len(inside)
    return Wrapping(wrapping.width, wrapping.full, means_paragraph, blank, double_spaced)
