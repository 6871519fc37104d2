"""Where a line of Chinese text may end, for reportlab, whose own rule looks at one mark alone.

Its rule lets the second of two closing marks begin a line, and cuts Latin words in narrow columns.
"""

from __future__ import annotations

from collections.abc import Sequence

from reportlab.lib.textsplit import ALL_CANNOT_END, ALL_CANNOT_START, getCharWidths

from novelgen.text.marks import BEGINS_NO_LINE

BEGINS_NONE = ALL_CANNOT_START + BEGINS_NO_LINE
_ENDS_NONE = ALL_CANNOT_END
_FUZZ = 1e-3  # points, of sums that are rounded


def split_lines(
    text: str, widths: float | Sequence[float], font: str, size: float
) -> list[list[float | str]]:
    """The lines of a text as reportlab's `wordSplit` returns them: [room that is left, line].

    `widths` are those of the lines in points; the last one holds for all that follow.
    """
    limits = [widths] if isinstance(widths, (int, float)) else widths
    advances = getCharWidths(text, font, size)
    lines: list[list[float | str]] = []
    start = 0
    while start < len(text):
        limit = limits[min(len(lines), len(limits) - 1)]
        end = start
        used = 0.0
        while end < len(text) and used + advances[end] <= limit + _FUZZ:
            used += advances[end]
            end += 1
        # One character at least, however narrow the column.
        end = max(end, start + 1)
        if end < len(text):
            end = _last_break(text, start, end)
        lines.append([limit - sum(advances[start:end]), text[start:end].strip()])
        start = end
    return lines


def _last_break(text: str, start: int, end: int) -> int:
    """The last place up to `end` where a line may end; `end` where that leaves half a line empty.

    So a word that is longer than its column is cut.
    """
    for place in range(end, (start + end) // 2, -1):
        if _may_break(text[place - 1], text[place]):
            return place
    return end


def _may_break(before: str, after: str) -> bool:
    """Whether a line may end between two characters."""
    if after.isspace():
        return True
    if after in BEGINS_NONE or before in _ENDS_NONE:
        return False
    # Within a word or a number; a path may be cut behind its slashes.
    return before.isspace() or before == "/" or not (_is_narrow(before) and _is_narrow(after))


def _is_narrow(character: str) -> bool:
    """Of Latin text: a letter, a digit, or a mark that is no Chinese one."""
    return ord(character) < 0x2000
