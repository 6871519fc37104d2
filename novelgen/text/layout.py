"""Files whose lines were cut at a fixed width: how to recognise and how to rejoin them.

A line's width is counted in columns, as a terminal shows it; a full line is one that reaches the
width at which the file was cut, and so goes on in the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from novelgen.text.chapters import Headings, find_heading
from novelgen.text.lines import LONGEST_LINE

# Below so many lines, or full lines, there is too little evidence.
_FEWEST_LINES = 12
_FEWEST_FULL_LINES = 6
# Columns at which people cut lines.
_NARROWEST = 40
_WIDEST = 240
# Columns by which a full line may fall short: Chinese avoids a stop at the start of a line, Latin
# words stay whole.
_RAGGED = 6
_RAGGED_WORDS = 16
_SENTENCE_END = re.compile("[。！？…!?.][”’」』）)\"']*$")
# A line of signs alone, or an empty one.
_SIGNS_ALONE = re.compile(r"[-=_~#+*＊—·.\s　]*")


def columns(line: str) -> int:
    """The columns of a line on a terminal: one for an ASCII character, two for any other."""
    return 2 * len(line) - sum(map(str.isascii, line))


@dataclass(frozen=True)
class Wrapping:
    """How the lines of a file were cut: at `width` columns, full lines being at least `full` wide.

    Beside a short line, `indented` or `blank` lines show where a paragraph begins. With
    `double_spaced`, a blank line follows every line and means nothing.
    """

    width: int
    full: int
    indented: bool
    blank: bool
    double_spaced: bool

    def unwrap(self, chunks: Iterable[str]) -> Iterator[str]:
        """Chunks of whole lines, a paragraph a line; blank lines that mean something stay."""
        held: list[str] = []  # the lines of the paragraph that is being read
        size = 0  # their characters
        for chunk in chunks:
            done: list[str] = []
            for line in chunk.removesuffix("\n").split("\n"):
                text = line.strip()
                # 1. The line goes on with the paragraph.
                if text and held and not self._starts_paragraph(line, text, held[-1], size):
                    held.append(text)
                    size += len(text)
                    continue
                # 2. A blank line between all lines says nothing.
                if not text and self.double_spaced:
                    continue
                # 3. The paragraph ends; a blank line ends it too, and stays.
                if held:
                    done.append(join_lines(held))
                held = [text] if text else []
                size = len(text)
                if not text:
                    done.append("")
            if done:
                yield "\n".join(done) + "\n"
        if held:
            yield join_lines(held) + "\n"

    def _starts_paragraph(self, line: str, text: str, before: str, size: int) -> bool:
        """Whether `line`, `text` without its outer spaces, begins a paragraph.

        `before` is the line before it, of a paragraph that has `size` characters so far.
        """
        # 1. What marks a paragraph's beginning, or its end.
        if self.indented and line[0].isspace():
            return True
        is_marked = self.indented or self.blank
        width = columns(before)
        is_short = width < self.full
        is_sentence_end = bool(_SENTENCE_END.search(before))
        if is_short and (is_sentence_end or not is_marked):
            return True
        if is_sentence_end and size > LONGEST_LINE:
            return True
        # 2. Nothing marks a paragraph, but Chinese fills a line to its last column or the last but
        #    one; a line that stops earlier is its paragraph's last.
        if not is_marked and not self._is_ragged():
            missing = 2 if is_sentence_end else 4
            if width < self.width - missing:
                return True
        # 3. The line before goes on, so that a line that opens like a heading is none.
        if not is_short and not is_sentence_end:
            return False
        # 4. Headings and lines of signs stand alone.
        return bool(
            find_heading(text, Headings.MARKDOWN)
            or find_heading(before, Headings.MARKDOWN)
            or _SIGNS_ALONE.fullmatch(text)
        )

    def _is_ragged(self) -> bool:
        return self.width - self.full > _RAGGED_WORDS


def join_lines(lines: list[str]) -> str:
    """The lines of one paragraph as one, with a space between Latin words alone."""
    pieces = [lines[0]]
    for before, after in pairwise(lines):
        if before[-1:].isascii() and after[:1].isascii():
            pieces.append(" ")
        pieces.append(after)
    return "".join(pieces)


def detect_wrapping(sample: str) -> Wrapping | None:
    """The wrapping that the lines of `sample` show; None where a line is a paragraph.

    The evidence: many lines end within a few columns of one width that hardly a line exceeds, and
    most of these end in the middle of a sentence.
    """
    # 1. The width that 99 in 100 lines keep to.
    rows = [line.rstrip() for line in sample.split("\n")]
    lines = [row for row in rows if row]
    if len(lines) < _FEWEST_LINES:
        return None
    widths = [columns(line) for line in lines]
    width = sorted(widths)[int(len(widths) * 0.99)]
    if not _NARROWEST <= width <= _WIDEST:
        return None

    # 2. The lines that reach it, as nearly as the script of the text allows.
    full = width - _ragged_columns(lines)
    is_full = [value >= full for value in widths]
    cut = [line for line, reaches in zip(lines, is_full, strict=True) if reaches]

    # 3. Are they many, and do they break sentences?
    open_ended = sum(not _SENTENCE_END.search(line) for line in cut)
    if len(cut) < max(_FEWEST_FULL_LINES, 0.25 * len(lines)) or open_ended < 0.6 * len(cut):
        return None
    return _find_marks(rows, lines, is_full, width, full - 2)


def _ragged_columns(lines: list[str]) -> int:
    """How far from the width full lines end, in text of Latin words or of other characters."""
    some = lines[:2000]
    latin = sum(character.isalpha() for line in some for character in line if character.isascii())
    if latin * 2 > sum(map(len, some)):
        return _RAGGED_WORDS
    return _RAGGED


def _find_marks(
    rows: list[str], lines: list[str], is_full: list[bool], width: int, full: int
) -> Wrapping:
    """The wrapping at `width`, with what marks its paragraphs.

    `rows` are all lines of the sample, `lines` those that are not blank; `is_full` is for these.
    """
    # 1. Blank lines: in the middle of sentences they mean nothing.
    goes_on = 0
    blank_in_sentence = 0
    for row, following in pairwise(rows):
        if row and columns(row) >= full and not _SENTENCE_END.search(row):
            goes_on += 1
            blank_in_sentence += not following
    double_spaced = blank_in_sentence > 0.5 * goes_on
    blank = not double_spaced and rows.count("") > 0.05 * len(lines)

    # 2. Indentation: the line behind an open-ended full line is no paragraph's first, and would
    #    not be indented if indentation meant anything.
    indented = [line[0].isspace() for line in lines]
    inside = [
        mark
        for before, reaches, mark in zip(lines, is_full, indented[1:], strict=False)
        if reaches and not _SENTENCE_END.search(before)
    ]
    means_paragraph = sum(indented) > 0.05 * len(lines) and sum(inside) < 0.3 * len(inside)
    return Wrapping(width, full, means_paragraph, blank, double_spaced)
