"""The files of a corpus are opened: which ones, in which format, encoding and order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from novelgen.errors import CorpusError
from novelgen.i18n import _
from novelgen.text.archives import expand
from novelgen.text.encoding import check_encoding
from novelgen.text.folders import FAILED, Skipped, find_files, survey
from novelgen.text.formats import DOCX, EPUB, ZIP, detect_format
from novelgen.text.opening import Opening
from novelgen.text.sources import Source, file_source
from novelgen.text.text_files import TextFile, unreadable

__all__ = ["OpenedFiles", "TextFile", "find_files", "open_files", "open_text"]


class OpenedFiles(NamedTuple):
    """The texts of a corpus in reading order, and the files that are none or cannot be read."""

    files: list[TextFile]
    skipped: list[Skipped]


def open_files(
    paths: Sequence[Path],
    encoding: str = "auto",
    errors: str = "strict",
    *,
    strict: bool = False,
    leave_out: Collection[Path] = (),
) -> OpenedFiles:
    """Opens every novel behind `paths` but `leave_out`: files, folders, what zip archives hold.

    A file that cannot be read is skipped, unless it is the only one or `strict`: then CorpusError
    says what is wrong with it. Raises ConfigError for an unknown encoding.
    """
    found = survey(paths)
    opened = OpenedFiles([], list(found.skipped))

    def skip(path: Path, error: CorpusError) -> None:
        opened.skipped.append(Skipped(str(path), FAILED, str(error)))

    for path in found.files:
        if path in leave_out:
            continue
        sources: list[Source] = []
        try:
            sources = _sources(path, opened.skipped)
        except CorpusError as error:
            skip(path, error)
        for source in sources:
            try:
                file = _open_source(source, encoding, errors)
                if len(found.files) > 1 and file.format in (EPUB, DOCX):
                    _check_book(source, file.format)
                opened.files.append(file)
            except CorpusError as error:  # noqa: PERF203 (a file takes longer than its try)
                skip(source.name, error)
    failures = [skipped.message for skipped in opened.skipped if skipped.reason == FAILED]
    if failures and (strict or not opened.files):
        raise CorpusError(failures[0])
    return opened


def _check_book(source: Source, form: str) -> None:
    """Reads a book to its end, so that a damaged one does not end the import of the others.

    Raises CorpusError. A plain text is looked at as a whole when it is opened.
    """
    for _piece in TextFile(source, form).chunks():
        pass


def _sources(path: Path, skipped: list[Skipped]) -> list[Source]:
    """A file as one source, or as many as it is an archive of."""
    try:
        source = file_source(path)
        if source.size and detect_format(source) == ZIP:
            novels, others = expand(source)
            skipped.extend(others)
            return novels
    except OSError as error:
        raise unreadable(path, error) from None
    return [source]


def open_text(path: Path, encoding: str = "auto", errors: str = "strict") -> TextFile:
    """The file at `path`, its encoding forced or decided by evidence.

    Raises CorpusError when the file is empty, unreadable, or in a format that is not read here,
    ConfigError for an unknown encoding.
    """
    try:
        return _open_source(file_source(path), encoding, errors)
    except OSError as error:
        raise unreadable(path, error) from None


def _open_source(source: Source, encoding: str, errors: str) -> TextFile:
    """As `open_text`, for a member of an archive too."""
    if encoding != "auto":
        encoding = check_encoding(encoding)
    if source.size == 0:
        raise CorpusError(_("{path}: the file is empty").format(path=source.name))
    try:
        form = detect_format(source)
        if form == ZIP:
            raise CorpusError(
                _("{path}: an archive within an archive; unpack it first").format(path=source.name)
            )
        if form in (EPUB, DOCX):
            return TextFile(source, form)
        return Opening(source, form, errors).text_file(encoding)
    except OSError as error:
        raise unreadable(source.name, error) from None
