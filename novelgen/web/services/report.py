"""A report that is written for a visitor: how far it is, and at last its files."""

from __future__ import annotations

import contextvars
import queue
import shutil
import threading
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import NamedTuple

from novelgen.api.report import part_name, write_report
from novelgen.errors import ConfigError
from novelgen.i18n import _

# The formats that a page offers. Markdown has files beside it: they come as one archive.
_ARCHIVED = "md"
_SECONDS = 0.5  # between two looks at the queue, so that a page that was left is noticed


class ReportRequest(NamedTuple):
    """What a visitor asks for; empty texts are left out."""

    run: Path
    formats: Sequence[str]
    title: str = ""
    author: str = ""
    student_id: str = ""
    course: str = ""
    quick: bool = True


class ReportProgress(NamedTuple):
    """How far a report is; with files it is finished."""

    status: str
    files: Sequence[Path] = ()


class _Stopped(BaseException):
    """The visitor has gone, or pressed the button: no error, and nothing to tell."""


def write(request: ReportRequest, output: Path) -> Generator[ReportProgress, None, None]:
    """Writes a report into `output`; yields as it goes, the last one with the files.

    Closing the iterator stops the writing; what was measured is kept there and used the next time.
    Raises as `write_report`.
    """
    if not request.formats:
        raise ConfigError(_("choose at least one format"))
    told: queue.Queue[ReportProgress | BaseException] = queue.Queue()
    stopped = threading.Event()

    def tell(part: str, done: int, total: int) -> None:
        if stopped.is_set():
            raise _Stopped
        told.put(ReportProgress(f"{part_name(part)} {done}/{total}"))

    def work() -> None:
        try:
            told.put(ReportProgress(_("finished"), _written(request, output, tell)))
        except BaseException as error:
            told.put(error)

    # The thread speaks the visitor's language.
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(work,), daemon=True).start()
    try:
        yield ReportProgress(_("opening the run"))
        while True:
            try:
                found = told.get(timeout=_SECONDS)
            except queue.Empty:
                continue
            if isinstance(found, BaseException):
                raise found
            yield found
            if found.files:
                return
    finally:
        stopped.set()


def _written(
    request: ReportRequest, output: Path, tell: Callable[[str, int, int], None]
) -> list[Path]:
    """Writes the report; returns its files, Markdown with its figures as an archive."""
    paths = write_report(
        request.run,
        output,
        formats=request.formats,
        title=request.title or None,
        author=request.author or None,
        student_id=request.student_id or None,
        course=request.course or None,
        quick=request.quick,
        on_progress=tell,
    )
    files = []
    for path in paths:
        if path.suffix == f".{_ARCHIVED}":
            path = _archived(path)
        files.append(path)
    return files


def _archived(path: Path) -> Path:
    """A ZIP of a Markdown file and the figures beside it."""
    folder = path.parent / "markdown"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(path, folder)
    shutil.copytree(path.parent / "figures", folder / "figures")
    archive = shutil.make_archive(str(path.with_suffix("")), "zip", folder)
    shutil.rmtree(folder)
    return Path(archive)
