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

LARGEST_DOCUMENT = 64 << 20
"""Bytes. No chapter is larger; what unpacks to more is damaged or malicious."""
LARGEST_BOOK = 1 << 30
"""Bytes of all documents together."""
_CONTAINER = "META-INF/container.xml"
_TEXT_TYPES = ("application/xhtml+xml", "text/html", "application/html+xml", "text/x-oeb1-document")
# Fonts alone may be encrypted in a book that is free to read.
_FONT_SCRAMBLING = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")

_BLOCKS = frozenset(
    (
        "p",
        "div",
        "br",
        "hr",
        "li",
        "ul",
        "ol",
        "dl",
        "dt",
        "dd",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "tr",
        "table",
        "pre",
        "center",
        "blockquote",
        "section",
        "article",
        "body",
        "figure",
        "figcaption",
        "header",
        "footer",
        "aside",
        "main",
    )
)
_HEADINGS = frozenset(("h1", "h2", "h3"))
_LONGEST_HEADING = 100
_DROPPED = frozenset(("script", "style", "nav", "head", "template", "rt", "rp", "svg", "math"))


class _Elements(HTMLParser):
    """The elements of a small XML file: (name without prefix, attributes)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag.rpartition(":")[2], {name: value or "" for name, value in attrs}))


class _Prose(HTMLParser):
    """The text of a chapter, a block a line; headings have a # before them, as in Markdown."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._line: list[str] = []
        self._mark = ""
        self._dropped = ""
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._dropped:
            self._depth += tag == self._dropped
        elif tag in _DROPPED:
            self._dropped, self._depth = tag, 1
        elif tag in _BLOCKS:
            self.end_line()
            self._mark = "# " if tag in _HEADINGS else self._mark

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS and not self._dropped:
            self.end_line()

    def handle_endtag(self, tag: str) -> None:
        if self._dropped:
            self._depth -= tag == self._dropped
            if not self._depth:
                self._dropped = ""
        elif tag in _BLOCKS:
            self.end_line()
            self._mark = "" if tag in _HEADINGS else self._mark

    def handle_data(self, data: str) -> None:
        if not self._dropped:
            self._line.append(data)

    def end_line(self) -> None:
        """Ends the block that is being read; line ends inside it are mere spaces, and none between Chinese
        characters.
        """
        pieces = [piece.strip() for piece in "".join(self._line).splitlines()]
        text = ""
        for piece in filter(None, pieces):
            text += (" " if text and text[-1].isascii() and piece[0].isascii() else "") + piece
        if text:
            self.lines.append(self._mark + text if len(text) <= _LONGEST_HEADING else text)
        self._line = []


class _Book:
    """An open EPUB file; every failure is a CorpusError about `path`."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path = path
        self._archive = archive

    def _broken(self, what: str) -> CorpusError:
        return CorpusError(
            f"{self._path}：EPUB 已损坏（{what}）；请换一份，或转成 .txt | the EPUB is damaged "
            f"({what}); get another copy, "
            "or convert it to .txt"
        )

    def _read(self, name: str) -> str:
        try:
            info = self._archive.getinfo(name)
            if info.flag_bits & 1:
                raise self._protected()
            if info.file_size > LARGEST_DOCUMENT:
                raise self._broken(f"{name}: {info.file_size:,} bytes")
            with self._archive.open(info) as file:
                # The size in the directory may be a lie: no more than that is unpacked.
                data = file.read(info.file_size)
        except KeyError:
            raise self._broken(f"缺 missing {name}") from None
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            NotImplementedError,
            ValueError,
        ) as error:
            raise self._broken(f"{name}: {error}") from None
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return data.decode("utf-16", errors="replace")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return data.decode("gb18030", errors="replace")

    def _protected(self) -> CorpusError:
        return CorpusError(
            f"{self._path}：EPUB 有版权加密（DRM），无法读取；请用未加密的文件 | the EPUB is "
            f"encrypted (DRM) and cannot be read; "
            "use a copy without DRM"
        )

    def _elements(self, name: str) -> list[tuple[str, dict[str, str]]]:
        parser = _Elements()
        parser.feed(self._read(name))
        parser.close()
        return parser.found

    def _check_encryption(self) -> None:
        if "META-INF/encryption.xml" not in self._archive.namelist():
            return
        methods = [
            attributes.get("algorithm", "")
            for name, attributes in self._elements("META-INF/encryption.xml")
            if name == "encryptionmethod"
        ]
        if any(method not in _FONT_SCRAMBLING for method in methods):
            raise self._protected()

    def documents(self) -> list[str]:
        """The names of the text documents in reading order."""
        self._check_encryption()
        package = next(
            (
                attributes.get("full-path", "")
                for name, attributes in self._elements(_CONTAINER)
                if name == "rootfile"
            ),
            "",
        )
        if not package:
            raise self._broken(_CONTAINER)
        manifest: dict[str, dict[str, str]] = {}
        spine: list[str] = []
        for name, attributes in self._elements(package):
            if name == "item":
                manifest[attributes.get("id", "")] = attributes
            elif name == "itemref":
                spine.append(attributes.get("idref", ""))
        base = posixpath.dirname(package)
        chosen = [manifest[item] for item in spine if item in manifest]
        names = [
            posixpath.normpath(
                posixpath.join(base, unquote(item.get("href", "").partition("#")[0]))
            )
            for item in chosen
            if item.get("media-type", _TEXT_TYPES[0]) in _TEXT_TYPES
            and "nav" not in item.get("properties", "").split()
        ]
        names = list(dict.fromkeys(names))
        if not names:
            raise self._broken(f"{package}: spine")
        size = sum(info.file_size for info in self._archive.infolist() if info.filename in names)
        if size > LARGEST_BOOK:
            raise self._broken(f"{size:,} bytes")
        return names

    def text(self, name: str) -> str:
        """One document's text, a block a line, ending in a newline."""
        parser = _Prose()
        parser.feed(self._read(name))
        parser.close()
        parser.end_line()
        return "".join(f"{line}\n" for line in parser.lines)


def epub_text(path: Path) -> Iterator[str]:
    """The book's text, a document at a time in reading order (the spine), a paragraph or heading a line.

    Scripts, styles and the navigation are left out. Raises CorpusError for a file that is damaged, encrypted or no
    EPUB.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError):
        raise CorpusError(
            f"{path}：不是 EPUB 文件（打不开的压缩包）；请检查文件 | not an EPUB file (no readable zip "
            f"archive); check the "
            "file"
        ) from None
    except OSError as error:
        raise CorpusError(
            f"{path}：读不了，{error.strerror} | cannot be read: {error.strerror}"
        ) from None
    with archive:
        book = _Book(path, archive)
        for name in book.documents():
            yield book.text(name)
