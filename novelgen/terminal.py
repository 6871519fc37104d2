"""Text in the columns of a terminal, where a Chinese character takes two."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# What a line is not broken within: a word or one Chinese character, with the opening bracket before
# it and the full-width marks behind it.
_UNIT = re.compile(
    r"\s*\uff08?(?:[^\s\u2e80-\uffef]+|[\u2e80-\uffef])[\u3001\u3002\uff09\uff0c\uff1a\uff1b]*"
)


def display_width(text: str) -> int:
    """The columns that a text takes."""
    return len(text) + sum(unicodedata.east_asian_width(character) in "WF" for character in text)


def aligned_lines(rows: Sequence[tuple[str, str]]) -> list[str]:
    """A line for each label and text; the texts begin in one column, behind the widest label."""
    widest = max(display_width(label) for label, _text in rows)
    # `str.ljust` would count a Chinese character as one column.
    return [label + " " * (widest - display_width(label) + 2) + text for label, text in rows]


def table_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line for each row of cells; the first column begins, the others end in one column."""
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [first + " " * (widths[0] - display_width(first))]
        for cell, width in zip(others, widths[1:], strict=True):
            cells.append(" " * (width - display_width(cell)) + cell)
        lines.append("  ".join(cells).rstrip())
    return lines


def wrapped_lines(text: str, columns: int) -> list[str]:
    """The text in lines of at most `columns`, as far as its words allow.

    `textwrap` breaks at spaces only, of which a Chinese sentence has none.
    """
    lines = []
    line = ""
    for unit in _UNIT.findall(" ".join(text.split())):
        if line and display_width(line + unit) > columns:
            lines.append(line)
            line = ""
        line += unit
    # The space between two words is the second one's; at the head of a line it goes.
    return [line.strip() for line in (*lines, line)]
