"""What Word counts by itself: numbers of captions and pages, and the table of contents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_TAB_ALIGNMENT, WD_TAB_LEADER
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt

from novelgen.report.document.elements import Heading
from novelgen.report.document.layout import TEXT_WIDTH

_INDENT = 0.7  # centimetres, of each further level of the table of contents


def update_on_opening(file: Any) -> None:
    """Makes Word count all fields when it opens the file, for which it asks.

    The pages of the table of contents are known to nobody but the program that breaks the pages.
    """
    update = OxmlElement("w:updateFields")
    update.set(qn("w:val"), "true")
    # The order of the settings is fixed.
    file.settings.element.find(qn("w:compat")).addprevious(update)


def add_contents(file: Any, headings: Sequence[Heading]) -> None:
    """Adds the table of contents: a field that shows the headings, each a link to its place.

    The headings are bookmarked, in the same order, by `bookmark`.
    """
    for level in (1, 2, 3):
        style = file.styles.add_style(f"toc {level}", WD_STYLE_TYPE.PARAGRAPH, builtin=True)
        style.base_style = file.styles["Normal"]
        style.paragraph_format.left_indent = Cm(_INDENT * (level - 1))
        style.paragraph_format.space_after = Pt(2)
        style.paragraph_format.tab_stops.add_tab_stop(
            Cm(TEXT_WIDTH), WD_TAB_ALIGNMENT.RIGHT, WD_TAB_LEADER.DOTS
        )
    for place, heading in enumerate(headings, 1):
        line = file.add_paragraph(style=f"toc {heading.level}")
        if place == 1:
            _add_mark(line, "begin")
            _add_code(line, r'TOC \o "1-3" \h \z \u')
            _add_mark(line, "separate")
        link = OxmlElement("w:hyperlink")
        link.set(qn("w:anchor"), _bookmark_name(place))
        link.set(qn("w:history"), "1")
        before = len(line._p)
        line.add_run(f"{heading.full_text}\t")
        add_field(line, rf"PAGEREF {_bookmark_name(place)} \h", "")
        link.extend(line._p[before:])
        line._p.append(link)
        if place == len(headings):
            _add_mark(line, "end")


def bookmark(line: Any, place: int) -> None:
    """Marks a heading, the `place`-th from 1, for the table of contents."""
    start = OxmlElement("w:bookmarkStart")
    end = OxmlElement("w:bookmarkEnd")
    for mark in (start, end):
        mark.set(qn("w:id"), str(place))
    start.set(qn("w:name"), _bookmark_name(place))
    line.runs[0]._r.addprevious(start)
    line._p.append(end)


def add_field(line: Any, code: str, shown: str) -> None:
    """Adds a field whose text is `shown` until it is counted."""
    _add_mark(line, "begin")
    _add_code(line, code)
    _add_mark(line, "separate")
    line.add_run(shown)
    _add_mark(line, "end")


def _bookmark_name(place: int) -> str:
    return f"_Toc{place}"


def _add_mark(line: Any, kind: str) -> None:
    mark = OxmlElement("w:fldChar")
    mark.set(qn("w:fldCharType"), kind)
    line.add_run()._r.append(mark)


def _add_code(line: Any, code: str) -> None:
    text = OxmlElement("w:instrText")
    text.set(qn("xml:space"), "preserve")
    text.text = f" {code} "
    line.add_run()._r.append(text)
