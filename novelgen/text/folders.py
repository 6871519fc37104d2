"""Which files of a folder are novels: folders as people have them, and zip archives alike."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from novelgen.errors import CorpusError
from novelgen.i18n import _, join_list
from novelgen.text.formats import ARCHIVES, FOREIGN, SUFFIXES

# Why a file was skipped; data, which `describe_skipped` puts into words.
SYSTEM = "system"
ABOUT = "about"
OTHER = "other"
FOREIGN_FORMAT = "foreign_format"
EMPTY = "empty"
FAILED = "failed"

# What operating systems leave in folders, beside names that begin with a dot.
_SYSTEM_NAMES = frozenset(("__macosx", "thumbs.db", "desktop.ini", "$recycle.bin"))
# Small files that tell about the others: what sites and archivers put beside a novel.
_ABOUT = re.compile(
    r"read[ _-]?me.*|inf|info|file_id|licen[cs]e|copying|changelog|urls?|"
    r"(?:使用|下载|下載|阅读|閱讀)?[说說]明.*|.*(?:必[读讀]|[声聲]明|使用[说說]明"
    r"|下[载載][说說]明)",
    re.IGNORECASE,
)
_LARGEST_ABOUT = 1 << 16


# Digits of the longest number in a name that counts as one: Python refuses to read numbers of
# thousands of digits, which an archive may have.
_MOST_DIGITS = 18


class Skipped(NamedTuple):
    """A file that was not read, why, and for FAILED the message that says it in full."""

    path: str
    reason: str
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return self._asdict()


def describe_skipped(skipped: Skipped) -> str:
    """Why a file was not read, in the language that is shown."""
    path, reason, message = skipped
    foreign = FOREIGN.get(PurePath(path).suffix.lower())
    if reason == FOREIGN_FORMAT and foreign is not None:
        return _("not read: {path} (a file of the kind {kind}; {remedy})").format(
            path=path, kind=foreign.name, remedy=_(foreign.remedy)
        )
    if reason == SYSTEM:
        return _("not read: {path} (a file of the operating system)").format(path=path)
    if reason == ABOUT:
        return _("not read: {path} (a note about other files)").format(path=path)
    if reason == EMPTY:
        return _("not read: {path} (empty)").format(path=path)
    if reason == FAILED:
        return _("not read: {message}").format(message=message)
    return _("not read: {path} (no text)").format(path=path)


class Found(NamedTuple):
    """The files of a corpus in reading order, and those that were passed over."""

    files: list[Path]
    skipped: list[Skipped]


def natural_key(path: PurePath) -> list[tuple[tuple[int, int, str], ...]]:
    """Sorts names as people number them: 第2章 before 第10章."""

    def is_number(piece: str) -> bool:
        return piece.isdecimal() and len(piece) <= _MOST_DIGITS

    # A number sorts before a word, and by its value.
    def part_key(part: str) -> tuple[tuple[int, int, str], ...]:
        return tuple(
            (0, int(piece), "") if is_number(piece) else (1, 0, piece.lower())
            for piece in re.split(r"(\d+)", part)
            if piece
        )

    return [part_key(part) for part in path.parts]


def is_system_name(name: str) -> bool:
    """Whether the operating system, not a person, has put a file or folder of this name there."""
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def reason_to_skip(path: PurePath, size: int) -> str | None:
    """Why a file is no novel, by its name and size in bytes; None for one that is to be read."""
    suffix = path.suffix.lower()
    if any(is_system_name(part) for part in path.parts):
        return SYSTEM
    if suffix in FOREIGN:
        return FOREIGN_FORMAT
    # A name without an ending may be a text's; one like 第1.5章 has no ending either.
    is_name = suffix in SUFFIXES or not re.fullmatch(r"\.[a-z0-9_~-]{1,10}", suffix)
    if not is_name and suffix not in ARCHIVES:
        return OTHER
    stem = path.name
    if suffix in SUFFIXES:
        stem = path.stem
    if size <= _LARGEST_ABOUT and _ABOUT.fullmatch(stem):
        return ABOUT
    if not size:
        return EMPTY
    return None


def survey(paths: Sequence[Path]) -> Found:
    """The files behind `paths`, each once.

    Files are taken as given; a folder is every novel below it in natural order. Raises CorpusError
    for a path that does not exist or a folder without a novel.
    """
    found: dict[Path, Path] = {}
    skipped: list[Skipped] = []
    for path in map(Path, paths):
        if path.is_dir():
            files = _files_below(path, skipped)
        elif path.exists():
            files = [path]
        else:
            raise CorpusError(_("{path}: no such file; check the path").format(path=path))
        # The same file may be named twice, or stand in a folder that is named too.
        for file in files:
            found.setdefault(file.resolve(), file)
    if not found:
        raise CorpusError(_("no corpus given; name a file or folder with --corpus"))
    return Found(list(found.values()), skipped)


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The files of `survey`, which says when it raises CorpusError."""
    return survey(paths).files


def _files_below(folder: Path, skipped: list[Skipped]) -> list[Path]:
    """The novels below a folder in natural order; the other files are added to `skipped`."""
    files: list[Path] = []
    passed: list[tuple[Path, str]] = []
    for place, names, file_names in os.walk(folder):
        below = Path(place)
        # A folder of the system is named, not searched.
        passed.extend((below / name, SYSTEM) for name in names if is_system_name(name))
        names[:] = [name for name in names if not is_system_name(name)]
        for name in file_names:
            path = below / name
            if not path.is_file():
                continue
            reason = reason_to_skip(path.relative_to(folder), path.stat().st_size)
            if reason is None:
                files.append(path)
            else:
                passed.append((path, reason))
    passed.sort(key=lambda item: natural_key(item[0]))
    skipped.extend(Skipped(str(path), reason) for path, reason in passed)
    if not files:
        raise CorpusError(_no_novel_message(folder, passed))
    return sorted(files, key=natural_key)


def _no_novel_message(folder: Path, passed: Sequence[tuple[Path, str]]) -> str:
    suffixes = join_list((*SUFFIXES, *ARCHIVES))
    for path, reason in passed:
        if reason == FOREIGN_FORMAT:
            # One that can be converted is the likeliest to be meant.
            foreign = FOREIGN[path.suffix.lower()]
            return _(
                "{path}: no text file ({suffixes}) in this folder; {name} is a file of the kind"
                " {kind}, {remedy}"
            ).format(
                path=folder,
                suffixes=suffixes,
                name=path.name,
                kind=foreign.name,
                remedy=_(foreign.remedy),
            )
    return _("{path}: no text file ({suffixes}) in this folder").format(
        path=folder, suffixes=suffixes
    )
