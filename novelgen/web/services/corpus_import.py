"""A visitor's novel: the files that were dropped, what cleaning makes of them, and their store.

Nothing here knows Gradio. The files lie in a folder of their own beside the stores, so that a store
is kept by renaming it, and everything else goes with the folder.
"""

from __future__ import annotations

import atexit
import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from novelgen.api.preparation import prepare
from novelgen.config import Config, TextConfig
from novelgen.data.prepare import STORES, corpus_name, store_name
from novelgen.data.removals import changes_words, listing_import
from novelgen.data.store import is_store
from novelgen.errors import CorpusError, NovelgenError
from novelgen.i18n import N_, _
from novelgen.os_errors import reason_of
from novelgen.text.importing import CorpusImport
from novelgen.text.report import ImportReport, Removal, describe_reason, describe_rule
from novelgen.web import limits
from novelgen.web.services.training import PageTraining, TrainingRequest

_PREFIX = ".dropped-"
_LEFT_BEHIND = 86_400.0  # seconds; what is older was left by a program that was killed
_NAME = 60  # characters of a run's name
_LINE = 300  # characters of a removed line that are shown
# The headings of the table of removed lines; what a report does not tell has no column.
_COLUMNS = (N_("rule"), N_("reason"), N_("chapter"), N_("line"), N_("what became of it"))
_OPTIONAL = ("reason", "chapter")


class Dropped(NamedTuple):
    """The files that a visitor dropped, and the store once they have been read."""

    folder: Path
    source: Path  # the file, or the folder of several
    store: Path | None = None


class RemovedLine(NamedTuple):
    """A line that cleaning took out or changed, in the visitor's language."""

    rule: str
    reason: str
    chapter: str
    line: str
    outcome: str


class Read(NamedTuple):
    """What reading the files has found."""

    dropped: Dropped
    summary: str
    removed: list[RemovedLine]  # at most limits.REMOVED_SHOWN
    more: int  # further ones


def receive(
    runs: Path, uploads: Sequence[Path], take: Callable[[Path, Path], object] = shutil.move
) -> Dropped:
    """Moves files into a new folder below `runs`, or copies them there. Raises CorpusError."""
    if not uploads:
        raise CorpusError(_("drop a novel first"))
    stores = Path(runs) / STORES
    try:
        stores.mkdir(parents=True, exist_ok=True)
        _remove_left_behind(stores)
        folder = Path(tempfile.mkdtemp(dir=stores, prefix=_PREFIX))
        # At the end of the program nobody's session is closed.
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        # Several files are one novel, named after the first; the import orders a folder's files.
        files = folder / "files" / run_name(uploads[0])
        files.mkdir(parents=True)
        for upload in uploads:
            take(upload, _unused(files / f"{run_name(upload)}{upload.suffix}"))
    except OSError as error:
        message = _("the files cannot be kept: {reason}")
        raise CorpusError(message.format(reason=reason_of(error))) from None
    moved = list(files.iterdir())
    return Dropped(folder, moved[0] if len(moved) == 1 else files)


def read(dropped: Dropped, text: TextConfig) -> Read:
    """Builds the store of the files, and lists what cleaning removed.

    An earlier store of the same files is removed. Raises CorpusError and ConfigError, in which
    the files have their bare names.
    """
    directory = dropped.folder / "stores"
    shutil.rmtree(directory, ignore_errors=True)
    try:
        # One process: the server's own has threads, and must not be copied for workers.
        config = Config(text=text)
        store = prepare(dropped.source, directory / "new", config, workers=1)
        name = store_name([dropped.source], store.meta["content"])
        path = _renamed(store.directory, directory / name)
        removed, more = _list_removed(dropped.source, text)
        summary = store.summary()
    except NovelgenError as error:
        raise type(error)(_without_folder(str(error), dropped)) from None
    return Read(dropped._replace(store=path), _without_folder(summary, dropped), removed, more)


def _renamed(path: Path, target: Path) -> Path:
    try:
        return path.rename(target)
    except OSError as error:
        message = _("the files cannot be kept: {reason}")
        raise CorpusError(message.format(reason=reason_of(error))) from None


class Kept(NamedTuple):
    """A store in its place beside those of other runs."""

    store: Path
    is_new: bool  # False when it was there before


def keep(dropped: Dropped | None, runs: Path) -> Kept:
    """Moves the store to where the runs have theirs. Raises CorpusError when there is none."""
    if dropped is None or dropped.store is None:
        raise CorpusError(_("drop a novel first"))
    target = Path(runs) / STORES / dropped.store.name
    # Its name has a hash of the text and the options: the same name is the same store.
    if is_store(target):
        return Kept(target, is_new=False)
    try:
        dropped.store.rename(target)
    except OSError:
        raise CorpusError(_("the novel that was read is gone; drop it again")) from None
    return Kept(target, is_new=True)


