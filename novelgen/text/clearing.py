"""What sites, forums, uploaders and page breaks put between the lines of a story is taken out.

The lines of a block are judged with their neighbours, with the headings around them and with what
the file as a whole shows. A heading is never taken out. What is doubtful stays and is listed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from novelgen.text import adverts, junk
from novelgen.text.chapters import Headings
from novelgen.text.evidence import SHORTEST_CUT, FileEvidence, Numbers, line_key
from novelgen.text.report import Removal
from novelgen.text.surroundings import Surroundings, Verdict

# Most lines, and characters, of an author's note that goes to the end of its chapter.
_LONGEST_NOTE = 15
_NOTE_CHARACTERS = 1_000
_SHORT_NOTE = 100
# Characters of a book's title above its data.
_LONGEST_TITLE = 25
# Characters of a book's summary.
_LONGEST_SUMMARY = 500
_QUOTES = "『』「」"
# What says that the page ends here and its chapter goes on.
_TURNS_PAGE = re.compile("[上下]一?[页頁]|翻[页頁]|未完|手打中|刷新|加[载載]")
# What every form of junk has: a way to begin, a colon near the beginning, or a word of an end.
_JUNK_SIGN = re.compile(
    r"^[-—–－·•~～\[【(（〔〖「『<《※!＊*=☆★ \dpP第作题題感谢謝多鸣拜再最先也特衷]|^.{0,16}[:：]"
    r"|[完终終]|[tT][hH][eE] [eE]|\[[fF]|^end|^END|^End|[楼樓于於]"
)
_BRACKET = re.compile(r"[\[（(【〔〖]")
_STOP = re.compile("[，。！？：；,!?:;]")


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
    around = Surroundings(lines, before, after, headings)
    _Judge(around, evidence).judge_all()
    changed = list(around.lines)
    removals = _take_out(around, changed)
    _join_pages(around, changed)
    return Cleared([changed[place] for place in around.own], removals)


class _Judge:
    """Judges the lines from the last to the first, so that the end of a chapter is known."""

    def __init__(self, around: Surroundings, evidence: FileEvidence) -> None:
        self._around = around
        self._evidence = evidence
        self._head = around.head()
        self._head_end = self._head.end
        self._data_in_head = sum(map(junk.is_book_line, around.lines[: self._head_end]))
        # What would go if the line before, which ends in a colon, did not introduce it.
        self._introduced: dict[int, Verdict] = {}

    def judge_all(self) -> None:
        """Fills the verdicts."""
        around = self._around
        for place in reversed(around.own):
            line = around.lines[place]
            if not line or len(line) > adverts.LONGEST_ADVERT or place in around.verdicts:
                continue
            if not adverts.SIGN.search(line) and not _JUNK_SIGN.search(line):
                continue
            if not around.is_heading(place):
                verdict = self._judge(place, line)
                if verdict:
                    around.verdicts[place] = verdict
        self._take_summary()
        self._take_title_above_data()
        # An introduction that goes itself introduces nothing.
        for place in sorted(self._introduced):
            introduction = around.introduction(place)
            if introduction is not None and around.goes(introduction):
                around.verdicts[place] = self._introduced[place]

    def _judge(self, place: int, line: str) -> Verdict | None:
        verdict = (
            self._judge_form(place, line)
            or self._judge_data(place, line)
            or self._judge_note(place, line)
            or self._judge_advert(place, line)
        )
        if verdict and not verdict.is_doubtful and self._around.introduction(place) is not None:
            self._introduced[place] = verdict
            return Verdict(verdict.rule, "introduced", is_doubtful=True)
        return verdict

    def _judge_form(self, place: int, line: str) -> Verdict | None:
        """Marks of pictures and ends, frames of forums, numbers of pages."""
        if junk.is_picture(line):
            return Verdict("pictures", "form")
        if junk.is_forum_line(line):
            return Verdict("forum_headers", "form")
        if junk.is_forum_companion(line) and self._around.stands_in_forum(place):
            return Verdict("forum_headers", "form")
        if junk.is_end_mark(line):
            if self._around.ends_chapter(place):
                return Verdict("end_marks", "chapter_edge")
            return Verdict("end_marks", "form", is_doubtful=True)
        return self._judge_number(place, line)

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
        is_unknown = self._evidence.numbers is Numbers.UNKNOWN
        if is_unknown and is_alone and self._around.cut_sentence(place, SHORTEST_CUT):
            return Verdict("page_marks", "cuts_sentence")
        return None

    def _judge_data(self, place: int, line: str) -> Verdict | None:
        """The data of a book: at the head of its file or of a chapter."""
        if not junk.is_book_line(line):
            return None
        if place < self._head_end:
            is_sure = self._data_in_head > 1 or junk.names_book(line) or junk.is_certain_data(line)
            return Verdict("book_data", "file_head", not is_sure)
        if not junk.is_chapter_data(line):
            return None
        is_data = junk.is_certain_data(line)
        if self._around.begins_chapter(place) or (is_data and self._around.ends_chapter(place)):
            return Verdict("book_data", "chapter_edge")
        return Verdict("book_data", "form", is_doubtful=True)

    def _judge_note(self, place: int, line: str) -> Verdict | None:
        """What the author says to the readers at the end of a chapter, or above it."""
        if junk.opens_note(line):
            return self._judge_long_note(place)
        is_postscript = junk.is_postscript(line) and junk.speaks_to_readers(line)
        if not is_postscript and not junk.is_thanks(line):
            return None
        if self._around.ends_chapter(place) or self._around.begins_chapter(place):
            return Verdict("author_notes", "chapter_edge")
        # Elsewhere it goes only where it is an advert by all that it holds.
        return self._judge_advert(place, line) or Verdict("author_notes", "form", is_doubtful=True)

    def _judge_long_note(self, place: int) -> Verdict:
        """A note with an opening of its own goes with all that stands between it and the end."""
        around = self._around
        if around.begins_chapter(place):
            return Verdict("author_notes", "chapter_edge")
        inside: list[int] = []
        characters = 0
        following = around.next(place)
        while following is not None and not around.is_heading(following):
            # What is an advert by itself says nothing about the length of the note.
            if not around.goes(following):
                inside.append(following)
                characters += len(around.lines[following])
            if len(inside) > _LONGEST_NOTE or characters > _NOTE_CHARACTERS:
                return Verdict("author_notes", "form", is_doubtful=True)
            following = around.next(following)
        if following is None and not around.is_last:
            return Verdict("author_notes", "form", is_doubtful=True)
        # The story stands before its note: what is longer behind it is the story.
        if characters > _SHORT_NOTE and around.characters_before(place) <= characters:
            return Verdict("author_notes", "form", is_doubtful=True)
        for index in inside:
            around.verdicts[index] = Verdict("author_notes", "behind_note")
        return Verdict("author_notes", "chapter_edge")

    def _judge_advert(self, place: int, line: str) -> Verdict | None:
        if not adverts.SIGN.search(line):
            return None
        # What stands above the first heading is no chapter's, whatever is between.
        is_in_head = self._head.ends_at_heading and place < self._head_end
        if is_in_head:
            line = line.strip(_QUOTES)
        found = adverts.judge(
            line,
            at_edge=(
                is_in_head or self._around.ends_chapter(place) or self._around.begins_chapter(place)
            ),
            recurs=line_key(line) in self._evidence.recurring,
        )
        if found is None:
            return None
        rule = "page_marks" if _TURNS_PAGE.search(line) else "adverts"
        return Verdict(rule, found.reason, found.is_doubtful)

    def _take_summary(self) -> None:
        """What a book is about: the lines between 内容简介： and the first heading."""
        around = self._around
        if not self._head.ends_at_heading:
            return
        head = range(around.own.start, min(self._head_end, around.own.stop))
        for place in head:
            if not junk.opens_summary(around.lines[place]) or not around.goes(place):
                continue
            inside = [each for each in head[head.index(place) + 1 :] if around.lines[each]]
            # A longer text is a prologue.
            if sum(len(around.lines[each]) for each in inside) <= _LONGEST_SUMMARY:
                for each in inside:
                    around.verdicts.setdefault(each, Verdict("book_data", "file_head"))
            return

    def _take_title_above_data(self) -> None:
        """The book's title on a line of its own, the first that stays, right above its data.

        Above an advert too where a heading is all that follows.
        """
        around = self._around
        first = around.next(-1)
        while first is not None and around.goes(first):
            first = around.next(first)
        if first is None or first not in around.own or first in around.verdicts:
            return
        data = around.next(first)
        if data is None or data >= self._head_end or not around.goes(data):
            return
        line = around.lines[first]
        is_title = len(line) <= _LONGEST_TITLE and not _STOP.search(line)
        is_data = around.verdicts[data].rule == "book_data" or self._head.ends_at_heading
        if is_data and is_title:
            around.verdicts[first] = Verdict("book_data", "title_above_data")


def _take_out(around: Surroundings, lines: list[str]) -> list[tuple[int, Removal]]:
    """Empties the lines that go, and shortens those that have something in brackets."""
    removals: list[tuple[int, Removal]] = []
    for place in around.own:
        line = lines[place]
        verdict = around.verdicts.get(place)
        own = place - around.own.start
        if verdict and not verdict.is_doubtful:
            removals.append((own, Removal(verdict.rule, line, "", verdict.reason)))
            lines[place] = ""
            continue
        if _BRACKET.search(line) and not around.is_heading(place):
            inserts = _take_inserts(line)
            removals.extend((own, insert) for insert in inserts)
            if inserts:
                lines[place] = inserts[-1].after
                continue
        if verdict:
            doubtful = Removal(verdict.rule, line, line, verdict.reason, is_doubtful=True)
            removals.append((own, doubtful))
    return removals


def _take_inserts(line: str) -> list[Removal]:
    """What is taken out of a line that stays."""
    removals: list[Removal] = []
    for rule, change in (
        ("pictures", junk.without_pictures),
        ("adverts", adverts.without_inserts),
    ):
        changed = change(line)
        if changed != line:
            removals.append(Removal(rule, line, changed, "insert"))
            line = changed
    return removals


def _join_pages(around: Surroundings, lines: list[str]) -> None:
    """Joins the two parts of the sentences that the end of a page had cut."""
    for place in sorted(around.verdicts, reverse=True):
        if not around.goes(place) or around.verdicts[place].rule != "page_marks":
            continue
        parts = around.cut_sentence(place)
        if parts is None:
            continue
        earlier, following = parts
        # Not beyond the block, and not twice where two marks stand together.
        if earlier not in around.own or following not in around.own or not lines[following]:
            continue
        space = ""
        if lines[earlier][-1:].isascii() and lines[following][:1].isascii():
            space = " "
        lines[earlier] += space + lines[following]
        lines[following] = ""
