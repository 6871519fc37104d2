"""The lines of a block with the lines around it, and what a line's neighbours say about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from novelgen.text import junk
from novelgen.text.chapters import Headings, find_heading
from novelgen.text.evidence import is_cut

# Lines at the head of a file in which its book's data stands.
_HEAD = 40
# Lines that are looked back through data to the heading of a chapter.
_BACK = 6
_FAR_BACK = 40
# Lines that stand together at the break of a page.
_BREAK = 6
# Characters of the first part of a cut sentence.
_SHORTEST_PART = 4


class Verdict(NamedTuple):
    """Which rule takes a line, and why; a doubtful one stays."""

    rule: str
    reason: str
    is_doubtful: bool = False


class Head(NamedTuple):
    """The lines of a file in which its book's data stands."""

    end: int  # 0 where the file begins elsewhere
    ends_at_heading: bool


class Surroundings:
    """All lines, of which `own` are the block's; `verdicts` says which of these go, by place.

    `before` and `after` are the lines around the block, empty where the file begins or ends.
    """

    def __init__(
        self,
        lines: Sequence[str],
        before: Sequence[str],
        after: Sequence[str],
        headings: Headings,
    ) -> None:
        self.lines = [*before, *lines, *after]
        self.own = range(len(before), len(before) + len(lines))
        self.verdicts: dict[int, Verdict] = {}
        self.is_first = not any(before)
        self.is_last = not any(after)
        self._headings = headings
        self._ends: dict[int, bool] = {}

    def is_heading(self, place: int) -> bool:
        """Whether the line is a heading, which never goes."""
        return find_heading(self.lines[place], self._headings) is not None

    def goes(self, place: int) -> bool:
        """Whether the line is taken out, by what is known so far."""
        verdict = self.verdicts.get(place)
        return verdict is not None and not verdict.is_doubtful

    def next(self, place: int) -> int | None:
        """The next line that is not blank."""
        for following in range(place + 1, len(self.lines)):
            if self.lines[following]:
                return following
        return None

    def previous(self, place: int) -> int | None:
        """The line before that is not blank."""
        for earlier in range(place - 1, -1, -1):
            if self.lines[earlier]:
                return earlier
        return None

    def ends_chapter(self, place: int) -> bool:
        """Whether nothing of the story stands between the line and the end of its chapter.

        The lines behind it must have been judged, so that the answer for a line that goes holds
        for the line before it too.
        """
        passed: list[int] = []
        following: int | None = place
        is_end = self.is_last
        while following is not None:
            if following in self._ends:
                is_end = self._ends[following]
                break
            if following != place and not self.goes(following):
                is_end = self.is_heading(following)
                break
            passed.append(following)
            following = self.next(following)
        self._ends.update(dict.fromkeys(passed, is_end))
        return is_end

    def begins_chapter(self, place: int) -> bool:
        """Whether only data stands between the line and its chapter's heading."""
        earlier = self.previous(place)
        for _ in range(_BACK):
            if earlier is None:
                return self.is_first
            if self.is_heading(earlier):
                return True
            line = self.lines[earlier]
            if not junk.is_book_line(line) and not junk.is_forum_line(line):
                return False
            earlier = self.previous(earlier)
        return False

    def stands_in_forum(self, place: int) -> bool:
        """Whether a line beside it is of the frame of a forum's post."""
        around = (self.previous(place), self.next(place))
        return any(other is not None and junk.is_forum_line(self.lines[other]) for other in around)

    def characters_before(self, place: int) -> int:
        """Characters of the chapter before the line, as far as it is looked back."""
        characters = 0
        earlier = self.previous(place)
        for _ in range(_FAR_BACK):
            if earlier is None or self.is_heading(earlier):
                break
            characters += len(self.lines[earlier])
            earlier = self.previous(earlier)
        return characters

    def introduction(self, place: int) -> int | None:
        """The line before, where it says that something is quoted, as 纸上写着： does."""
        earlier = self.previous(place)
        if earlier is None or junk.is_book_line(self.lines[earlier]):
            return None
        return earlier if self.lines[earlier].endswith(("：", ":")) else None

    def head(self) -> Head:
        """The file's head, which ends at the first heading, or after some lines."""
        if not self.is_first:
            return Head(0, ends_at_heading=False)
        texts = 0
        for place, line in enumerate(self.lines):
            texts += bool(line)
            if texts > _HEAD:
                return Head(place, ends_at_heading=False)
            heading = find_heading(line, self._headings)
            # What introduces a book belongs to its data, though it has the form of a heading.
            if heading is not None and heading.unit != "内容简介":
                return Head(place, ends_at_heading=True)
        return Head(len(self.lines), ends_at_heading=False)

    def cut_sentence(self, place: int, shortest: int = _SHORTEST_PART) -> tuple[int, int] | None:
        """The two parts of a sentence that the line cuts in two, as places; None for none."""
        earlier = self._staying(place, self.previous)
        following = self._staying(place, self.next)
        if earlier is None or following is None:
            return None
        if any(part in self.verdicts or self.is_heading(part) for part in (earlier, following)):
            return None
        start = self.lines[earlier]
        if len(start) < shortest or not is_cut(start, self.lines[following]):
            return None
        return earlier, following

    def _staying(self, place: int, step: Callable[[int], int | None]) -> int | None:
        """The nearest line in a direction that is neither blank nor taken out."""
        found = step(place)
        for _ in range(_BREAK):
            if found is None or not self.goes(found):
                return found
            found = step(found)
        return None
