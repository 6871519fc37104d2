"""Files become text: which files, in which order and encoding, as a stream of whole lines."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from novelgen.errors import CorpusError
from novelgen.text.cleaning import newlines
from novelgen.text.encoding import check_encoding, detect_encoding
from novelgen.text.epub import epub_text

SUFFIXES = (".txt", ".md", ".epub")
_CHUNK = 1 << 20


def natural_key(path: Path) -> list[tuple[tuple[int, int, str], ...]]:
    """Sorts names as people number them: 第2章 before 第10章."""

    def part_key(part: str) -> tuple[tuple[int, int, str], ...]:
        return tuple(
            (0, int(piece), "") if piece.isdecimal() else (1, 0, piece.lower())
            for piece in re.split(r"(\d+)", part)
            if piece
        )

    return [part_key(part) for part in path.parts]


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The files behind `paths`, each once: files as given, folders as all text below them in natural order, but for
    hidden ones and a README.

    Raises CorpusError for a path that does not exist or a folder without text.
    """
    found: dict[Path, Path] = {}
    for path in map(Path, paths):
        if path.is_dir():
            inside = [
                file
                for file in path.rglob("*")
                if file.suffix.lower() in SUFFIXES
                and file.is_file()
                and not any(part.startswith(".") for part in file.relative_to(path).parts)
                and file.stem.lower() != "readme"
            ]
            if not inside:
                raise CorpusError(
                    f"{path}：文件夹里没有 {'、'.join(SUFFIXES)} 文件 | no such text file in this folder"
                )
            files = sorted(inside, key=natural_key)
        elif path.exists():
            files = [path]
        else:
            raise CorpusError(f"{path}：没有这个文件；请检查路径 | no such file; check the path")
        for file in files:
            found.setdefault(file.resolve(), file)
    if not found:
        raise CorpusError(
            "没有给出语料；请用 --corpus 给出文件或文件夹 | no corpus given; name a file or folder "
            "with --corpus"
        )
    return list(found.values())


@dataclass(frozen=True)
class TextFile:
    """One file with its encoding decided; `size` in bytes."""

    path: Path
    encoding: str
    size: int
    errors: str = "strict"

    @property
    def is_epub(self) -> bool:
        return self.encoding == "epub"

    def chunks(self) -> Iterator[str]:
        """The text in pieces of about a megabyte that end anywhere, every line end being \\n.

        Raises CorpusError, with the place, at a byte that the encoding does not know.
        """
        pieces = epub_text(self.path) if self.is_epub else self._decoded()
        for piece in pieces:
            yield newlines(piece)

    def _decoded(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder(self.encoding)(self.errors)
        line_ends = io.IncrementalNewlineDecoder(None, translate=True)
        fed, line = 0, 1
        try:
            with self.path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    fed += len(chunk)
                    text = line_ends.decode(decoder.decode(chunk))
                    line += text.count("\n")
                    yield text
                yield line_ends.decode(decoder.decode(b"", final=True), final=True)
        except UnicodeDecodeError as error:
            offset = fed - len(error.object) + error.start
            line += error.object[: error.start].count(b"\n")
            raise CorpusError(self._complaint(offset, line, error)) from None
        except OSError as error:
            raise CorpusError(
                f"{self.path}：读不了，{error.strerror} | cannot be read: {error.strerror}"
            ) from None

    def _complaint(self, offset: int, line: int, error: UnicodeDecodeError) -> str:
        bad = error.object[error.start : error.start + 1].hex().upper()
        remedy = f"--encoding {self.encoding} --errors replace"
        return (
            f"{self.path}：第 {line} 行、第 {offset} 字节（0x{bad}）不合 {self.encoding} 编码；可加 {remedy} "
            f"略去坏字节，或用 --encoding "
            f"改换编码 | line {line}, byte offset {offset} (0x{bad}) is not {self.encoding}; pass {remedy} to "
            f"drop such bytes"
        )


def open_text(path: Path, encoding: str = "auto", errors: str = "strict") -> TextFile:
    """The file at `path`, its encoding forced or decided by evidence. Raises CorpusError when it is empty or
    unreadable.
    """
    try:
        size = path.stat().st_size
        if size == 0:
            raise CorpusError(f"{path}：文件是空的 | the file is empty")
        if path.suffix.lower() == ".epub":
            return TextFile(path, "epub", size, errors)
        chosen = detect_encoding(path) if encoding == "auto" else check_encoding(encoding)
    except OSError as error:
        raise CorpusError(
            f"{path}：读不了，{error.strerror} | cannot be read: {error.strerror}"
        ) from None
    return TextFile(path, chosen, size, errors)
