"""The text of an EPUB book, from the standard library alone.

Every document of the spine is read, or named as not read.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Callable, Iterator, Sequence

from novelgen.errors import CorpusError
from novelgen.i18n import _
from novelgen.text.archives import ENCRYPTED, Members, member_name
from novelgen.text.epub_contents import Entry, name_chapters, read_contents
from novelgen.text.epub_package import elements, is_text, read_package
from novelgen.text.html import Prose, decode_markup
from novelgen.text.sources import UNPACKING_ERRORS, Source

LARGEST_DOCUMENT = 64 << 20
"""Bytes. No chapter is larger; what unpacks to more is damaged or malicious."""
LARGEST_BOOK = 1 << 30
"""Bytes of all documents together."""
# Where the archive names its package, the file with the list of documents and their order.
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_NCX = "application/x-dtbncx+xml"
# Fonts alone may be encrypted in a book that is free to read.
_FONT_SCRAMBLING = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
# A page is a table of contents when this share of it, in so many links at least, leads elsewhere.
_LINKED = 0.8
_FEWEST_LINKS = 3


class _DamagedError(CorpusError):
    """A file of the book cannot be unpacked."""


class _Book:
    """An open EPUB file; every failure is a CorpusError about `source`."""

    def __init__(self, source: Source, archive: zipfile.ZipFile) -> None:
        self._path = source.name
        self._archive = archive
        self._members = Members(archive.infolist())
        self._base = ""  # the folder of the package
        self.documents: list[zipfile.ZipInfo] = []
        self.left_out: list[str] = []
        self._entries: dict[str, list[Entry]] = {}

    def _broken(self, what: str) -> _DamagedError:
        """The error for a damaged book; `what` is the name of the damaged file."""
        return _DamagedError(
            _(
                "{path}: the EPUB is damaged ({what}); get another copy, or convert it to .txt"
            ).format(path=self._path, what=what)
        )

    def _too_large(self, name: str, size: int) -> CorpusError:
        return CorpusError(
            _(
                "{path}: the EPUB is damaged ({name} has {size:,} bytes); get another copy, or"
                " convert it to .txt"
            ).format(path=self._path, name=name, size=size)
        )

    def _protected(self) -> CorpusError:
        return CorpusError(
            _(
                "{path}: the EPUB is encrypted (DRM) and cannot be read; use a copy without DRM"
            ).format(path=self._path)
        )

    def read(self, info: zipfile.ZipInfo) -> str:
        """The text of a file of the archive."""
        name = member_name(info)
        if info.flag_bits & ENCRYPTED:
            raise self._protected()
        if info.file_size > LARGEST_DOCUMENT:
            raise self._too_large(name, info.file_size)
        try:
            with self._archive.open(info) as file:
                # The size in the directory may be a lie: no more than that is unpacked.
                data = file.read(info.file_size)
        except UNPACKING_ERRORS:
            raise self._broken(name) from None
        return decode_markup(data)

    def open_package(self) -> None:
        """Finds the documents in reading order, and the titles that lead to them."""
        # 1. The package: the list of all files (the manifest), the order of documents (the spine).
        package = self._package()
        self._base = posixpath.dirname(member_name(package))
        contents = read_package(self.read(package))
        if contents.is_fixed:
            raise CorpusError(
                _(
                    "{path}: an EPUB of fixed pages (fixed layout, such as a comic or scans), which"
                    " has no running text; find an edition with text"
                ).format(path=self._path)
            )

        # 2. The documents, each once.
        for item in contents.spine:
            self._add_document(item, contents.manifest)
        if not self.documents:
            # The spine lists no document, or none that the archive has.
            raise self._broken(", ".join(self.left_out[:3]) or member_name(package))
        self._check_encryption()
        self._check_size()

        # 3. Their titles.
        self._read_entries(contents.manifest)

    def _add_document(self, item: str, manifest: dict[str, dict[str, str]]) -> None:
        """Adds a document of the spine, or its name to those that are left out."""
        attributes = manifest.get(item)
        if attributes is None:
            self.left_out.append(item)
            return
        # The navigation document is a table of contents.
        if "nav" in attributes.get("properties", "").split():
            return
        info = self._member(attributes.get("href", ""))
        if info is None or not is_text(attributes, info.filename):
            self.left_out.append(attributes.get("href") or item)
        elif info not in self.documents:
            self.documents.append(info)

    def _member(self, href: str) -> zipfile.ZipInfo | None:
        """The file that a reference from the package leads to; None where there is none."""
        names = [href.partition("#")[0]]
        # A ? in a name is rare, a query that a web page has left is not.
        names.append(names[0].partition("?")[0])
        for name in names:
            if name:
                path = posixpath.normpath(posixpath.join(self._base, name)).lstrip("/")
                info = self._members.find(path)
                if info is not None:
                    return info
        return None

    def _package(self) -> zipfile.ZipInfo:
        """The package, as the container names it; else the only one that there is."""
        container = self._members.find(_CONTAINER)
        if container is not None:
            for name, attributes in elements(self.read(container)):
                package = self._members.find(attributes.get("full-path", "").lstrip("/"))
                if name == "rootfile" and package is not None:
                    return package
        packages = [info for info in self._members.all if info.filename.lower().endswith(".opf")]
        if len(packages) != 1:
            raise self._broken(_CONTAINER)
        return packages[0]

    def _check_encryption(self) -> None:
        """Raises CorpusError when a document, or what is not named, is encrypted."""
        info = self._members.find(_ENCRYPTION)
        if info is None:
            return
        method = ""
        is_known = True  # whether the last method's file has come
        for name, attributes in elements(self.read(info)):
            if name == "encryptionmethod":
                if not is_known and method not in _FONT_SCRAMBLING:
                    raise self._protected()
                method = attributes.get("algorithm", "")
                is_known = False
            elif name == "cipherreference":
                is_known = True
                member = self._members.find(attributes.get("uri", "").lstrip("/"))
                if method not in _FONT_SCRAMBLING and (member is None or member in self.documents):
                    raise self._protected()
        if not is_known and method not in _FONT_SCRAMBLING:
            raise self._protected()

    def _check_size(self) -> None:
        """Raises CorpusError, before it is unpacked, for a book larger than any book is."""
        size = sum(info.file_size for info in self.documents)
        if size > LARGEST_BOOK:
            raise CorpusError(
                _(
                    "{path}: the EPUB is damaged (it unpacks to {size:,} bytes); get another copy,"
                    " or convert it to .txt"
                ).format(path=self._path, size=size)
            )

    def _read_entries(self, manifest: dict[str, dict[str, str]]) -> None:
        """The titles of the book's table of contents, by the file that they lead to."""
        package_base = self._base
        for entries in self._contents(manifest):
            found: dict[str, list[Entry]] = {}
            for entry in entries:
                info = self._member(entry.href)
                if info is not None:
                    found.setdefault(info.filename, []).append(entry)
            # A table of one entry names the book.
            if len({entry.title for listed in found.values() for entry in listed}) > 1:
                self._entries = found
                break
        self._base = package_base

    def _contents(self, manifest: dict[str, dict[str, str]]) -> Iterator[Sequence[Entry]]:
        """The book's tables of contents: the navigation document, then the NCX."""
        items = manifest.values()
        tables = [item for item in items if "nav" in item.get("properties", "").split()]
        tables += [
            item
            for item in items
            if item.get("media-type") == _NCX or item.get("href", "").lower().endswith(".ncx")
        ]
        package_base = self._base
        for item in tables:
            self._base = package_base
            info = self._member(item.get("href", ""))
            if info is not None:
                # References start from the file that has them.
                self._base = posixpath.dirname(member_name(info))
                yield read_contents(self.read(info))

    def text(self, info: zipfile.ZipInfo) -> str:
        """One document's text, a block a line, ending in a newline; "" for one that is left out."""
        page = Prose()
        try:
            page.feed(self.read(info))
        except _DamagedError:
            # The rest of the book can be read; a book of one document is no book without it.
            if len(self.documents) == 1:
                raise
            self.left_out.append(member_name(info))
            return ""
        page.close()
        if page.links >= _FEWEST_LINKS and page.linked > _LINKED * sum(map(len, page.lines)):
            self.left_out.append(member_name(info))
            return ""
        entries = self._entries.get(info.filename, [])
        lines = name_chapters(page.lines, page.anchors, entries)
        return "".join(f"{line}\n" for line in lines)


def epub_text(source: Source, left_out: Callable[[str], None]) -> Iterator[str]:
    """The book's text, a document at a time in reading order, a paragraph or heading a line.

    Scripts, styles, notes and the navigation are left out; `left_out` is called with the name of
    every document of the spine that is not read. Raises CorpusError for a file that is damaged,
    encrypted, made of pictures, or no EPUB.
    """
    try:
        with source.open() as file, zipfile.ZipFile(file) as archive:
            book = _Book(source, archive)
            book.open_package()
            for info in book.documents:
                yield book.text(info)
            for name in book.left_out:
                left_out(name)
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError):
        raise CorpusError(
            _("{path}: not an EPUB file (no readable zip archive); check the file").format(
                path=source.name
            )
        ) from None
