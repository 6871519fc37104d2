"""Headings in their order become chapters.

Their order shows which of them are entries of a table of contents, volumes or page headings.
"""

from __future__ import annotations

import re
from collections import Counter

from novelgen.text.chapterlist import ChapterStart
from novelgen.text.chapters import Heading
from novelgen.text.places import HeadingLines
from novelgen.text.report import ImportReport

# What the units of a book's last chapters begin with.
_LAST_CHAPTERS = "尾声|尾聲|后记|後記|跋|终|終|大结局|大結局|番外|外传|外傳|附录|附錄|epilogue"
_PART_OF_CHAPTER = re.compile("(?<=.)[（(_][0-9一二三四五六七八九十]{1,3}[）)]?$")
_ENDINGS = tuple(_LAST_CHAPTERS.split("|"))


class Outline:
    """Numbers chapters 1, 2, … over the whole corpus.

    A chapter is a heading with at least one paragraph behind it. Text before the first heading of
    the corpus is chapter 0. A new file starts a new chapter: what stands before its first heading
    (all of it, in a folder of one chapter a file) is a chapter of its own, unless nothing has been
    read before.
    """

    def __init__(self, report: ImportReport) -> None:
        self._report = report
        # Headings that no paragraph has followed yet, with the lines on which they stand.
        self._pending: list[Heading] = []
        self._pending_lines: list[int | None] = []
        self._heading_lines = HeadingLines()
        self._file = -1
        # How the next chapter begins.
        self._start = ChapterStart("", 0)
        # The key of the chapter that is being read.
        self._current = ""
        self._starts_chapter = False
        self._has_numbered = False
        self._has_text = False

    def start_file(self, heading_lines: HeadingLines | None = None) -> None:
        """Ends the chapter and the contents list of the file before."""
        self._drop_pending()
        self._heading_lines = heading_lines or HeadingLines()
        self._file += 1
        self._start = ChapterStart("", self._file)
        self._current = ""
        self._starts_chapter = self._has_text
        self._has_numbered = False

    def heading(self, heading: Heading) -> None:
        """Takes note of a heading; it counts when a paragraph follows."""
        line = self._heading_lines.find(heading.key)
        # A heading that is repeated at the top of each page starts nothing.
        last_key = self._current
        if self._pending:
            last_key = _without_page(self._pending[-1])
        if heading.is_entry:
            self._report.count("contents", 1, len(heading.key))
        elif _without_page(heading) == last_key:
            self._report.count("repeated_headings", 1, len(heading.key))
        else:
            self._pending.append(heading)
            self._pending_lines.append(line)

    def paragraph(self) -> int:
        """The chapter number of a paragraph that comes now."""
        if self._pending:
            self._end_headings()
        # A chapter counts when its first paragraph has come.
        if self._starts_chapter:
            self._report.chapters += 1
            self._report.chapter_starts.append(self._start)
            self._starts_chapter = False
        self._has_text = True
        return self._report.chapters

    def finish(self) -> None:
        """Ends the last file."""
        self._drop_pending()

    def _end_headings(self) -> None:
        """Starts the chapter of the last pending heading, because text follows.

        Where all of them are a table of contents, the text is a preface and starts none.
        """
        run = self._pending
        last = run[-1]
        line = self._pending_lines[-1]
        self._pending = []
        self._pending_lines = []
        if _is_contents(run):
            # Once chapters are numbered, the last heading is the next one's.
            if not self._has_numbered and _goes_on(run):
                self._count_contents(run)
                return
            self._count_contents(run[:-1])
        self._current = _without_page(last)
        if not last.unit and len(run) > 1 and run[-2].number is not None:
            # A title that stands on a line of its own below its number.
            last = run[-2]._replace(title=f"{run[-2].title} {last.title}")
        self._start = ChapterStart(last.title, self._file, line, last.unit, last.number)
        self._starts_chapter = True
        self._has_numbered = self._has_numbered or last.number is not None

    def _drop_pending(self) -> None:
        if _is_contents(self._pending):
            self._count_contents(self._pending)
        self._pending = []
        self._pending_lines = []

    def _count_contents(self, entries: list[Heading]) -> None:
        self._report.count("contents", len(entries), sum(len(entry.key) for entry in entries))


def _without_page(heading: Heading) -> str:
    """The key of a numbered heading without the number of a page: 第一章 标题（2）.

    Parts of a title are numbered in the same way, but they have other chapter numbers.
    """
    if heading.number is None:
        return heading.key
    return _PART_OF_CHAPTER.sub("", heading.key)


def _is_contents(run: list[Heading]) -> bool:
    """Whether headings without text between them are a table of contents.

    They are when three are of a kind, or when its title (目录) is among them.
    """
    units = Counter(heading.unit for heading in run)
    return max(units.values(), default=0) >= 3 or units["目录"] > 0


def _goes_on(run: list[Heading]) -> bool:
    """Whether the last heading of a table of contents belongs to it.

    The text behind it is a preface then. The real first chapter starts the numbers again; an
    ending or the next number does not.
    """
    last = run[-1]
    if last.unit == "目录" or last.unit.startswith(_ENDINGS):
        return True
    numbers = [
        heading.number
        for heading in run[:-1]
        if heading.unit == last.unit and heading.number is not None
    ]
    return last.number is not None and (not numbers or last.number > numbers[-1])
