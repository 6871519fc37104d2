"""The files of a corpus, one novel each: which are there twice, and which one a name means."""

from __future__ import annotations

import codecs
import hashlib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from novelgen.config import TextConfig
from novelgen.errors import ConfigError, CorpusError
from novelgen.i18n import _, join_list
from novelgen.options import validate_choice
from novelgen.text.reading import find_files, open_text

# Bytes that are read at a time.
CHUNK_BYTES = 1 << 20
# Only when it is unpacked is it known which novels an archive holds.
_ARCHIVE = ".zip"
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Duplicate(NamedTuple):
    """A file that is not read, because `same_as` was read and has the same text."""

    path: Path
    same_as: Path


def find_duplicates(paths: Sequence[Path], text: TextConfig) -> list[Duplicate]:
    """The files of a corpus whose bytes, or whose text, another one has already.

    Two encodings, line ends or indentations of the same words are the same text. Raises CorpusError
    for a path that does not exist, a folder without text or a file that cannot be read.
    """
    files = find_files(paths)
    if len(files) == 1:
        return []
    # 1. The same bytes, which need not be decoded.
    marks = {path: _mark(path) for path in files}
    first_with: dict[bytes, Path] = {}
    same_as: dict[Path, Path] = {}
    for path in files:
        other = first_with.setdefault(marks[path].digest, path)
        if other != path:
            same_as[path] = other

    # 2. The same text. Decoding everything twice would take long: only texts of as many words are.
    different = [path for path in files if path not in same_as]
    sizes = Counter(marks[path].words for path in different)
    for path in different:
        if sizes[marks[path].words] > 1 or None in sizes:
            digest = _text_digest(path, text)
            other = first_with.setdefault(digest, path)
            if other != path:
                same_as[path] = other
    # A copy of a copy is one of the first.
    duplicates = [Duplicate(path, same_as.get(other, other)) for path, other in same_as.items()]
    return sorted(duplicates, key=lambda each: files.index(each.path))


def find_novel(paths: Sequence[Path], name: str) -> int:
    """The place in `paths` of the novel `name`: a file's name, with its ending or without.

    Where several files have that name, a folder before it tells which one is meant. Raises
    ConfigError unless it is exactly one.
    """
    asked = PurePath(_normal(name)).parts
    places = [place for place, path in enumerate(paths) if _is_called(path, asked)]
    if len(places) > 1:
        raise ConfigError(
            _(
                "--hold-out {name}: several files have this name ({files}); write the ending, or "
                "the folder before it"
            ).format(name=name, files=join_list(str(paths[place]) for place in places))
        )
    if not places:
        # The message has the nearest name and all of them.
        validate_choice(name, tuple(dict.fromkeys(path.stem for path in paths)), "--hold-out")
        raise ConfigError(
            _("--hold-out {name}: no file of the corpus has this name").format(name=name)
        )
    return places[0]


def check_hold_out(paths: Sequence[Path], name: str | None) -> None:
    """Raises ConfigError for a novel that is not there, before an import that may take long."""
    if name is None:
        return
    files = find_files(paths)
    if any(path.suffix.lower() == _ARCHIVE for path in files):
        return
    find_novel(files, name)
    if len(files) == 1:
        raise ConfigError(
            _(
                "--hold-out {name}: the corpus is this novel alone; leave the option out, and "
                "chapters of it are held out"
            ).format(name=name)
        )


def _is_called(path: Path, asked: tuple[str, ...]) -> bool:
    """Whether `asked` is the end of a path, the file's ending written or not."""
    for own in (path, path.with_suffix("")):
        if tuple(map(_normal, own.parts[-len(asked) :])) == asked:
            return True
    return False


def _normal(name: str) -> str:
    """A name in one spelling: macOS writes an accent as a character of its own."""
    return unicodedata.normalize("NFC", name)


class _Mark(NamedTuple):
    """A hash of a file's bytes, and how many words with spaces and line ends between it has.

    No encoding of Chinese but UTF-16 has such a byte within a character: the number is the same in
    every other one. It is None for UTF-16.
    """

    digest: bytes
    words: int | None


def _mark(path: Path) -> _Mark:
    """The mark of a file, a megabyte at a time."""
    content = hashlib.blake2b(digest_size=20)
    words = 0
    start = b""
    ends_in_word = False
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                content.update(chunk)
                start = start or chunk[:2]
                words += len(chunk.split())
                # A word that goes on from the last chunk is one word.
                words -= ends_in_word and not chunk[:1].isspace()
                ends_in_word = not chunk[-1:].isspace()
    except OSError:
        # The import leaves it out and says so, or refuses it. It is like no other file.
        return _Mark(str(path).encode("utf-8", "surrogateescape"), -1)
    if start in _UTF16_MARKS:
        return _Mark(content.digest(), None)
    return _Mark(content.digest(), words)


def _text_digest(path: Path, text: TextConfig) -> bytes:
    """A hash of a file's text without spaces and line ends."""
    content = hashlib.blake2b(digest_size=20, person=b"text")
    try:
        for piece in open_text(path, text.encoding, text.errors).chunks():
            content.update("".join(piece.split()).encode("utf-8", "surrogatepass"))
    except CorpusError:
        # The import says what is wrong with it; an archive holds several texts.
        content.update(str(path).encode("utf-8", "surrogateescape"))
    return content.digest()
