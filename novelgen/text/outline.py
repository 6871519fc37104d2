"""Headings in their order become chapters: contents lists, volumes and repeated page headings tell themselves apart
here.
"""

from __future__ import annotations

from collections import Counter

from novelgen.text.chapters import Heading
from novelgen.text.report import ImportReport

_ENDINGS = (
    "尾声",
    "尾聲",
    "后记",
    "後記",
    "跋",
    "终",
    "終",
    "大结局",
    "大結局",
    "番外",
    "外传",
    "外傳",
    "附录",
    "附錄",
    "epilogue",
)


class Outline:
    """Numbers chapters 1, 2, … over the whole corpus, a chapter being a heading with at least one paragraph behind it.

    Text before the first heading of the corpus is chapter 0. A new file starts a new chapter: what stands before its
    first heading (all of it, in a folder of one chapter a file) is a chapter of its own, unless nothing has been read
    before.
    """

    def __init__(self, report: ImportReport) -> None:
        self._report = report
        self._pending: list[Heading] = []
        self._current = ""
        self._starts_chapter = False
        self._has_numbered = False
        self._has_text = False

    def start_file(self) -> None:
        """Ends the chapter and the contents list of the file before."""
        self._drop_pending()
        self._current = ""
        self._starts_chapter = self._has_text
        self._has_numbered = False

    def heading(self, heading: Heading) -> None:
        """Takes note of a heading; it counts when a paragraph follows."""
        if heading.is_entry:
            self._report.count("contents", 1, len(heading.key))
        elif heading.key == (self._pending[-1].key if self._pending else self._current):
            self._report.count("repeated_headings", 1, len(heading.key))
        else:
            self._pending.append(heading)

    def paragraph(self) -> int:
        """The chapter number of a paragraph that comes now."""
        if self._pending:
            self._settle()
        if self._starts_chapter:
            self._report.chapters += 1
            self._starts_chapter = False
        self._has_text = True
        return self._report.chapters

    def finish(self) -> None:
        """Ends the last file."""
        self._drop_pending()

    def _settle(self) -> None:
        """Text follows the pending headings: which of them is its own?"""
        run, last = self._pending, self._pending[-1]
        self._pending = []
        if _is_contents(run):
            is_front_matter = not self._has_numbered and _goes_on(run)
            listed = run if is_front_matter else run[:-1]
            self._report.count("contents", len(listed), sum(len(heading.key) for heading in listed))
            if is_front_matter:
                return
        self._current = last.key
        self._starts_chapter = True
        self._has_numbered = self._has_numbered or last.number is not None

    def _drop_pending(self) -> None:
        if _is_contents(self._pending):
            self._report.count(
                "contents", len(self._pending), sum(len(heading.key) for heading in self._pending)
            )
        self._pending = []


def _is_contents(run: list[Heading]) -> bool:
    """Whether headings without text between them are a list of contents: three of a kind, or more than one below
    目录.
    """
    units = Counter(heading.unit for heading in run)
    return max(units.values(), default=0) >= 3 or units["目录"] > 0


def _goes_on(run: list[Heading]) -> bool:
    """Whether the last heading of a contents list belongs to it, the text behind it being a preface or the like.

    The real first chapter starts the numbers anew; an ending or the next number does not.
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
