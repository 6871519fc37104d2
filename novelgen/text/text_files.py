"""One file as a stream of text whose lines end in a line feed, whatever its format is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from novelgen.errors import CorpusError
from novelgen.i18n import _
from novelgen.text.cleaning import newlines
from novelgen.text.decoding import decode
from novelgen.text.docx import docx_text
from novelgen.text.epub import epub_text
from novelgen.text.formats import DOCX, EPUB, HTML
from novelgen.text.html import Prose
from novelgen.text.mixed import Part
from novelgen.text.mojibake import LineRepair, Repair
from novelgen.text.private_use import PrivateUse
from novelgen.text.remarks import Remark, not_read, private_use, repaired
from novelgen.text.sources import Source


@dataclass(frozen=True)
class TextFile:
    """One file with its format and encoding decided; `size` in bytes.

    `notes` are remarks about how it was read; the last ones come when `chunks` has ended.
    """

    source: Source
    format: str
    parts: tuple[Part, ...] = ()
    errors: str = "strict"
    repairs: tuple[Repair, ...] = ()
    notes: list[Remark] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """The name of the file; a member of an archive stands below that."""
        return self.source.name

    @property
    def size(self) -> int:
        """Bytes."""
        return self.source.size

    @property
    def encoding(self) -> str:
        """The encoding, two of them with a + between them, or the format that tells its own."""
        if self.parts:
            return "+".join(dict.fromkeys(part.encoding for part in self.parts))
        return self.format

    @property
    def is_epub(self) -> bool:
        """Whether the file is a book in a zip archive rather than plain text."""
        return self.format == EPUB

    @property
    def marks_headings(self) -> bool:
        """Whether the format has headings of its own, which stand behind a # in the text."""
        return self.format in (EPUB, HTML, DOCX)

    def chunks(self) -> Iterator[str]:
        """The text in pieces of about a megabyte that end anywhere; a line ends in a line feed.

        Raises CorpusError for a file that is damaged.
        """
        private = PrivateUse()
        try:
            for piece in self._pieces():
                yield private.replace(newlines(piece))
        except OSError as error:
            raise unreadable(self.path, error) from None
        if private.known or private.unknown:
            self.notes.append(private_use(private.known, private.unknown))

    def _pieces(self) -> Iterator[str]:
        """The text as its format has it."""
        if self.format == EPUB:
            return self._book()
        if self.format == DOCX:
            return docx_text(self.source)
        pieces = decode(self.source, self.parts, self.errors)
        if self.repairs:
            pieces = self._repaired(pieces)
        if self.format == HTML:
            pieces = _page(pieces)
        return pieces

    def _book(self) -> Iterator[str]:
        left_out: list[str] = []
        yield from epub_text(self.source, left_out.append)
        if left_out:
            self.notes.append(not_read(left_out))

    def _repaired(self, pieces: Iterator[str]) -> Iterator[str]:
        repair = LineRepair(self.repairs)
        yield from repair.chunks(pieces)
        wrong, right = self.repairs[-1]
        self.notes.append(repaired(wrong, right, repair.restored, repair.unrestored))


def _page(pieces: Iterator[str]) -> Iterator[str]:
    """The text of an HTML page that comes in pieces."""
    page = Prose()
    for piece in pieces:
        page.feed(piece)
        yield page.take_lines()
    page.close()
    yield page.take_lines()


def unreadable(path: Path, error: OSError) -> CorpusError:
    """The error for a file that the system does not let us read."""
    return CorpusError(
        _("{path}: cannot be read: {reason}").format(
            path=path, reason=error.strerror or type(error).__name__
        )
    )
