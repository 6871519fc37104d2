"""Pairs as text files, one pair a line, for other programs and other eyes; `Pairs.read_tsv` reads them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from novelgen.data.split import PARTS, find_targets
from novelgen.data.store import Store
from novelgen.errors import CorpusError


def export_pairs(store: Store, directory: Path, context_paragraphs: int = 1) -> list[Path]:
    """Writes train.tsv, valid.tsv and test.tsv into `directory`; each is whole or, after an error, as it was before.

    A line is the `context_paragraphs` segments of the source, oldest first, and the target, with a TAB between; columns
    for which the chapter has no more segments are empty. Raises CorpusError when a file cannot be written.
    """
    paths = [directory / f"{part}.tsv" for part in PARTS]
    path = directory
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for part, path in zip(PARTS, paths, strict=True):
            unfinished = path.with_name(f".{path.name}.{os.getpid()}")
            try:
                with unfinished.open("w", encoding="utf-8", newline="\n") as file:
                    file.writelines(_lines(store, part, context_paragraphs))
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise CorpusError(
            f"--export-pairs {path}：写不下，{error.strerror} | cannot be written: {error.strerror}"
        ) from None
    return paths


def _lines(store: Store, part: str, context_paragraphs: int) -> Iterator[str]:
    source: deque[str] = deque(maxlen=context_paragraphs)
    for text, is_target, is_in in zip(
        store.texts(), find_targets(store.chapters), store.is_in(part), strict=True
    ):
        if not is_target:
            source.clear()
        elif is_in:
            missing = [""] * (context_paragraphs - len(source))
            yield "\t".join([*missing, *source, text]) + "\n"
        source.append(text)
