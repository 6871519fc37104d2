"""Lines of a summary on a terminal: a label, and a value that begins in the same column in each."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

# Where the values begin, in columns: the longest English label has 10.
VALUE_COLUMN = 14


def display_width(text: str) -> int:
    """The columns that a text takes on a terminal: a Chinese character has two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def summary_line(label: str, value: str) -> str:
    """The label, padded by what it takes on a terminal, and the value."""
    return label + " " * (VALUE_COLUMN - display_width(label)) + value


def aligned_lines(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Lines of a label and a text each; the texts begin behind the widest label."""
    widest = max(display_width(label) for label, _text in rows)
    return [label + " " * (widest - display_width(label) + 2) + text for label, text in rows]
