"""A document as a PDF by reportlab: its text can be selected, its headings are an outline."""

from __future__ import annotations

import io
from html import escape
from pathlib import Path
from typing import Any

from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER, TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import cm
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    Image,
    PageBreak,
    PageTemplate,
    Spacer,
)
from reportlab.platypus import Paragraph as Text
from reportlab.platypus import Table as Grid
from reportlab.platypus import paragraph as text_module
from reportlab.platypus.tableofcontents import TableOfContents

from novelgen.report.document.elements import (
    Bullets,
    Code,
    Document,
    Element,
    Equation,
    Figure,
    Heading,
    Paragraph,
    Picture,
    Quotation,
    Table,
)
from novelgen.report.document.labels import caption, contents_title
from novelgen.report.document.layout import TEXT_WIDTH, column_shares
from novelgen.report.document.pdf_font import registered_font
from novelgen.report.document.pdf_lines import BEGINS_NONE, split_lines
from novelgen.report.fonts import require_font

_MARGIN = 2.5 * cm
_TALLEST = 22 * cm  # of a figure, so that its caption has room
_NUMBER_WIDTH = 1.2  # centimetres, of an equation's number
# What every page needs, whatever the texts.
_ALWAYS = set(map(chr, range(0x20, 0x7F)))
# Paragraphs look both up in their module: the first breaks a text of one style, the second says
# what begins no line of one that has line breaks.
text_module.wordSplit = split_lines
text_module.ALL_CANNOT_START = BEGINS_NONE
_GREY = colors.HexColor("#555555")


def write_pdf(document: Document, path: Path) -> None:
    """Writes the document, A4. Raises ConfigError where the system has no Chinese font."""
    characters = _ALWAYS | _characters(document)
    with registered_font(require_font().path, characters) as font:
        story = _Story(document, font)
        template = _Template(path, document.title, font)
        # Twice, as the table of contents must know the pages.
        template.multiBuild(story.flowables())


class _Template(BaseDocTemplate):  # type: ignore[misc]
    """Pages with their number at the foot; headings become lines of contents and outline."""

    def __init__(self, path: Path, title: str, font: str) -> None:
        super().__init__(str(path), pagesize=A4, title=title, initialFontName=font)
        self._font = font
        width, height = A4
        frame = Frame(_MARGIN, _MARGIN, width - 2 * _MARGIN, height - 2 * _MARGIN, 0, 0, 0, 0)
        self.addPageTemplates(PageTemplate(frames=[frame], onPage=self._number_page))

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802 - reportlab's name
        """Notes a heading."""
        heading = getattr(flowable, "heading", None)
        if heading is None:
            return
        key = f"section{id(heading)}"
        self.canv.bookmarkPage(key)
        self.canv.addOutlineEntry(heading.full_text, key, heading.level - 1)
        entry = (heading.level - 1, escape(heading.full_text), self.page, key)
        self.notify("TOCEntry", entry)

    def _number_page(self, canvas: Any, _document: Any) -> None:
        canvas.setFont(self._font, 9)
        canvas.drawCentredString(A4[0] / 2, _MARGIN / 2, str(canvas.getPageNumber()))


