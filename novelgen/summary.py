"""Lines of labels and values for a terminal, the values in one column."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def display_width(text: str) -> int:
    """The columns that a text takes on a terminal: a Chinese character has two."""
    return len(text) + sum(unicodedata.east_asian_width(character) in "WF" for character in text)


def aligned_lines(rows: Sequence[tuple[str, str]]) -> list[str]:
    """A line for each label and text; the texts begin behind the widest label."""
    widest = max(display_width(label) for label, _text in rows)
    # By what is seen: `str.ljust` counts a Chinese character as one column.
    return [label + " " * (widest - display_width(label) + 2) + text for label, text in rows]
