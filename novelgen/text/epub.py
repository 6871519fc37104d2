"""The text of an EPUB book, from the standard library alone."""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from novelgen.errors import CorpusError
from novelgen.i18n import _

LARGEST_DOCUMENT = 64 << 20
"""Bytes. No chapter is larger; what unpacks to more is damaged or malicious."""
LARGEST_BOOK = 1 << 30
"""Bytes of all documents together."""
# Where the archive names its package, the file with the list of documents and their order.
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_TEXT_TYPES = ("application/xhtml+xml", "text/html", "application/html+xml", "text/x-oeb1-document")
# Fonts alone may be encrypted in a book that is free to read.
_FONT_SCRAMBLING = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
# What zipfile raises for data that is damaged, or packed in a way that it does not know.
_UNPACKING_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    ValueError,
)

# Elements that begin and end a line.
_BLOCK_NAMES = (
    "p div br hr li ul ol dl dt dd h1 h2 h3 h4 h5 h6 tr "
    "table pre center blockquote section article body figure figcaption header footer aside main"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_HEADINGS = frozenset(("h1", "h2", "h3"))
_LONGEST_HEADING = 100
# Elements that are left out with all that is in them; rt and rp are the readings of ruby text.
_DROPPED = frozenset(("script", "style", "nav", "head", "template", "rt", "rp", "svg", "math"))


class _Elements(HTMLParser):
    """The elements of a small XML file: (name without prefix, attributes)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Lists the element."""
        self.found.append((tag.rpartition(":")[2], {name: value or "" for name, value in attrs}))


class _Prose(HTMLParser):
    """The text of a chapter, a block a line; headings have a # before them, as in Markdown."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._line: list[str] = []
        self._mark = ""  # what stands before a heading
        self._dropped = ""  # the element that is being left out
        self._depth = 0  # how many of the same name are open within it

    def handle_starttag(
        self,
        tag: str,
        attrs: list[tuple[str, str | None]],  # noqa: ARG002 (HTMLParser's interface)
    ) -> None:
        """Begins a block, or an element that is left out; attributes mean nothing here."""
        if self._dropped:
            self._depth += tag == self._dropped
        elif tag in _DROPPED:
            self._dropped = tag
            self._depth = 1
        elif tag in _BLOCKS:
            self.end_line()
            if tag in _HEADINGS:
                self._mark = "# "

    def handle_startendtag(
        self,
        tag: str,
        attrs: list[tuple[str, str | None]],  # noqa: ARG002 (HTMLParser's interface)
    ) -> None:
        """Ends a line at an empty block."""
        if tag in _BLOCKS and not self._dropped:
            self.end_line()

    def handle_endtag(self, tag: str) -> None:
        """Ends a block, or an element that is left out."""
        if self._dropped:
            self._depth -= tag == self._dropped
            if not self._depth:
                self._dropped = ""
        elif tag in _BLOCKS:
            self.end_line()
            if tag in _HEADINGS:
                self._mark = ""

    def handle_data(self, data: str) -> None:
        """Adds text to the line."""
        if not self._dropped:
            self._line.append(data)

    def end_line(self) -> None:
        """Ends the block that is being read.

        Line ends inside it are mere spaces, and none between Chinese characters.
        """
        pieces = [piece.strip() for piece in "".join(self._line).splitlines()]
        text = ""
        for piece in filter(None, pieces):
            if text and text[-1].isascii() and piece[0].isascii():
                text += " "
            text += piece
        if text and len(text) <= _LONGEST_HEADING:
            text = self._mark + text
        if text:
            self.lines.append(text)
        self._line = []


class _Book:
    """An open EPUB file; every failure is a CorpusError about `path`."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path = path
        self._archive = archive

    def _broken(self, what: str) -> CorpusError:
        """The error for a damaged book; `what` is the name of the damaged file."""
        return CorpusError(
            _(
                "{path}: the EPUB is damaged ({what}); get another copy, or convert it to .txt"
            ).format(path=self._path, what=what)
        )

    def _missing(self, name: str) -> CorpusError:
        return CorpusError(
            _(
                "{path}: the EPUB is damaged ({name} is missing); get another copy, or convert it"
                " to .txt"
            ).format(path=self._path, name=name)
        )

    def _too_large(self, name: str, size: int) -> CorpusError:
        return CorpusError(
            _(
                "{path}: the EPUB is damaged ({name} has {size:,} bytes); get another copy, or"
                " convert it to .txt"
            ).format(path=self._path, name=name, size=size)
        )

    def _read(self, name: str) -> str:
        """The text of a file of the archive."""
        try:
            info = self._archive.getinfo(name)
        except KeyError:
            raise self._missing(name) from None
        if info.flag_bits & 1:
            raise self._protected()
        if info.file_size > LARGEST_DOCUMENT:
            raise self._too_large(name, info.file_size)
        try:
            with self._archive.open(info) as file:
                # The size in the directory may be a lie: no more than that is unpacked.
                data = file.read(info.file_size)
        except _UNPACKING_ERRORS:
            raise self._broken(name) from None
        # XML is UTF-8 unless it says otherwise; some Chinese books are GB18030 and do not.
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return data.decode("utf-16", errors="replace")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return data.decode("gb18030", errors="replace")

    def _protected(self) -> CorpusError:
        return CorpusError(
            _(
                "{path}: the EPUB is encrypted (DRM) and cannot be read; use a copy without DRM"
            ).format(path=self._path)
        )

    def _elements(self, name: str) -> list[tuple[str, dict[str, str]]]:
        parser = _Elements()
        parser.feed(self._read(name))
        parser.close()
        return parser.found

    def _check_encryption(self) -> None:
        """Raises CorpusError when more than fonts is encrypted."""
        if _ENCRYPTION not in self._archive.namelist():
            return
        methods = [
            attributes.get("algorithm", "")
            for name, attributes in self._elements(_ENCRYPTION)
            if name == "encryptionmethod"
        ]
        if any(method not in _FONT_SCRAMBLING for method in methods):
            raise self._protected()

    def documents(self) -> list[str]:
        """The names of the text documents in reading order."""
        # 1. The package says which files there are, and the order of the documents (the spine).
        self._check_encryption()
        package = self._package()
        manifest: dict[str, dict[str, str]] = {}
        spine: list[str] = []
        for name, attributes in self._elements(package):
            if name == "item":
                manifest[attributes.get("id", "")] = attributes
            elif name == "itemref":
                spine.append(attributes.get("idref", ""))

        # 2. The documents of the spine that are text, each once; paths start from the package.
        base = posixpath.dirname(package)
        paths = [
            unquote(manifest[item].get("href", "").partition("#")[0])
            for item in spine
            if item in manifest and _is_text(manifest[item])
        ]
        names = list(
            dict.fromkeys(posixpath.normpath(posixpath.join(base, path)) for path in paths)
        )
        if not names:
            # The spine lists no document.
            raise self._broken(package)

        # 3. A book that unpacks to more than any book has is refused before it is unpacked.
        size = sum(info.file_size for info in self._archive.infolist() if info.filename in names)
        if size > LARGEST_BOOK:
            raise CorpusError(
                _(
                    "{path}: the EPUB is damaged (it unpacks to {size:,} bytes); get another copy,"
                    " or convert it to .txt"
                ).format(path=self._path, size=size)
            )
        return names

    def _package(self) -> str:
        """The name of the package, as the container gives it."""
        packages = [
            attributes.get("full-path", "")
            for name, attributes in self._elements(_CONTAINER)
            if name == "rootfile"
        ]
        if not packages or not packages[0]:
            raise self._broken(_CONTAINER)
        return packages[0]

    def text(self, name: str) -> str:
        """One document's text, a block a line, ending in a newline."""
        parser = _Prose()
        parser.feed(self._read(name))
        parser.close()
        parser.end_line()
        return "".join(f"{line}\n" for line in parser.lines)


def _is_text(item: dict[str, str]) -> bool:
    """Whether an entry of the manifest is a document of the book, not its navigation."""
    is_navigation = "nav" in item.get("properties", "").split()
    return not is_navigation and item.get("media-type", _TEXT_TYPES[0]) in _TEXT_TYPES


def epub_text(path: Path) -> Iterator[str]:
    """The book's text, a document at a time in reading order, a paragraph or heading a line.

    Scripts, styles and the navigation are left out. Raises CorpusError for a file that is damaged,
    encrypted or no EPUB.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError):
        raise CorpusError(
            _("{path}: not an EPUB file (no readable zip archive); check the file").format(
                path=path
            )
        ) from None
    except OSError as error:
        raise CorpusError(
            _("{path}: cannot be read: {reason}").format(path=path, reason=error.strerror)
        ) from None
    with archive:
        book = _Book(path, archive)
        for name in book.documents():
            yield book.text(name)
