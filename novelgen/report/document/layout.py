"""The page that all formats share, and how wide the columns of a table are."""

from __future__ import annotations

import re
from collections.abc import Sequence

from novelgen.report.document.elements import Table
from novelgen.terminal import display_width

TEXT_WIDTH = 16.0  # centimetres between the margins of a page, A4

# No column is wider than this by what stands in it: a long text has several lines. A heading may
# have two.
_WIDEST = 48
_NARROWEST = 5


def column_shares(table: Table) -> list[float]:
    """The share of the page's width that each column gets; they sum to 1."""
    widths = table.widths
    if widths is None:
        columns = zip(table.heading, *table.rows, strict=True)
        widths = [_needed(heading, cells) for heading, *cells in columns]
    total = sum(widths)
    return [width / total for width in widths]


def _needed(heading: str, cells: Sequence[str]) -> int:
    """The width of a column in terminal columns: a Latin letter is one, a Chinese character two."""
    # A word of Latin letters is not cut.
    longest_word = max(map(len, re.findall("[!-~]+", heading)), default=0)
    wanted = max(longest_word, display_width(heading) // 2, *map(display_width, cells))
    return min(max(_NARROWEST, wanted), _WIDEST)
