"""From files to numbered chapters of clean, segmented paragraphs: the stages of text/ put together."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np

from novelgen.config import TextConfig
from novelgen.errors import CorpusError
from novelgen.text.blocks import Block, BlockOptions, process_block
from novelgen.text.cleaning import TEXT_RULES, simplify
from novelgen.text.duplicates import SeenHashes
from novelgen.text.layout import Layout
from novelgen.text.outline import Outline
from novelgen.text.reading import TextFile, find_files, open_text
from novelgen.text.report import FileReport, ImportReport, Removal

BLOCK_CHARACTERS = 1 << 20
# Below this, starting processes costs more than it saves.
PARALLEL_BYTES = 8 << 20


class Paragraph(NamedTuple):
    """A paragraph of chapter `chapter` (0 before the first heading), as consecutive segments; joined they are its text."""

    chapter: int
    segments: tuple[str, ...]


class CorpusImport:
    """The paragraphs of a corpus in reading order, streamed; iterate once.

    `paths` are files or folders, `workers` the processes for a large corpus (default: the processors there are). Raises
    CorpusError when a file cannot be read (at once, or during the iteration when its middle cannot) and at the end
    of the iteration when there were fewer than two paragraphs. `report` is complete when the iteration has ended. `show_removed` is
    called with every Removal.
    """

    def __init__(self, paths: Sequence[Path], config: TextConfig, *, workers: int | None = None,
                 show_removed: Callable[[Removal], None] | None = None, block_characters: int = BLOCK_CHARACTERS) -> None:
        self._config = config
        self._files = [open_text(path, config.encoding, config.errors) for path in find_files(paths)]
        self._workers = workers or _processors()
        self._show_removed = show_removed
        self._block_characters = block_characters
        self.report = ImportReport()

    def __iter__(self) -> Iterator[Paragraph]:
        outline, seen = Outline(self.report), SeenHashes()
        for file, block in self._blocks():
            if file is not None:
                outline.start_file()
                self.report.files.append(file)
            yield from self._take(block, outline, seen)
        outline.finish()
        if self.report.paragraphs < 2:
            raise CorpusError(self._too_little())

    def _too_little(self) -> str:
        report = self.report
        names = "、".join(str(file.path) for file in self._files[:3]) + ("……" if len(self._files) > 3 else "")
        dropped = sum(report.removed.values())
        return (f"{names}：清理后只有 {report.paragraphs} 段（{report.characters} 字，清理 {dropped} 处），至少要两段；请给更多正文，或用 --show-removed "
                f"看去掉了什么 | only {report.paragraphs} paragraph(s) left after cleaning, at least two are needed; give more text, or see "
                "--show-removed")

    def _tasks(self) -> Iterator[tuple[FileReport | None, str, BlockOptions]]:
        """Raw blocks; the first of each file comes with the file's report."""
        for file in self._files:
            options = BlockOptions(Layout(), self._config.segment_length, self._config.simplify, self._show_removed is not None)
            report: FileReport | None = FileReport(str(file.path), file.encoding, file.size)
            for block in cut_blocks(file.chunks(), self._block_characters):
                yield report, block, options
                report = None

    def _blocks(self) -> Iterator[tuple[FileReport | None, Block]]:
        """Cleaned blocks, in order; made by several processes when the corpus is large."""
        if self._workers == 1 or sum(file.size for file in self._files) < PARALLEL_BYTES:
            yield from ((report, process_block(text, options)) for report, text, options in self._tasks())
            return
        # A fork would copy whatever the caller has loaded (torch and its threads) into every worker.
        method = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
        running: deque[tuple[FileReport | None, Future[Block]]] = deque()
        with ProcessPoolExecutor(self._workers, mp_context=get_context(method)) as pool:
            try:
                for report, text, options in self._tasks():
                    running.append((report, pool.submit(process_block, text, options)))
                    if len(running) > self._workers + 2:
                        report, future = running.popleft()
                        yield report, future.result()
                while running:
                    report, future = running.popleft()
                    yield report, future.result()
            finally:
                for _, future in running:
                    future.cancel()

    def _take(self, block: Block, outline: Outline, seen: SeenHashes) -> Iterator[Paragraph]:
        """The new paragraphs of a block, each in its chapter."""
        report = self.report
        report.removed.update(block.removed)
        report.removed_characters.update(block.removed_characters)
        if self._show_removed:
            for removal in block.removals:
                self._show_removed(removal)
        repeated = seen.add(np.frombuffer(block.hashes, dtype=np.uint64)).tolist() if block.hashes else []
        segments = block.segments.split("\n")
        headings = iter([*block.headings, (len(repeated), None)])
        place, heading = next(headings)
        start = 0
        for index, (end, is_repeated) in enumerate(zip(block.ends, repeated, strict=True)):
            while heading is not None and place == index:
                outline.heading(heading)
                place, heading = next(headings)
            own, start = tuple(segments[start:end]), end
            characters = sum(map(len, own))
            if is_repeated:
                report.count("duplicates", 1, characters)
                if self._show_removed:
                    self._show_removed(Removal("duplicates", "".join(own), ""))
                continue
            report.paragraphs += 1
            report.segments += len(own)
            report.characters += characters
            yield Paragraph(outline.paragraph(), own)
        for _, heading in chain([(place, heading)], headings):
            if heading is not None:
                outline.heading(heading)


def _processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cut_blocks(chunks: Iterable[str], size: int) -> Iterator[str]:
    """The text of `chunks` as blocks of whole lines, about `size` characters each, without the last newline."""
    pending: list[str] = []
    held = 0
    for chunk in chunks:
        pending.append(chunk)
        held += len(chunk)
        while held >= size:
            text = "".join(pending)
            cut = text.rfind("\n", 0, size)
            if cut < 0:
                cut = text.find("\n", size)
            if cut < 0:
                pending = [text]
                break
            yield text[:cut]
            pending = [text[cut + 1:]]
            held = len(pending[0])
    text = "".join(pending)
    if text:
        yield text


def clean_prompt(text: str, config: TextConfig) -> list[str]:
    """The paragraphs of a prompt, cleaned by the same rules as a corpus; adverts and headings are not looked for."""
    for rule in TEXT_RULES:
        text = rule(text)
    if config.simplify:
        text = simplify(text)
    return [line for line in text.split("\n") if line]
