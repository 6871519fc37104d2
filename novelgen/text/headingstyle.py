"""How one file writes its headings, and the marks that say so before its lines.

`styleevidence` finds the style of a file; here each line is decided by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from novelgen.text.candidates import (
    LONGEST_LINE,
    PART_FORMS,
    Candidate,
    find_candidate,
    is_unit,
)
from novelgen.text.chapters import find_heading
from novelgen.text.numbering import goes_on, is_title_like
from novelgen.text.rows import Row, Surroundings, read_rows

LONGEST_TITLE_BELOW = 25
"""Characters of a title that stands on the line below its number."""


@dataclass
class HeadingStyle:
    """How the headings of a file are written.

    `forms` are the forms whose lines are headings where they fit; `glued` those of them whose
    titles follow the unit at once; `stand_out` whether headings show by what surrounds them.
    `title_below` whether the title of 第N章 stands on the next line.
    """

    around: Surroundings
    forms: frozenset[str] = frozenset()
    glued: frozenset[str] = frozenset()
    stand_out: bool = False
    title_below: bool = False
    _first: dict[str, int] = field(default_factory=dict)
    _last: dict[str, int] = field(default_factory=dict)

    def mark(self, chunks: Iterable[str], mark: str) -> Iterator[str]:
        """Chunks of whole lines, with `mark` before the headings that their form does not show."""
        self._first = {}
        self._last = {}
        # A row is decided when the next one is known, which may be in the next chunk.
        before: Row | None = None
        held: Row | None = None
        for rows in read_rows(chunks):
            done = []
            for row in rows:
                if held is not None:
                    line, used = self._decide(held, before, row, mark)
                    done.append(line)
                    before = held
                    held = row
                    if used:
                        # The row is the title of the line that is done.
                        before = row
                        held = None
                else:
                    held = row
            if done:
                yield "\n".join(done) + "\n"
        if held is not None:
            line, _ = self._decide(held, before, None, mark)
            yield line + "\n"

    def _decide(
        self, row: Row, before: Row | None, after: Row | None, mark: str
    ) -> tuple[str, bool]:
        """(the line for `row`, whether `after` is its title and stands on it)."""
        if len(row.text) > LONGEST_LINE:
            return row.line, False
        candidate = find_candidate(row.text)
        if candidate is None or not self._is_heading(candidate, row, before, after):
            return row.line, False
        self._first.setdefault(candidate.form, candidate.number)
        self._last[candidate.form] = candidate.number
        if self.title_below and candidate.is_empty and after and self.is_title_below(row, after):
            return f"{mark}{row.text} {after.text}", True
        if candidate.is_sure:
            return row.line, False
        return mark + row.text, False

    def _is_heading(
        self, candidate: Candidate, row: Row, before: Row | None, after: Row | None
    ) -> bool:
        """Whether the file as a whole makes this candidate a heading."""
        form = candidate.form
        if candidate.is_sure:
            return True
        # 1. Headings of this file show by what surrounds them: so must this one.
        if self.stand_out:
            if not self.around.stands_out(row):
                return False
            return self._fits(candidate) or find_heading(row.text) is not None
        # 2. Nothing shows them: the number must be the next, in a form that the file uses.
        is_sentence = is_unit(form) and candidate.is_glued and find_heading(row.text) is None
        if form in self.forms and self._fits(candidate):
            is_next = candidate.number == self._last.get(form, candidate.number - 1) + 1
            if is_sentence and not (is_next and form in self.glued):
                return False
            is_apart = is_next and not candidate.is_glued
            return is_apart or form in self.glued or form not in PART_FORMS
        # 3. The title of a volume stands beside the heading of its first chapter.
        neighbours = [each.text for each in (before, after) if each]
        return find_heading(row.text) is not None and any(map(find_heading, neighbours))

    def _fits(self, candidate: Candidate) -> bool:
        """Whether the number is the next of its form, or begins again."""
        form = candidate.form
        if form not in self.forms:
            return False
        last = self._last.get(form)
        if last is None:
            return True
        if candidate.number in (1, self._first[form]):
            # A paragraph may begin with a one too, soon after the chapter that has it.
            return self.stand_out or is_unit(form) or last > candidate.number + 1
        return goes_on(last, candidate.number) or (form in PART_FORMS and candidate.number == last)

    def is_title_below(self, row: Row, after: Row) -> bool:
        """Whether `after` is the title of the chapter whose number `row` is."""
        if len(after.text) > LONGEST_TITLE_BELOW or not is_title_like(after.text):
            return False
        if after.text.endswith(("。", "！", "？", "”")) or find_candidate(after.text):
            return False
        # Where indentation shows the number, it shows its title too.
        if self.is_indented_otherwise(row):
            return after.indent == row.indent
        return True

    def is_indented_otherwise(self, row: Row) -> bool:
        """Whether a row is not indented as paragraphs are."""
        return self.around.indent is not None and row.indent != self.around.indent
