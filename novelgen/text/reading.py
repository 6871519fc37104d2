"""Files become text: which files, in which order and encoding, as a stream of whole lines."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from novelgen.errors import CorpusError
from novelgen.i18n import _, join_list
from novelgen.text.cleaning import newlines
from novelgen.text.encoding import check_encoding, detect_encoding
from novelgen.text.epub import epub_text

SUFFIXES = (".txt", ".md", ".epub")
# Bytes that are read and decoded at a time.
_CHUNK = 1 << 20


def natural_key(path: Path) -> list[tuple[tuple[int, int, str], ...]]:
    """Sorts names as people number them: 第2章 before 第10章."""

    # A number sorts before a word, and by its value.
    def part_key(part: str) -> tuple[tuple[int, int, str], ...]:
        return tuple(
            (0, int(piece), "") if piece.isdecimal() else (1, 0, piece.lower())
            for piece in re.split(r"(\d+)", part)
            if piece
        )

    return [part_key(part) for part in path.parts]


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The files behind `paths`, each once.

    Files are taken as given; a folder is all text below it in natural order, without hidden files
    and a README. Raises CorpusError for a path that does not exist or a folder without text.
    """
    found: dict[Path, Path] = {}
    for path in map(Path, paths):
        if path.is_dir():
            files = _files_below(path)
        elif path.exists():
            files = [path]
        else:
            raise CorpusError(_("{path}: no such file; check the path").format(path=path))
        # The same file may be named twice, or stand in a folder that is named too.
        for file in files:
            found.setdefault(file.resolve(), file)
    if not found:
        raise CorpusError(_("no corpus given; name a file or folder with --corpus"))
    return list(found.values())


def _files_below(folder: Path) -> list[Path]:
    """The text files below a folder in natural order. Raises CorpusError when there are none."""
    files = [
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and file.stem.lower() != "readme"
    ]
    if not files:
        raise CorpusError(
            _("{path}: no text file ({suffixes}) in this folder").format(
                path=folder, suffixes=join_list(SUFFIXES)
            )
        )
    return sorted(files, key=natural_key)


@dataclass(frozen=True)
class TextFile:
    """One file with its encoding decided; `size` in bytes."""

    path: Path
    encoding: str
    size: int
    errors: str = "strict"

    @property
    def is_epub(self) -> bool:
        """Whether the file is a book in a zip archive rather than plain text."""
        return self.encoding == "epub"

    def chunks(self) -> Iterator[str]:
        """The text in pieces of about a megabyte that end anywhere; a line ends in a line feed.

        Raises CorpusError, with the place, at a byte that the encoding does not know.
        """
        pieces = self._decoded()
        if self.is_epub:
            pieces = epub_text(self.path)
        for piece in pieces:
            yield newlines(piece)

    def _decoded(self) -> Iterator[str]:
        # Both keep what a chunk has cut in two: a character, or a line end of two characters.
        decoder = codecs.getincrementaldecoder(self.encoding)(self.errors)
        line_ends = io.IncrementalNewlineDecoder(None, translate=True)
        fed = 0  # bytes read so far
        line = 1  # the line that is being read
        try:
            with self.path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    fed += len(chunk)
                    text = line_ends.decode(decoder.decode(chunk))
                    line += text.count("\n")
                    yield text
                yield line_ends.decode(decoder.decode(b"", final=True), final=True)
        except UnicodeDecodeError as error:
            # The decoder was given the last bytes, behind those it had kept of the chunk before.
            offset = fed - len(error.object) + error.start
            line += error.object[: error.start].count(b"\n")
            bad = error.object[error.start : error.start + 1].hex().upper()
            raise CorpusError(self._bad_byte_message(offset, line, bad)) from None
        except OSError as error:
            raise _unreadable(self.path, error) from None

    def _bad_byte_message(self, offset: int, line: int, bad: str) -> str:
        return _(
            "{path}: line {line}, byte offset {offset} (0x{bad}) is not {encoding}; pass"
            " {remedy} to drop such bytes, or name another encoding with --encoding"
        ).format(
            path=self.path,
            line=line,
            offset=offset,
            bad=bad,
            encoding=self.encoding,
            remedy=f"--encoding {self.encoding} --errors replace",
        )


def open_text(path: Path, encoding: str = "auto", errors: str = "strict") -> TextFile:
    """The file at `path`, its encoding forced or decided by evidence.

    Raises CorpusError when the file is empty or unreadable, ConfigError for an unknown encoding.
    """
    try:
        size = path.stat().st_size
        if size == 0:
            raise CorpusError(_("{path}: the file is empty").format(path=path))
        if path.suffix.lower() == ".epub":
            return TextFile(path, "epub", size, errors)
        if encoding == "auto":
            chosen = detect_encoding(path)
        else:
            chosen = check_encoding(encoding)
    except OSError as error:
        raise _unreadable(path, error) from None
    return TextFile(path, chosen, size, errors)


def _unreadable(path: Path, error: OSError) -> CorpusError:
    return CorpusError(
        _("{path}: cannot be read: {reason}").format(path=path, reason=error.strerror)
    )
