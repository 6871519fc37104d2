"""Pairs as text files, one pair a line, for other programs; `Pairs.read_tsv` reads them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from novelgen.data.split import PARTS, find_targets
from novelgen.data.store import Store
from novelgen.errors import CorpusError
from novelgen.i18n import _
from novelgen.os_errors import reason_of


def export_pairs(store: Store, directory: Path, context_paragraphs: int = 1) -> list[Path]:
    """Writes train.tsv, valid.tsv and test.tsv into `directory` and returns their paths.

    A line is the `context_paragraphs` segments of the source, oldest first, and the target, with
    a TAB between; columns for which the chapter has no more segments are empty. Each file is whole
    or, after an error, as it was before. Raises CorpusError when a file cannot be written.
    """
    paths = [directory / f"{part}.tsv" for part in PARTS]
    path = directory  # what an error is about: the folder at first, then each file
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for part, path in zip(PARTS, paths, strict=True):
            _write_whole(path, _lines(store, part, context_paragraphs))
    except OSError as error:
        raise CorpusError(
            _("--export-pairs {path}: cannot be written: {reason}").format(
                path=path, reason=reason_of(error)
            )
        ) from None
    return paths


def _write_whole(path: Path, lines: Iterator[str]) -> None:
    """Writes under another name first, so that an error leaves the file at `path` as it was."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _lines(store: Store, part: str, context_paragraphs: int) -> Iterator[str]:
    """The lines of a part's file."""
    # The last segments of the chapter so far, the oldest first.
    source: deque[str] = deque(maxlen=context_paragraphs)
    is_target = find_targets(store.chapters)
    for text, has_source, is_in in zip(store.texts(), is_target, store.is_in(part), strict=True):
        if not has_source:
            # A new chapter. Its first segment is no target.
            source.clear()
        elif is_in:
            missing = [""] * (context_paragraphs - len(source))
            yield "\t".join([*missing, *source, text]) + "\n"
        source.append(text)
