"""From files to numbered chapters of clean, segmented paragraphs: the stages of text/ put together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from novelgen.config import TextConfig
from novelgen.errors import CorpusError
from novelgen.parallel import map_in_order, processors
from novelgen.text.blocks import Block, BlockOptions, RawBlock, process_block
from novelgen.text.duplicates import RepeatedRun, SeenHashes
from novelgen.text.filetext import FileText
from novelgen.text.outline import Outline
from novelgen.text.reading import find_files, open_text
from novelgen.text.report import FileReport, ImportReport, Removal

BLOCK_CHARACTERS = 1 << 20
# Below this, starting processes costs more than it saves.
PARALLEL_BYTES = 8 << 20


class Paragraph(NamedTuple):
    """A paragraph of chapter `chapter` (0 before the first heading), as consecutive segments; joined they are its
    text.
    """

    chapter: int
    segments: tuple[str, ...]


class CorpusImport:
    """The paragraphs of a corpus in reading order, streamed; iterate once.

    `paths` are files or folders, `workers` the processes for a large corpus (default: the processors there are). Raises
    CorpusError when a file cannot be read (at once, or during the iteration when its middle cannot) and at the end
    of the iteration when there were fewer than two paragraphs. `report` is complete when the iteration has ended; with
    `list_removals` it lists everything that was removed.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        config: TextConfig,
        workers: int | None = None,
        list_removals: bool = False,
        *,
        block_characters: int = BLOCK_CHARACTERS,
    ) -> None:
        self._config = config
        self._files = [
            open_text(path, config.encoding, config.errors) for path in find_files(paths)
        ]
        self._workers = workers or processors()
        self._list_removals = list_removals
        self._block_characters = block_characters
        self.report = ImportReport()
        self._outline = Outline(self.report)
        self._seen = SeenHashes()
        self._run = RepeatedRun()

    def __iter__(self) -> Iterator[Paragraph]:
        for file, block in self._blocks():
            if file is not None:
                yield from self._end_run()
                self._outline.start_file()
                self.report.files.append(file)
            yield from self._take(block)
        yield from self._end_run()
        self._outline.finish()
        if self.report.paragraphs < 2:
            raise CorpusError(self._too_little())

    def _book(self, rule: str, text: str) -> None:
        """Books `text`, taken away by `rule`."""
        self.report.count(rule, 1, len(text))
        if self._list_removals:
            self.report.removals.append(Removal(rule, text, ""))

    def _too_little(self) -> str:
        report = self.report
        names = "、".join(str(file.path) for file in self._files[:3]) + (
            "……" if len(self._files) > 3 else ""
        )
        dropped = sum(report.removed.values())
        return (
            f"{names}：清理后只有 {report.paragraphs} 段（{report.characters} 字，清理 {dropped} 处），"
            f"至少要两段；请给更多正文，或用 prepare --show-removed 看去掉了什么 | only {report.paragraphs} "
            "paragraph(s) left after cleaning, at least two are needed; give more text, or see what went with "
            "prepare --show-removed"
        )

    def _tasks(self) -> Iterator[tuple[FileReport | None, RawBlock]]:
        """Raw blocks; the first of each file comes with the file's report."""
        for file in self._files:
            report = FileReport(str(file.path), file.encoding, file.size)
            source = FileText(file, report, self._book)
            options = BlockOptions(
                source.headings,
                self._config.segment_length,
                self._config.simplify,
                self._list_removals,
            )
            is_first = True
            for block in cut_blocks(source.lines(), self._block_characters):
                yield report if is_first else None, RawBlock(block, options)
                is_first = False
            source.finish()

    def _blocks(self) -> Iterator[tuple[FileReport | None, Block]]:
        """Cleaned blocks, in order; made by several processes when the corpus is large."""
        is_small = sum(file.size for file in self._files) < PARALLEL_BYTES
        reports: deque[FileReport | None] = deque()

        def raw_blocks() -> Iterator[RawBlock]:
            for report, raw in self._tasks():
                reports.append(report)
                yield raw

        for block in map_in_order(process_block, raw_blocks(), 1 if is_small else self._workers):
            yield reports.popleft(), block

    def _take(self, block: Block) -> Iterator[Paragraph]:
        """The paragraphs of a block that are no copies, each in its chapter."""
        report, outline, run = self.report, self._outline, self._run
        report.removed.update(block.removed)
        report.removed_characters.update(block.removed_characters)
        report.removals.extend(block.removals)
        repeated = (
            self._seen.add(np.frombuffer(block.hashes, dtype=np.uint64)).tolist()
            if block.hashes
            else []
        )
        segments = block.segments.split("\n")
        headings = iter([*block.headings, (len(repeated), None)])
        place, heading = next(headings)
        start = 0
        for index, (end, is_repeated) in enumerate(zip(block.ends, repeated, strict=True)):
            while heading is not None and place == index:
                yield from self._end_run()
                outline.heading(heading)
                place, heading = next(headings)
            own, start = tuple(segments[start:end]), end
            if is_repeated:
                for copy in run.add(own):
                    self._book("duplicates", "".join(copy))
                continue
            yield from self._end_run()
            yield self._paragraph(own)
        while heading is not None:
            yield from self._end_run()
            outline.heading(heading)
            _, heading = next(headings)

    def _end_run(self) -> Iterator[Paragraph]:
        """The repeated paragraphs that turned out to be no copies."""
        return map(self._paragraph, self._run.end())

    def _paragraph(self, segments: Sequence[str]) -> Paragraph:
        report = self.report
        report.paragraphs += 1
        report.segments += len(segments)
        report.characters += sum(map(len, segments))
        return Paragraph(self._outline.paragraph(), tuple(segments))


def cut_blocks(chunks: Iterable[str], size: int) -> Iterator[str]:
    """The text of `chunks`, which end in newlines, as blocks of about `size` characters or one longer line, without
    the last newline.
    """
    text = ""
    for chunk in chunks:
        text += chunk
        start = 0
        while len(text) - start >= size:
            cut = text.rfind("\n", start, start + size)
            if cut < 0:
                cut = text.index("\n", start + size - 1)
            yield text[start:cut]
            start = cut + 1
        text = text[start:]
    if text:
        yield text.removesuffix("\n")
