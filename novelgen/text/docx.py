"""The text of a Word document (.docx), through python-docx."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from typing import Any

from novelgen.errors import ConfigError, CorpusError
from novelgen.i18n import _
from novelgen.text.sources import UNPACKING_ERRORS, Source

LARGEST_DOCUMENT = 256 << 20
"""Bytes that a document may unpack to without its pictures; no novel has as many."""
# Styles of headings, by the name that word processors give them in English or Chinese.
_HEADING = re.compile(r"(?:heading|标题|標題)\s*[1-9]|title|标题|標題", re.IGNORECASE)
_LONGEST_HEADING = 100
_CHUNK = 1 << 18
# What a damaged document raises: XML that is broken is a SyntaxError of lxml, a part that is
# missing a KeyError or an AttributeError.
_DAMAGE = (*UNPACKING_ERRORS, KeyError, AttributeError, SyntaxError)
# What word processors that do not know boxes show instead of one: the same text.
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"


def _heading_styles(document: Any) -> set[str]:
    """The ids of the styles whose paragraphs are headings."""
    return {
        style.style_id
        for style in document.styles
        if _HEADING.fullmatch((style.name or "").strip())
    }


def _paragraphs(document: Any) -> Iterator[tuple[str, str]]:
    """(style's id, text) of the paragraphs of the body in their order, in tables and boxes too."""
    from docx.oxml.ns import qn

    # What is not shown, or shown beside the text: deleted words, readings, a box once more.
    hidden = {qn("w:del"), qn("w:moveFrom"), qn("w:rt"), _FALLBACK}
    for paragraph in document.element.body.iter(qn("w:p")):
        text = []
        # Runs stand in links, smart tags and corrections, which `paragraph.text` leaves out.
        for run in paragraph.iter(qn("w:r")):
            above = []
            for element in run.iterancestors():
                above.append(element.tag)
                if element.tag == qn("w:p"):
                    break
            # A box within the paragraph has paragraphs of its own.
            if element is paragraph and hidden.isdisjoint(above):
                text.append(run.text)
        is_repeated = any(element.tag == _FALLBACK for element in paragraph.iterancestors())
        if not is_repeated:
            yield paragraph.style or "", "".join(text).strip()


def _open(source: Source) -> Any:
    """The document as python-docx reads it. Raises CorpusError for one that it cannot read."""
    try:
        import docx
    except ImportError:
        raise ConfigError(
            _("{path}: reading it needs python-docx, which is not installed: {command}").format(
                path=source.name, command="pip install python-docx"
            )
        ) from None
    try:
        with source.open() as file:
            with zipfile.ZipFile(file) as archive:
                sizes = [
                    info.file_size
                    for info in archive.infolist()
                    if not info.filename.startswith("word/media/")
                ]
            is_too_large = sum(sizes) > LARGEST_DOCUMENT
            if not is_too_large:
                file.seek(0)
                return docx.Document(file)
    except _DAMAGE as error:
        raise _damaged(source, error) from None
    raise CorpusError(
        _("{path}: the document unpacks to {size:,} bytes; save it as .txt").format(
            path=source.name, size=sum(sizes)
        )
    )


def _damaged(source: Source, error: Exception) -> CorpusError:
    return CorpusError(
        _("{path}: not a readable Word document ({reason}); save it anew, or as .txt").format(
            path=source.name, reason=type(error).__name__
        )
    )


def docx_text(source: Source) -> Iterator[str]:
    """The document's text, a paragraph a line; headings have a # before them, as in Markdown.

    Raises CorpusError for a file that is damaged or no Word document.
    """
    document = _open(source)
    lines: list[str] = []
    size = 0
    try:
        styles = _heading_styles(document)
        paragraphs = list(_paragraphs(document))
    except _DAMAGE as error:
        raise _damaged(source, error) from None
    for style, text in paragraphs:
        line = text
        if text and style in styles and len(text) <= _LONGEST_HEADING:
            line = f"# {' '.join(text.split())}"
        lines.append(f"{line}\n")
        size += len(text)
        if size > _CHUNK:
            yield "".join(lines)
            lines = []
            size = 0
    yield "".join(lines)
