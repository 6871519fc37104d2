"""The page that all formats share, and how wide the columns of a table are."""

from __future__ import annotations

from novelgen.report.document.elements import Table
from novelgen.terminal import display_width

TEXT_WIDTH = 16.0  # centimetres between the margins of a page, A4

# No column is wider than this by what stands in it: a long text has several lines.
_WIDEST = 48
_NARROWEST = 5


def column_shares(table: Table) -> list[float]:
    """The share of the page's width that each column gets; they sum to 1."""
    widths = table.widths
    if widths is None:
        columns = zip(table.heading, *table.rows, strict=True)
        widths = [
            min(max(_NARROWEST, *(display_width(cell) for cell in column)), _WIDEST)
            for column in columns
        ]
    total = sum(widths)
    return [width / total for width in widths]
