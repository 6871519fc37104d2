"""Writing a report: a document, the papers that it cites, and shorthands for both."""

from __future__ import annotations

from matplotlib.figure import Figure

from novelgen.report.document.elements import Document, Picture
from novelgen.report.document.labels import figure_label, table_label
from novelgen.report.document.pictures import formula_picture, picture_of
from novelgen.report.paper.references import Citations


class ReportWriter:
    """A document while it is written. `cite` numbers the papers."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.citations = Citations()
        self.cite = self.citations.cite
        self.heading = document.heading
        self.paragraph = document.paragraph
        self.bullets = document.bullets
        self.quotation = document.quotation
        self.code = document.code

    def equations(self, *latex: str) -> None:
        """Adds equations, one below the other."""
        for each in latex:
            self.document.equation(each, formula_picture(each))

    def figure(self, caption: str, name: str, figure: Figure | Picture) -> str:
        """Adds a figure; returns what it is called: "Figure 3"."""
        picture = picture_of(figure) if isinstance(figure, Figure) else figure
        return figure_label(self.document.figure(caption, name, picture))

    def table(
        self,
        caption: str,
        heading: list[str],
        rows: list[list[str]],
        widths: list[float] | None = None,
    ) -> str:
        """Adds a table; returns what it is called: "Table 2"."""
        return table_label(self.document.table(caption, heading, rows, widths))
