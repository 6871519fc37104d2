"""From files to numbered chapters of clean, segmented paragraphs: all stages of text/ together."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from novelgen.config import TextConfig
from novelgen.errors import CorpusError
from novelgen.i18n import _, join_list
from novelgen.parallel import map_in_order, processors
from novelgen.text.blocks import (
    Block,
    BlockOptions,
    PlacedRemoval,
    RawBlock,
    process_block,
    with_surroundings,
)
from novelgen.text.chapters import Heading
from novelgen.text.duplicates import RepeatedRun, SeenHashes
from novelgen.text.filetext import FileText
from novelgen.text.folders import EMPTY, Skipped
from novelgen.text.outline import Outline
from novelgen.text.places import HeadingLines
from novelgen.text.reading import open_files
from novelgen.text.report import FileReport, ImportReport, Note, Removal

# Characters that are cleaned at a time, and sent to a process.
BLOCK_CHARACTERS = 1 << 20
# Below this, starting processes costs more than it saves.
PARALLEL_BYTES = 8 << 20


class Paragraph(NamedTuple):
    """A paragraph as consecutive segments, which joined are its text.

    `chapter` is the number of its chapter, 0 before the first heading.
    """

    chapter: int
    segments: tuple[str, ...]


class _StartedFile(NamedTuple):
    """The report of a file that begins, and the lines of its headings."""

    report: FileReport
    heading_lines: HeadingLines


class CorpusImport:
    """The paragraphs of a corpus in reading order, streamed; iterate once.

    `paths` are files or folders, `workers` the processes for a large corpus (default: one for each
    processor). `report` is complete when the iteration has ended; with `list_removals` it lists
    everything that was removed.

    Raises CorpusError when a file cannot be read (at once, or during the iteration when its middle
    cannot), and at the end of the iteration when there were fewer than two paragraphs.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        config: TextConfig,
        workers: int | None = None,
        list_removals: bool = False,
        *,
        leave_out: Collection[Path] = (),
        block_characters: int = BLOCK_CHARACTERS,
    ) -> None:
        self._config = config
        opened = open_files(
            paths, config.encoding, config.errors, strict=config.strict, leave_out=leave_out
        )
        self._files = opened.files
        self._workers = workers or processors()
        self._list_removals = list_removals
        self._block_characters = block_characters
        self.report = ImportReport(skipped=opened.skipped)
        self._outline = Outline(self.report)
        self._seen = SeenHashes()
        self._run = RepeatedRun()
        # The file and the chapter that are read, and what was removed behind the last heading:
        # its chapter counts when its first paragraph comes.
        self._file = ""
        self._chapter = 0
        self._unplaced: list[Removal] = []

    def __iter__(self) -> Iterator[Paragraph]:
        for file, block in self._blocks():
            if file is not None:
                # Repeats that end one file and begin the next are no run.
                yield from self._end_run()
                self._place_removals()
                self._outline.start_file(file.heading_lines)
                self.report.files.append(file.report)
                self._file = file.report.path
                # What goes before the file's first heading stands in no chapter.
                self._chapter = 0
            yield from self._take(block)
        yield from self._end_run()
        self._place_removals()
        self._outline.finish()
        if self.report.paragraphs < 2:
            raise CorpusError(self._too_little())

    def _count_removed(self, rule: str, text: str, file: FileReport | None = None) -> None:
        """Counts `text`, removed by `rule`, and lists it where that was asked for."""
        self.report.count(rule, 1, len(text), file)
        if self._list_removals:
            self._unplaced.append(Removal(rule, text, ""))

    def _place_removals(self) -> None:
        """Lists what was removed since the last paragraph, in the chapter that is known now."""
        self.report.removals.extend(
            removal._replace(file=self._file, chapter=self._chapter) for removal in self._unplaced
        )
        self._unplaced.clear()

    def _too_little(self) -> str:
        """The message for a corpus of no paragraph or one."""
        report = self.report
        names = [str(file.path) for file in self._files[:3]]
        if len(self._files) > 3:
            names.append("…")
        if report.paragraphs:
            message = _(
                "{names}: only one paragraph is left after cleaning ({characters:,} characters;"
                " {places:,} places cleaned), at least two are needed; give more text, or see what"
                " was removed with prepare --show-removed"
            )
        else:
            message = _(
                "{names}: no paragraph is left after cleaning ({places:,} places cleaned), at least"
                " two are needed; give more text, or see what was removed with"
                " prepare --show-removed"
            )
        return message.format(
            names=join_list(names),
            characters=report.characters,
            places=sum(report.removed.values()),
        )

    def _tasks(self) -> Iterator[tuple[_StartedFile | None, RawBlock]]:
        """Raw blocks; the first of each file comes with the file's report."""
        for file in self._files:
            # The list itself: the file's last remarks come when it has been read to its end.
            notes = cast("list[Note]", file.notes)
            report = FileReport(str(file.path), file.encoding, file.size, notes)
            # The form of the file is known before its first block, which is cleaned by it.
            # Files are opened ahead of the one that is being read.
            source = FileText(file, report, partial(self._count_removed, file=report))
            options = BlockOptions(
                source.headings,
                self._config.segment_length,
                self._config.simplify,
                self._list_removals,
                source.evidence,
                self._config.keep_site_lines,
            )
            started: _StartedFile | None = _StartedFile(report, source.heading_lines)
            blocks = cut_blocks(source.lines(), self._block_characters)
            for before, block, after in with_surroundings(blocks):
                yield started, RawBlock(block, options, before, after)
                started = None
            source.finish()
            if started is not None:
                self.report.skipped.append(Skipped(str(file.path), EMPTY))

    def _blocks(self) -> Iterator[tuple[_StartedFile | None, Block]]:
        """Cleaned blocks, in order; made by several processes when the corpus is large."""
        workers = self._workers
        if sum(file.size for file in self._files) < PARALLEL_BYTES:
            workers = 1
        # The reports stay in this process, in the order of the blocks that go through the others.
        reports: deque[_StartedFile | None] = deque()

        def raw_blocks() -> Iterator[RawBlock]:
            for report, raw in self._tasks():
                reports.append(report)
                yield raw

        for block in map_in_order(process_block, raw_blocks(), workers):
            yield reports.popleft(), block

    def _take(self, block: Block) -> Iterator[Paragraph]:
        """The paragraphs of a block that are no copies, each in its chapter."""
        # 1. What cleaning removed.
        report = self.report
        report.removed.update(block.removed)
        report.files[-1].removed.update(block.removed)
        report.removed_characters.update(block.removed_characters)
        report.doubtful.update(block.doubtful)
        removals = deque(block.removals)

        # 2. Which paragraphs were seen before.
        repeated: list[bool] = []
        if block.hashes:
            repeated = self._seen.add(np.frombuffer(block.hashes, dtype=np.uint64)).tolist()

        # 3. Headings and paragraphs in their order.
        segments = block.segments.split("\n")
        headings = deque(block.headings)
        taken = 0
        start = 0
        for index, (end, is_repeated) in enumerate(zip(block.ends, repeated, strict=True)):
            while headings and headings[0][0] == index:
                self._take_removals(removals, index, taken)
                yield from self._start_heading(headings.popleft()[1])
                taken += 1
            self._take_removals(removals, index, taken)
            own = tuple(segments[start:end])
            start = end
            if is_repeated:
                # What is a copy turns out with the paragraphs that follow.
                for copy in self._run.add(own):
                    self._count_removed("duplicates", "".join(copy))
            else:
                yield from self._end_run()
                yield self._paragraph(own)

        # 4. Headings at the end, whose paragraphs are in the next block.
        while headings:
            self._take_removals(removals, len(block.ends), taken)
            yield from self._start_heading(headings.popleft()[1])
            taken += 1
        self._take_removals(removals, len(block.ends), taken)

    def _take_removals(
        self, removals: deque[PlacedRemoval], paragraphs: int, headings: int
    ) -> None:
        """Takes those that stand before the next paragraph and the next heading."""
        while removals and removals[0][:2] <= (paragraphs, headings):
            self._unplaced.append(removals.popleft().removal)

    def _start_heading(self, heading: Heading) -> Iterator[Paragraph]:
        """Ends the run of repeated paragraphs, then passes the heading on."""
        yield from self._end_run()
        self._place_removals()
        self._outline.heading(heading)

    def _end_run(self) -> Iterator[Paragraph]:
        """The repeated paragraphs that turned out to be no copies."""
        return map(self._paragraph, self._run.end())

    def _paragraph(self, segments: Sequence[str]) -> Paragraph:
        report = self.report
        report.paragraphs += 1
        report.segments += len(segments)
        report.characters += sum(map(len, segments))
        self._chapter = self._outline.paragraph()
        self._place_removals()
        return Paragraph(self._chapter, tuple(segments))


def cut_blocks(chunks: Iterable[str], size: int) -> Iterator[str]:
    """The text of `chunks` as blocks of whole lines, without the newline at a block's end.

    Every chunk ends in a newline. A block has at most `size` characters, or is one longer line.
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