class _Story:
    """The elements of a document as reportlab's flowables."""

    def __init__(self, document: Document, font: str) -> None:
        self._document = document
        self._font = font
        self._body = self._style(10.5, leading=1.6, spaceAfter=6)
        self._cell = self._style(8.5, leading=1.4)
        self._caption_style = self._style(9, alignment=TA_CENTER, spaceBefore=3, spaceAfter=6)
        self._quotation = self._style(10, leading=1.55, leftIndent=0.8 * cm, spaceAfter=4)
        self._quotation.textColor = _GREY
        self._code = self._style(8.5, leading=1.45, leftIndent=0.4 * cm)
        self._code.backColor = colors.HexColor("#f5f5f3")
        sizes = {1: 16.0, 2: 13.0, 3: 11.5}
        self._headings = {
            level: self._style(size, spaceBefore=14, spaceAfter=7, keepWithNext=True)
            for level, size in sizes.items()
        }

    def flowables(self) -> list[Flowable]:
        """The title page, the table of contents, and all elements."""
        title = self._style(24, alignment=TA_CENTER, spaceAfter=30)
        detail = self._style(11, alignment=TA_CENTER, spaceAfter=8)
        flowables: list[Flowable] = [Spacer(0, 6 * cm), self._text(self._document.title, title)]
        for label, value in self._document.details:
            flowables.append(self._text(f"{label}  {value}", detail))
        contents = TableOfContents(
            levelStyles=[self._style(10.5, leftIndent=indent * cm) for indent in (0, 0.6, 1.2)],
            dotsMinLevel=0,
        )
        flowables += [PageBreak(), self._text(contents_title(), self._headings[1]), contents]
        flowables.append(PageBreak())
        for element in self._document.elements:
            flowables += self._rendered(element)
        return flowables

    def _style(self, size: float, *, leading: float = 1.35, **options: Any) -> ParagraphStyle:
        return ParagraphStyle(
            "text",
            fontName=self._font,
            fontSize=size,
            leading=size * leading,
            wordWrap="CJK",
            **{"alignment": TA_LEFT, **options},
        )

    def _text(self, text: str, style: ParagraphStyle) -> Text:
        return Text(escape(text).replace("\n", "<br/>"), style)

    def _rendered(self, element: Element) -> list[Flowable]:
        match element:
            case Heading():
                heading = self._text(element.full_text, self._headings[element.level])
                heading.heading = element
                return [heading]
            case Paragraph():
                return [self._text(element.text, self._body)]
            case Quotation():
                return [self._text(line, self._quotation) for line in element.text.splitlines()]
            case Bullets():
                return self._bullets(element)
            case Equation():
                return [self._equation(element)]
            case Table():
                return self._table(element)
            case Figure():
                image = _image(element.picture, TEXT_WIDTH)
                image.keepWithNext = True
                return [image, self._text(caption(element), self._caption_style)]
            case Code():
                lines = [self._text(line or " ", self._code) for line in element.text.splitlines()]
                return [*lines, Spacer(0, 8)]

    def _bullets(self, element: Bullets) -> list[Flowable]:
        marks = element.numbers or ["–"] * len(element.items)
        style = self._style(10.5, leading=1.55, leftIndent=0.9 * cm, spaceAfter=3)
        lines = []
        for mark, item in zip(marks, element.items, strict=True):
            text = escape(item)
            lines.append(Text(text, style, bulletText=mark))
        style.bulletFontName = self._font
        style.bulletFontSize = 10.5
        return lines

    def _equation(self, element: Equation) -> Flowable:
        number = self._text(f"({element.number})", self._body)
        image = _image(element.picture, TEXT_WIDTH - _NUMBER_WIDTH)
        widths = [(TEXT_WIDTH - _NUMBER_WIDTH) * cm, _NUMBER_WIDTH * cm]
        style = [("VALIGN", (0, 0), (-1, -1), "MIDDLE"), ("ALIGN", (0, 0), (0, 0), "CENTER")]
        return Grid([[image, number]], widths, style=style, spaceBefore=4, spaceAfter=8)

    def _table(self, element: Table) -> list[Flowable]:
        rows = [element.heading, *element.rows]
        cells = [[self._text(cell, self._cell) for cell in row] for row in rows]
        widths = [TEXT_WIDTH * cm * share for share in column_shares(element)]
        style = [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEABOVE", (0, 0), (-1, 0), 1, colors.black),
            ("LINEBELOW", (0, 0), (-1, 0), 0.6, colors.black),
            ("LINEBELOW", (0, 1), (-1, -2), 0.25, colors.lightgrey),
            ("LINEBELOW", (0, -1), (-1, -1), 1, colors.black),
            ("LEFTPADDING", (0, 0), (-1, -1), 3),
            ("RIGHTPADDING", (0, 0), (-1, -1), 3),
        ]
        title = self._text(caption(element), self._caption_style)
        title.keepWithNext = True
        # A row that is higher than a page goes on on the next one.
        grid = Grid(cells, widths, style=style, repeatRows=1, splitInRow=1)
        return [title, grid, Spacer(0, 10)]


def _image(picture: Picture, widest: float) -> Image:
    """The picture in its size, or as large as there is room."""
    scale = min(1.0, widest / picture.width, _TALLEST / (picture.height * cm))
    width = picture.width * cm * scale
    return Image(io.BytesIO(picture.png), width, picture.height * cm * scale)


def _characters(document: Document) -> set[str]:
    """Every character that the document shows."""
    found = {*document.title, *contents_title()}
    for label, value in document.details:
        found.update(label, value)
    for element in document.elements:
        match element:
            case Heading():
                found.update(element.full_text)
            case Paragraph() | Quotation() | Code():
                found.update(element.text)
            case Bullets():
                found.update(*element.items, *element.numbers, "–")
            case Table():
                found.update(caption(element), *element.heading)
                for row in element.rows:
                    found.update(*row)
            case Figure():
                found.update(caption(element))
    return found
