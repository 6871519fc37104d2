"""What kind of file holds a text, by its contents first and its name second."""

from __future__ import annotations

import re
import zipfile
from typing import NamedTuple

from novelgen.errors import CorpusError
from novelgen.i18n import N_, _
from novelgen.text.sources import UNPACKING_ERRORS, Source

TEXT = "text"
HTML = "html"
EPUB = "epub"
DOCX = "docx"
ZIP = "zip"

SUFFIXES = (".txt", ".text", ".md", ".markdown", ".html", ".htm", ".xhtml", ".epub", ".docx")
"""The endings of files that are read; those of archives, which hold such files, come beside."""
ARCHIVES = (".zip",)
_HTML_SUFFIXES = (".html", ".htm", ".xhtml")
_HTML_START = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--[^>]{0,500}-->\s*)?<(?:!doctype )?html",
    re.IGNORECASE,
)

_CALIBRE = N_("convert it to .epub with Calibre: ebook-convert FILE FILE.epub")
_OFFICE = N_(
    "save it as .docx or .txt with a word processor: soffice --headless --convert-to docx FILE"
)
_PDF = N_("convert it to .txt first, for example with pdftotext FILE")
_UNPACK = N_("unpack it and name the folder")


class Foreign(NamedTuple):
    """A kind of file that is not read, and what a person can do about it."""

    name: str
    remedy: str


# By the ending of the name. FILE in a remedy is not translated.
FOREIGN = {
    **dict.fromkeys((".mobi", ".prc"), Foreign("Mobipocket", _CALIBRE)),
    **dict.fromkeys((".azw", ".azw3", ".azw4", ".kfx", ".kf8"), Foreign("Kindle", _CALIBRE)),
    **dict.fromkeys((".fb2", ".lit", ".pdb", ".chm", ".umd", ".lrf"), Foreign("e-book", _CALIBRE)),
    ".pdf": Foreign("PDF", _PDF),
    ".djvu": Foreign("DjVu", _PDF),
    **dict.fromkeys((".doc", ".wps"), Foreign("Word", _OFFICE)),
    **dict.fromkeys((".rtf", ".odt", ".pages"), Foreign("RTF, ODT", _OFFICE)),
    ".rar": Foreign("RAR", _UNPACK),
    ".7z": Foreign("7z", _UNPACK),
    **dict.fromkeys((".tar", ".gz", ".tgz", ".bz2", ".xz"), Foreign("tar, gzip", _UNPACK)),
}
# By the first bytes, whatever the name says: (place, bytes, ending whose kind it is).
_MAGIC = (
    (0, b"%PDF-", ".pdf"),
    (60, b"BOOKMOBI", ".mobi"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".doc"),
    (0, b"{\\rtf", ".rtf"),
    (0, b"Rar!\x1a\x07", ".rar"),
    (0, b"7z\xbc\xaf\x27\x1c", ".7z"),
    (0, b"\x1f\x8b\x08", ".gz"),
    (0, b"AT&TFORM", ".djvu"),
)


def foreign_format(suffix: str, start: bytes) -> Foreign | None:
    """The kind of a file that is not read; None for one that may be."""
    for place, magic, ending in _MAGIC:
        if start.startswith(magic, place):
            return FOREIGN[ending]
    if suffix in FOREIGN:
        return FOREIGN[suffix]
    return None


def detect_format(source: Source) -> str:
    """TEXT, HTML, EPUB, DOCX or ZIP.

    Raises CorpusError, with the remedy, for a kind of file that is not read, and OSError for one
    that cannot be.
    """
    start = source.start()
    foreign = foreign_format(source.suffix, start)
    if foreign is not None:
        raise CorpusError(
            _("{path}: a file of the kind {kind}, which is not read here; {remedy}").format(
                path=source.name, kind=foreign.name, remedy=_(foreign.remedy)
            )
        )
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_format(source)
    # A book that is no archive is damaged, and reported by its reader.
    if source.suffix in (".epub", ".docx"):
        return source.suffix[1:]
    if source.suffix in _HTML_SUFFIXES or _HTML_START.match(start):
        return HTML
    return TEXT


def _zip_format(source: Source) -> str:
    """What kind of zip archive a source is; by its name where it is damaged."""
    try:
        with source.open() as file, zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
    except UNPACKING_ERRORS:
        names = set()
    if "word/document.xml" in names:
        return DOCX
    if "META-INF/container.xml" in names or "mimetype" in names:
        return EPUB
    if source.suffix in (".epub", ".docx"):
        return source.suffix[1:]
    return ZIP
