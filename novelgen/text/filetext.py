"""The text of one file as chunks of whole lines, a paragraph a line.

What only the file as a whole can show is decided here: its wrapping and its kind of headings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain

from novelgen.errors import CorpusError
from novelgen.i18n import _
from novelgen.text.chapters import Headings
from novelgen.text.evidence import find_evidence
from novelgen.text.gutenberg import strip_gutenberg
from novelgen.text.layout import detect_wrapping
from novelgen.text.lines import LongLines
from novelgen.text.places import HeadingLines
from novelgen.text.reading import TextFile
from novelgen.text.report import FileReport, bare_titles, long_lines, wrapped_lines
from novelgen.text.styleevidence import detect_style
from novelgen.text.titles import MARK, detect_titles

# Characters from which the form of a file is judged, and its wrapping alone.
_SAMPLE = 1 << 19
_WRAPPING_SAMPLE = 1 << 17
_MARKDOWN = re.compile(r"^#{1,6}[ 　]+\S", re.MULTILINE)


def _peek(chunks: Iterator[str]) -> tuple[str, Iterator[str]]:
    """(the first half a million characters or fewer, all chunks again)."""
    seen: list[str] = []
    for chunk in chunks:
        seen.append(chunk)
        if sum(map(len, seen)) >= _SAMPLE:
            break
    return "".join(seen)[:_SAMPLE], chain(seen, chunks)


class FileText:
    """Restores the paragraphs of `file` and notes in `report` what its form was.

    `removed` is called with (rule, text) for what is left out. `headings` says what makes a line
    a heading; like the notes it is known before the first line comes. `heading_lines` knows on
    which lines of the file they stand.
    """

    def __init__(
        self, file: TextFile, report: FileReport, removed: Callable[[str, str], None]
    ) -> None:
        self._file = file
        self._report = report

        # 1. Lines that memory can hold, without the frame of Project Gutenberg.
        self._long_lines = LongLines(self._no_sentence_error)
        self.heading_lines = HeadingLines()
        chunks = file.chunks()
        if not file.is_epub:
            # A book in an archive has no lines that a reader could look at.
            chunks = self.heading_lines.watch(chunks)
        lines = self._long_lines.whole_lines(chunks)
        lines = strip_gutenberg(lines, removed)

        # 2. Lines that were cut at a fixed width become paragraphs.
        sample, lines = _peek(lines)
        wrapping = detect_wrapping(sample[:_WRAPPING_SAMPLE])
        if wrapping:
            report.notes.append(wrapped_lines(wrapping.width))
            sample, lines = _peek(wrapping.unwrap(lines))

        # 3. What marks a heading: # signs, else blank lines around bare titles, else the form of
        #    titles, as all of the file shows it.
        self.headings = Headings.FORM
        has_signs = file.marks_headings or len(_MARKDOWN.findall(sample)) >= 2
        if has_signs:
            self.headings = Headings.MARKDOWN
        titles = None
        if not has_signs:
            titles = detect_titles(sample)
        style = None
        if not titles:
            style = detect_style(sample)
        if titles:
            self.headings = Headings.MARKED
            report.notes.append(bare_titles())
            lines = titles.mark(lines)
        elif style:
            self.headings = Headings.CLEAR
            lines = style.mark(lines, MARK)
        # 4. What the single lines of the file are judged by.
        self.evidence = find_evidence(sample)
        self._lines = lines

    def lines(self) -> Iterator[str]:
        """Chunks that end in a newline.

        Raises CorpusError at a byte that cannot be decoded, or for a text without sentences.
        """
        return self._lines

    def finish(self) -> None:
        """Adds the notes that only the end of the file can bring."""
        if self._long_lines.broken:
            self._report.notes.append(long_lines(self._long_lines.broken))

    def _no_sentence_error(self) -> CorpusError:
        return CorpusError(
            _(
                "{path}: a million characters without a line end or the end of a sentence; check"
                " the file, or break it into paragraphs first"
            ).format(path=self._file.path)
        )
