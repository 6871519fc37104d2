"""The words around an element: "Figure 3. …", "Table 2. …", "Contents"."""

from __future__ import annotations

from novelgen.i18n import _
from novelgen.report.document.elements import Figure, Table


def caption(element: Figure | Table) -> str:
    """The caption with its number."""
    return f"{label(element)} {element.caption}"


def label(element: Figure | Table) -> str:
    """What the element is called in a text: "Figure 3"."""
    if isinstance(element, Figure):
        return figure_label(element.number)
    return table_label(element.number)


def figure_label(number: int) -> str:
    """The name of a figure by its number."""
    return _("Figure {number}").format(number=number)


def table_label(number: int) -> str:
    """The name of a table by its number."""
    return _("Table {number}").format(number=number)


def equation_label(number: int) -> str:
    """The name of an equation by its number."""
    return _("Equation ({number})").format(number=number)


def contents_title() -> str:
    """The heading above the table of contents."""
    return _("Contents")
