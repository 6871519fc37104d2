"""A document as a Word file: real headings, captions, equations and a table of contents."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import docx
from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor

from novelgen.report.document.elements import (
    Bullets,
    Code,
    Document,
    Element,
    Equation,
    Figure,
    Heading,
    Paragraph,
    Quotation,
    Table,
)
from novelgen.report.document.labels import caption, contents_title
from novelgen.report.document.layout import TEXT_WIDTH, column_shares
from novelgen.report.document.omml import word_equation
from novelgen.report.document.word_fields import (
    add_contents,
    add_field,
    bookmark,
    update_on_opening,
)

# Latin and Chinese fonts by style; every Word and WPS in Chinese has them.
_BODY = ("Times New Roman", "SimSun")
_TITLES = ("Arial", "SimHei")
_MONOSPACE = ("Consolas", "SimSun")
_MARGIN = 2.5  # centimetres
_CELL_MARGIN = 0.1  # centimetres
_NUMBER_WIDTH = 1.2  # centimetres, of the number of an equation
_BLACK = RGBColor(0, 0, 0)


def write_word(document: Document, path: Path) -> None:
    """Writes the document as .docx, A4. Its fields are counted when Word opens it."""
    _Writer(document).save(path)


class _Writer:
    def __init__(self, document: Document) -> None:
        self._source = document
        self._file = docx.Document()
        self._bookmarks = 0
        self._set_up()

    def save(self, path: Path) -> None:
        """Writes everything."""
        self._title_page()
        self._contents()
        for element in self._source.elements:
            self._add(element)
        self._file.save(str(path))

    def _set_up(self) -> None:
        """Paper, fonts and the number at the foot of each page."""
        section = self._file.sections[0]
        section.page_width, section.page_height = Cm(21), Cm(29.7)
        section.left_margin = section.right_margin = Cm(_MARGIN)
        section.top_margin = section.bottom_margin = Cm(_MARGIN)
        styles = self._file.styles
        _set_font(styles["Normal"], _BODY, 11)
        styles["Normal"].paragraph_format.space_after = Pt(6)
        styles["Normal"].paragraph_format.line_spacing = 1.25
        for level, size in ((1, 16), (2, 13), (3, 11.5)):
            _set_font(styles[f"Heading {level}"], _TITLES, size, bold=True)
            styles[f"Heading {level}"].paragraph_format.space_before = Pt(14)
        _set_font(styles["Title"], _TITLES, 24, bold=True)
        _remove_border(styles["Title"])
        _set_font(styles["Caption"], _TITLES, 9.5)
        _set_font(styles["Quote"], _BODY, 10.5)
        update_on_opening(self._file)
        foot = section.footer.paragraphs[0]
        foot.alignment = WD_ALIGN_PARAGRAPH.CENTER
        add_field(foot, "PAGE", "1")

    def _title_page(self) -> None:
        for _line in range(6):
            self._file.add_paragraph()
        title = self._file.add_paragraph(style="Title")
        title.alignment = WD_ALIGN_PARAGRAPH.CENTER
        title.add_run(self._source.title)
        for label, value in self._source.details:
            line = self._file.add_paragraph(f"{label}  {value}")
            line.alignment = WD_ALIGN_PARAGRAPH.CENTER
        self._file.add_page_break()  # type: ignore[no-untyped-call]
        self._file.core_properties.title = self._source.title

    def _contents(self) -> None:
        """The table of contents."""
        title = self._file.add_paragraph()
        run = title.add_run(contents_title())
        run.bold = True
        run.font.size = Pt(16)
        headings = [each for each in self._source.elements if isinstance(each, Heading)]
        add_contents(self._file, headings)
        self._file.add_page_break()  # type: ignore[no-untyped-call]

    def _add(self, element: Element) -> None:
        match element:
            case Heading():
                self._heading(element)
            case Paragraph():
                line = self._file.add_paragraph(element.text)
                line.alignment = WD_ALIGN_PARAGRAPH.JUSTIFY
            case Quotation():
                for text in element.text.splitlines():
                    quoted = self._file.add_paragraph(text, style="Quote")
                    quoted.paragraph_format.left_indent = Cm(1)
            case Bullets():
                self._bullets(element)
            case Equation():
                self._equation(element)
            case Table():
                self._table(element)
            case Figure():
                self._figure(element)
            case Code():
                self._code(element.text)

    def _heading(self, element: Heading) -> None:
        line = self._file.add_heading(element.full_text, level=element.level)
        self._bookmarks += 1
        bookmark(line, self._bookmarks)

    def _bullets(self, element: Bullets) -> None:
        if not element.numbers:
            for item in element.items:
                self._file.add_paragraph(item, style="List Bullet")
            return
        for number, item in zip(element.numbers, element.items, strict=True):
            line = self._file.add_paragraph(f"{number} {item}")
            # The number hangs in the margin of the item.
            line.paragraph_format.left_indent = Cm(1)
            line.paragraph_format.first_line_indent = Cm(-1)

    def _equation(self, element: Equation) -> None:
        """The equation in the middle of the line, its number at the end: a row without borders."""
        table = self._file.add_table(rows=1, cols=3)
        table.alignment = WD_TABLE_ALIGNMENT.CENTER
        table.autofit = False
        margin = Cm(_NUMBER_WIDTH)
        widths = (margin, Cm(TEXT_WIDTH) - 2 * margin, margin)
        for column, cell, width in zip(table.columns, table.rows[0].cells, widths, strict=True):
            column.width = cell.width = width
            cell.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER
            cell.paragraphs[0].paragraph_format.space_after = Pt(0)
        _left, middle, right = (cell.paragraphs[0] for cell in table.rows[0].cells)
        # In a paragraph of its own an equation has the size of a display.
        display = OxmlElement("m:oMathPara")
        display.append(word_equation(element.latex))
        middle._p.append(display)
        right.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        right.add_run(f"({element.number})")

    def _table(self, element: Table) -> None:
        self._caption(element)
        table = self._file.add_table(rows=1, cols=len(element.heading), style="Table Grid")
        table.alignment = WD_TABLE_ALIGNMENT.CENTER
        table.autofit = False
        _narrow_margins(table)
        _fill_row(table.rows[0], element.heading, bold=True)
        # The heading is repeated on every page.
        repeat = OxmlElement("w:tblHeader")
        repeat.set(qn("w:val"), "true")
        table.rows[0]._tr.get_or_add_trPr().append(repeat)
        for row in element.rows:
            _fill_row(table.add_row(), row)
        for column, share in zip(table.columns, column_shares(element), strict=True):
            width = Cm(TEXT_WIDTH * share)
            column.width = width
            for cell in column.cells:
                cell.width = width
        self._file.add_paragraph()

    def _figure(self, element: Figure) -> None:
        line = self._file.add_paragraph()
        line.alignment = WD_ALIGN_PARAGRAPH.CENTER
        line.paragraph_format.keep_with_next = True
        width = min(element.picture.width, TEXT_WIDTH)
        picture = line.add_run().add_picture(io.BytesIO(element.picture.png), width=Cm(width))
        picture._inline.docPr.set("descr", element.caption)
        self._caption(element)

    def _caption(self, element: Table | Figure) -> None:
        """The caption, whose number is a field that Word counts."""
        line = self._file.add_paragraph(style="Caption")
        line.alignment = WD_ALIGN_PARAGRAPH.CENTER
        # Of a table it stands above.
        line.paragraph_format.keep_with_next = isinstance(element, Table)
        number = str(element.number)
        before, after = caption(element).split(number, 1)
        line.add_run(before)
        add_field(line, f"SEQ {type(element).__name__} \\* ARABIC", number)
        line.add_run(after)

    def _code(self, text: str) -> None:
        for row in text.splitlines():
            line = self._file.add_paragraph()
            line.paragraph_format.space_after = Pt(0)
            run = line.add_run(row)
            run.font.size = Pt(9)
            _set_run_fonts(run._element.get_or_add_rPr(), _MONOSPACE)
        self._file.add_paragraph()


def _fill_row(row: Any, texts: Sequence[str], *, bold: bool = False) -> None:
    for cell, text in zip(row.cells, texts, strict=True):
        line = cell.paragraphs[0]
        line.paragraph_format.space_before = line.paragraph_format.space_after = Pt(2)
        line.paragraph_format.line_spacing = 1.0
        run = line.add_run(text)
        run.bold = bold
        run.font.size = Pt(9)


def _narrow_margins(table: Any) -> None:
    """Leaves the columns of a wide table more room: Word's own margins are twice as wide."""
    margins = OxmlElement("w:tblCellMar")
    for side in ("w:left", "w:right"):
        margin = OxmlElement(side)
        margin.set(qn("w:w"), str(Cm(_CELL_MARGIN).twips))
        margin.set(qn("w:type"), "dxa")
        margins.append(margin)
    # The order of the properties is fixed: the look of the table comes last.
    table._tbl.tblPr.find(qn("w:tblLook")).addprevious(margins)


def _remove_border(style: Any) -> None:
    """Takes the line away that python-docx's template draws below a title."""
    properties = style.element.get_or_add_pPr()
    border = properties.find(qn("w:pBdr"))
    if border is not None:
        properties.remove(border)


def _set_font(style: Any, fonts: tuple[str, str], size: float, *, bold: bool = False) -> None:
    style.font.size = Pt(size)
    style.font.bold = bold
    style.font.italic = False
    style.font.color.rgb = _BLACK
    _set_run_fonts(style.element.get_or_add_rPr(), fonts)


def _set_run_fonts(properties: Any, fonts: tuple[str, str]) -> None:
    """Both fonts of a style or a run: without an East Asian one Word takes what it likes."""
    latin, chinese = fonts
    found = properties.find(qn("w:rFonts"))
    if found is None:
        found = OxmlElement("w:rFonts")
        properties.insert(0, found)
    for name in list(found.attrib):
        del found.attrib[name]
    for kind in ("w:ascii", "w:hAnsi", "w:cs"):
        found.set(qn(kind), latin)
    found.set(qn("w:eastAsia"), chinese)
