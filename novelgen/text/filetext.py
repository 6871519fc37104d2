"""The text of one file as chunks of whole lines, a paragraph a line: what only the file as a whole can tell is settled
here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain

from novelgen.errors import CorpusError
from novelgen.text.chapters import Headings
from novelgen.text.gutenberg import strip_gutenberg
from novelgen.text.layout import detect_wrapping
from novelgen.text.lines import LongLines
from novelgen.text.reading import TextFile
from novelgen.text.report import FileReport
from novelgen.text.titles import detect_titles

_SAMPLE = 1 << 19
_WRAPPING_SAMPLE = 1 << 17
_MARKDOWN = re.compile(r"^#{1,6}[ 　]+\S", re.MULTILINE)


def _peek(chunks: Iterator[str]) -> tuple[str, Iterator[str]]:
    """(the first half a million characters or more, all chunks again)."""
    seen: list[str] = []
    for chunk in chunks:
        seen.append(chunk)
        if sum(map(len, seen)) >= _SAMPLE:
            break
    return "".join(seen)[:_SAMPLE], chain(seen, chunks)


class FileText:
    """Restores the paragraphs of `file` and notes in `report` what its form was; `removed` is told (rule, text) of
    what is left out.

    `headings` says what makes a line a heading; like the notes it is known before the first line comes.
    """

    def __init__(
        self, file: TextFile, report: FileReport, removed: Callable[[str, str], None]
    ) -> None:
        self._file = file
        self._report = report
        self._long_lines = LongLines(self._unbroken)
        lines = self._long_lines.whole_lines(file.chunks())
        lines = strip_gutenberg(lines, removed)
        sample, lines = _peek(lines)
        wrapping = detect_wrapping(sample[:_WRAPPING_SAMPLE])
        if wrapping:
            report.notes.append(
                f"每行约 {wrapping.width // 2} 字处断开，已按段接好 | lines were cut at "
                f"{wrapping.width} columns; "
                "joined into paragraphs"
            )
            sample, lines = _peek(wrapping.unwrap(lines))
        self.headings = Headings.FORM
        titles = None
        if file.is_epub or len(_MARKDOWN.findall(sample)) >= 2:
            self.headings = Headings.MARKDOWN
        else:
            titles = detect_titles(sample)
        if titles:
            self.headings = Headings.MARKED
            report.notes.append(
                "章名由其前的空行认出 | chapter titles were told by the blank lines before them"
            )
            lines = titles.mark(lines)
        self._lines = lines

    def lines(self) -> Iterator[str]:
        """Chunks that end in a newline; raises CorpusError at a byte that cannot be decoded, or for a text without
        sentences.
        """
        return self._lines

    def finish(self) -> None:
        """Adds the notes that only the end of the file can bring."""
        if self._long_lines.broken:
            self._report.notes.append(
                f"有 {self._long_lines.broken} 行长过一段（全书在一行？），已在句末分成段 | "
                f"{self._long_lines.broken} "
                "line(s) too long for a paragraph (a whole book on one line?), split at "
                "sentence ends"
            )

    def _unbroken(self) -> CorpusError:
        return CorpusError(
            f"{self._file.path}：连续一百万字既不换行也没有句末标点，不像小说；请检查文件，或先分好段 "
            f"| a million characters without a "
            "line end or the end of a sentence; check the file, or break it into paragraphs first"
        )
