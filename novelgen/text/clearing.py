"""What sites, forums, uploaders and page breaks put between the lines of a story is taken out.

The lines of a block are judged with their neighbours, with the headings around them and with what
the file as a whole shows. A heading is never taken out. What is doubtful stays and is listed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from novelgen.text import adverts, junk
from novelgen.text.chapters import Headings, find_heading
from novelgen.text.evidence import SHORTEST_CUT, FileEvidence, Numbers, is_cut, line_key
from novelgen.text.report import Removal

# Most lines, and characters, of an author's note that goes to the end of its chapter.
_LONGEST_NOTE = 15
_NOTE_CHARACTERS = 1_000
# Lines at the head of a file in which its book's data stands, and characters of a title there.
_HEAD = 40
_LONGEST_TITLE = 25
# Lines that are looked back through data and adverts to the head of a chapter.
_BACK = 6
# What says that the page ends here and its chapter goes on.
_TURNS_PAGE = re.compile("下一[页頁]|翻[页頁]|未完|手打中|刷新")
# A line that may be junk: a sign of an advert, or a form of junk.
_JUNK_SIGN = re.compile(
    r"[完终終]|[tT][hH][eE] [eE]|^[-—–－·•~～\[【(（〔<《※!\dpP第作题題感谢謝多再最先也特衷]|^.{0,16}[:：]|\[F"
)
_BRACKET = re.compile(r"[\[（(【〔〖]")
_STOP = re.compile("[，。！？：；,!?:;]")


class Verdict(NamedTuple):
    """Which rule takes a line, and why; a doubtful one stays."""

    rule: str
    reason: str
    is_doubtful: bool = False


class Cleared(NamedTuple):
    """The lines, those that went empty; and (line, what happened to it), in their order."""

    lines: list[str]
    removals: list[tuple[int, Removal]]


def clear(
    lines: Sequence[str],
    before: Sequence[str],
    after: Sequence[str],
    evidence: FileEvidence,
    headings: Headings,
) -> Cleared:
    """`lines` without what does not belong to the story.

    `before` and `after` are the lines around them, empty where the file begins or ends.
    """
    return _Clearing(lines, before, after, evidence, headings).cleared()


class _Clearing:
    """Judges the lines from the last to the first, so that the end of a chapter is known."""

    def __init__(
        self,
        lines: Sequence[str],
        before: Sequence[str],
        after: Sequence[str],
        evidence: FileEvidence,
        headings: Headings,
    ) -> None:
        self._lines = [*before, *lines, *after]
        self._own = range(len(before), len(before) + len(lines))
        self._is_first = not any(before)
        self._is_last = not any(after)
        self._evidence = evidence
        self._headings = headings
        self._verdicts: dict[int, Verdict] = {}
        self._head_end = self._find_head_end()
        self._data_in_head = sum(map(junk.is_book_line, self._lines[: self._head_end]))

    def cleared(self) -> Cleared:
        """Judges all lines, then takes out what is sure."""
        for place in reversed(self._own):
            line = self._lines[place]
            if not line or len(line) > adverts.LONGEST_ADVERT or place in self._verdicts:
                continue
            if not adverts.SIGN.search(line) and not _JUNK_SIGN.search(line):
                continue
            if not self._is_heading(place):
                verdict = self._judge(place, line)
                if verdict:
                    self._verdicts[place] = verdict
        self._take_titles_above_data()
        lines = list(self._lines)
        removals = self._remove(lines)
        self._join_pages(lines)
        return Cleared([lines[place] for place in self._own], removals)

    # -- the lines around a line

    def _is_heading(self, place: int) -> bool:
        return find_heading(self._lines[place], self._headings) is not None

    def _goes(self, place: int) -> bool:
        verdict = self._verdicts.get(place)
        return verdict is not None and not verdict.is_doubtful

    def _next(self, place: int) -> int | None:
        """The next line that is not blank."""
        for following in range(place + 1, len(self._lines)):
            if self._lines[following]:
                return following
        return None

    def _previous(self, place: int) -> int | None:
        """The line before that is not blank."""
        for earlier in range(place - 1, -1, -1):
            if self._lines[earlier]:
                return earlier
        return None

    def _ends_chapter(self, place: int) -> bool:
        """Whether nothing of the story stands between the line and the end of its chapter."""
        following = self._next(place)
        while following is not None and self._goes(following):
            following = self._next(following)
        if following is None:
            return self._is_last
        return self._is_heading(following)

    def _begins_chapter(self, place: int) -> bool:
        """Whether only data and adverts stand between the line and its chapter's heading."""
        earlier = self._previous(place)
        for _ in range(_BACK):
            if earlier is None:
                return self._is_first
            if self._is_heading(earlier):
                return True
            line = self._lines[earlier]
            if not junk.is_book_line(line) and not junk.is_forum_line(line):
                return False
            earlier = self._previous(earlier)
        return False

    def _is_introduced(self, place: int) -> bool:
        """Whether the line before says that something is quoted: 纸上写着："""
        earlier = self._previous(place)
        return (
            earlier is not None
            and self._lines[earlier].endswith(("：", ":"))
            and not junk.is_book_line(self._lines[earlier])
        )

    def _find_head_end(self) -> int:
        """Where the file's head ends: at the first heading, or after some lines."""
        if not self._is_first:
            return 0
        texts = 0
        for place, line in enumerate(self._lines):
            texts += bool(line)
            if texts > _HEAD or (line and self._is_heading(place)):
                return place
        return len(self._lines)

    # -- the rules, each for one line

    def _judge(self, place: int, line: str) -> Verdict | None:
        verdict = (
            self._judge_form(place, line)
            or self._judge_data(place, line)
            or self._judge_note(place, line)
            or self._judge_advert(place, line)
        )
        if verdict and not verdict.is_doubtful and self._is_introduced(place):
            return Verdict(verdict.rule, "introduced", is_doubtful=True)
        return verdict

    def _judge_form(self, place: int, line: str) -> Verdict | None:
        """Marks of pictures and ends, frames of forums, numbers of pages."""
        if junk.is_picture(line):
            return Verdict("pictures", "form")
        if junk.is_forum_line(line):
            return Verdict("forum_headers", "form")
        if junk.is_forum_companion(line) and self._stands_in_forum(place):
            return Verdict("forum_headers", "form")
        if junk.is_end_mark(line):
            is_end = self._ends_chapter(place)
            return Verdict("end_marks", "chapter_edge" if is_end else "form", not is_end)
        return self._judge_number(place, line)

    def _stands_in_forum(self, place: int) -> bool:
        around = (self._previous(place), self._next(place))
        return any(
            other is not None and junk.is_forum_line(self._lines[other]) for other in around
        )

    def _judge_number(self, place: int, line: str) -> Verdict | None:
        number = junk.page_number(line)
        if number is None:
            return None
        if junk.is_page_mark(line):
            return Verdict("page_marks", "form")
        if self._evidence.numbers is Numbers.PAGES:
            return Verdict("page_marks", "page_numbers")
        # One number alone: it is a page's where it cuts a sentence and goes on from no other.
        is_alone = number > 1 and number - 1 not in self._evidence.sections
        if self._evidence.numbers is Numbers.UNKNOWN and is_alone:
            if self._cut_sentence(place, SHORTEST_CUT):
                return Verdict("page_marks", "cuts_sentence")
        return None

    def _judge_data(self, place: int, line: str) -> Verdict | None:
        """The data of a book: at the head of its file or of a chapter."""
        if not junk.is_book_line(line):
            return None
        if place < self._head_end:
            if self._data_in_head > 1 or junk.names_book(line) or junk.is_certain_data(line):
                return Verdict("book_data", "file_head")
            return Verdict("book_data", "file_head", is_doubtful=True)
        if not junk.is_chapter_data(line):
            return None
        if self._begins_chapter(place) or (
            junk.is_certain_data(line) and self._ends_chapter(place)
        ):
            return Verdict("book_data", "chapter_edge")
        return Verdict("book_data", "form", is_doubtful=True)

    def _judge_note(self, place: int, line: str) -> Verdict | None:
        """What the author says to the readers at the end of a chapter, or above it."""
        if junk.opens_note(line):
            return self._judge_long_note(place)
        is_postscript = junk.is_postscript(line) and junk.speaks_to_readers(line)
        if not is_postscript and not junk.is_thanks(line):
            return None
        if self._ends_chapter(place) or self._begins_chapter(place):
            return Verdict("author_notes", "chapter_edge")
        # It may be what all of it holds that shows an advert.
        return self._judge_advert(place, line) or Verdict("author_notes", "form", is_doubtful=True)

    def _judge_long_note(self, place: int) -> Verdict:
        """A note with an opening of its own goes with all that stands between it and the end."""
        if self._begins_chapter(place):
            return Verdict("author_notes", "chapter_edge")
        inside: list[int] = []
        following = self._next(place)
        while following is not None and not self._is_heading(following):
            inside.append(following)
            characters = sum(len(self._lines[index]) for index in inside)
            if len(inside) > _LONGEST_NOTE or characters > _NOTE_CHARACTERS:
                return Verdict("author_notes", "form", is_doubtful=True)
            following = self._next(following)
        if following is None and not self._is_last:
            return Verdict("author_notes", "form", is_doubtful=True)
        for index in inside:
            self._verdicts[index] = Verdict("author_notes", "behind_note")
        return Verdict("author_notes", "chapter_edge")

    def _judge_advert(self, place: int, line: str) -> Verdict | None:
        if not adverts.SIGN.search(line):
            return None
        found = adverts.judge(
            line,
            at_edge=self._ends_chapter(place) or self._begins_chapter(place),
            recurs=line_key(line) in self._evidence.recurring,
        )
        if found is None:
            return None
        rule = "page_marks" if _TURNS_PAGE.search(line) else "adverts"
        return Verdict(rule, found.reason, found.is_doubtful)

    def _take_titles_above_data(self) -> None:
        """The book's title on a line of its own at the head of a file, right above its data."""
        first = self._next(-1)
        if first is None or first >= self._head_end or first in self._verdicts:
            return
        line = self._lines[first]
        data = self._next(first)
        if data is None or not self._goes(data) or first not in self._own:
            return
        is_title = len(line) <= _LONGEST_TITLE and not _STOP.search(line)
        if self._verdicts[data].rule == "book_data" and is_title:
            self._verdicts[first] = Verdict("book_data", "title_above_data")

    # -- taking out

    def _cut_sentence(self, place: int, shortest: int = 4) -> bool:
        """Whether the line stands where a sentence was cut in two."""
        earlier = self._kept_before(place)
        following = self._kept_after(place)
        if earlier is None or following is None:
            return False
        start = self._lines[earlier]
        return len(start) >= shortest and is_cut(start, self._lines[following])

    def _kept_before(self, place: int) -> int | None:
        """The paragraph before that stays; None where a heading comes first."""
        earlier = self._previous(place)
        while earlier is not None and self._goes(earlier):
            earlier = self._previous(earlier)
        if earlier is None or self._is_heading(earlier):
            return None
        return earlier

    def _kept_after(self, place: int) -> int | None:
        """The paragraph after that stays; None where a heading comes first."""
        following = self._next(place)
        while following is not None and self._goes(following):
            following = self._next(following)
        if following is None or self._is_heading(following):
            return None
        return following

    def _remove(self, lines: list[str]) -> list[tuple[int, Removal]]:
        """Empties the lines that go; takes out what stands within lines that stay."""
        removals: list[tuple[int, Removal]] = []
        for place in self._own:
            line = lines[place]
            verdict = self._verdicts.get(place)
            own = place - self._own.start
            if verdict and not verdict.is_doubtful:
                removals.append((own, Removal(verdict.rule, line, "", verdict.reason)))
                lines[place] = ""
                continue
            rest = line
            if _BRACKET.search(line) and not self._is_heading(place):
                for rule, change in (
                    ("pictures", junk.without_pictures),
                    ("adverts", adverts.without_inserts),
                ):
                    changed = change(rest)
                    if changed != rest:
                        removals.append((own, Removal(rule, rest, changed, "insert")))
                    rest = changed
                lines[place] = rest
            if verdict and rest == line:
                doubtful = Removal(verdict.rule, line, line, verdict.reason, is_doubtful=True)
                removals.append((own, doubtful))
        return removals

    def _join_pages(self, lines: list[str]) -> None:
        """Joins the two parts of the sentences that the end of a page had cut."""
        for place in sorted(self._verdicts, reverse=True):
            if not self._goes(place) or self._verdicts[place].rule != "page_marks":
                continue
            earlier = self._kept_before(place)
            following = self._kept_after(place)
            if earlier is None or following is None or not self._cut_sentence(place):
                continue
            if earlier in self._own and following in self._own and lines[following]:
                space = ""
                if lines[earlier][-1:].isascii() and lines[following][:1].isascii():
                    space = " "
                lines[earlier] += space + lines[following]
                lines[following] = ""