def take_back(dropped: Dropped, kept: Kept) -> None:
    """Undoes `keep`, so that nothing is left behind by a training that did not start."""
    if dropped.store is not None and kept.is_new:
        kept.store.rename(dropped.store)


def remove(dropped: Dropped | None) -> None:
    """Removes the files, and their store unless it was kept."""
    if dropped is not None:
        shutil.rmtree(dropped.folder, ignore_errors=True)


def train(
    training: PageTraining,
    runs: Path,
    dropped: Dropped | None,
    preset: str,
    minutes: float,
    init: str = "auto",
) -> None:
    """Starts the training and removes the files. Raises CorpusError and TrainingError."""
    training.check_free()
    kept = keep(dropped, runs)
    assert dropped is not None  # which `keep` has refused
    request = TrainingRequest(
        corpus=kept.store,
        name=f"{run_name(dropped.source)}-{preset}",
        preset=preset,
        minutes=minutes,
        init=init,
        is_uploaded=True,
        discard=kept.store if kept.is_new else None,
    )
    try:
        training.start_on(runs, request)
    except NovelgenError:
        # Another visitor was faster: what was read is there for the next try.
        take_back(dropped, kept)
        raise
    remove(dropped)


def run_name(file: Path) -> str:
    """What to call a run, or a folder, after a file: short, and never hidden."""
    return corpus_name([file]).strip(". ")[:_NAME] or "novel"


def table(removed: Iterable[RemovedLine]) -> tuple[list[str], list[list[str]]]:
    """The headings and rows of the removed lines, without columns that are empty."""
    rows = list(removed)
    shown = [
        (name, heading)
        for name, heading in zip(RemovedLine._fields, _COLUMNS, strict=True)
        if name not in _OPTIONAL or any(getattr(row, name) for row in rows)
    ]
    headings = [_(heading) for _name, heading in shown]
    return headings, [[getattr(row, name) for name, _heading in shown] for row in rows]


def _list_removed(source: Path, text: TextConfig) -> tuple[list[RemovedLine], int]:
    """The lines whose words cleaning has changed, or doubted; and how many were left off."""
    corpus = listing_import([source], text, workers=1)
    found: list[Removal] = []
    count = 0
    for removal in _removals(corpus):
        if changes_words(removal):
            count += 1
            if len(found) < limits.REMOVED_SHOWN:
                found.append(removal)
    # The chapters' titles are complete when all has been read.
    rows = [_row(removal, corpus.report) for removal in found]
    return rows, count - len(rows)


def _removals(corpus: CorpusImport) -> Iterator[Removal]:
    """All removals of an import, of which memory never holds many: most are indentation."""
    waiting = corpus.report.removals
    for _paragraph in corpus:
        if len(waiting) >= limits.REMOVED_IN_MEMORY:
            yield from waiting
            waiting.clear()
    yield from waiting


def _row(removal: Removal, report: ImportReport) -> RemovedLine:
    if removal.is_doubtful:
        outcome = _("kept: doubtful")
    elif removal.after:
        outcome = _("changed to: {text}").format(text=_short(removal.after))
    else:
        outcome = _("removed")
    return RemovedLine(
        rule=describe_rule(removal.rule),
        reason=describe_reason(removal.reason),
        chapter=_chapter(removal.chapter, report),
        line=_short(removal.before),
        outcome=outcome,
    )


def _chapter(number: int, report: ImportReport) -> str:
    """A chapter by its title where the report has it, else by its number."""
    if not number:
        return ""
    return report.chapter_starts[number - 1].title or str(number)


def _short(line: str) -> str:
    line = line.strip()
    if len(line) <= _LINE:
        return line
    return f"{line[:_LINE]}…"


def _without_folder(text: str, dropped: Dropped) -> str:
    """The text with the names of the files in place of their paths."""
    for folder in (dropped.source, dropped.source.parent):
        text = text.replace(f"{folder}/", "")
    return text.replace(str(dropped.source), dropped.source.name)


def _unused(path: Path) -> Path:
    """The path, or a numbered one where a file of that name has come already."""
    unused = path
    number = 1
    while unused.exists():
        number += 1
        unused = path.with_name(f"{number}-{path.name}")
    return unused


def _remove_left_behind(stores: Path) -> None:
    """Removes the folders of a program that was killed."""
    for folder in stores.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _LEFT_BEHIND:
                shutil.rmtree(folder, ignore_errors=True)
