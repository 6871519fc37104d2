"""How one file writes its headings, decided by all of its lines rather than by one.

The evidence: numbers that run on, how many headings have the same form, and whether they stand out
(blank lines before them, or another indentation than the paragraphs have).
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from novelgen.text.chapters import find_heading
from novelgen.text.headingforms import (
    COMPOUND,
    DECORATION,
    LONGEST_HEADING,
    MENTION,
    PART,
    PREFIX,
    SEPARATOR,
    VOLUME_UNITS,
    without_page,
)
from novelgen.text.numbering import (
    NUMBERED,
    find_numbered_title,
    goes_on,
    is_title_like,
    running_numbers,
)
from novelgen.text.numerals import parse_number
from novelgen.text.rows import Row, Surroundings, read_rows, surroundings

_LONGEST_PREFIX = 20
_LONGEST_TITLE_BELOW = 25
# Of the headings of a style: how many must stand out, and how many must run on.
_NEARLY_ALL = 0.8
_FEW = 0.1
_LATEST_START = 0.25
_FEWEST_WITHOUT_LAYOUT = 3
_FEWEST_ROWS_A_CHAPTER = 2
_FEWEST_CHARACTERS_A_CHAPTER = 60
# What no book's name before a heading has.
_SENTENCE = re.compile("[，。！？；：、“”‘’…\"']")
_SENTENCE_END = re.compile("[。！？…—!?.；：][”’」』）)\"']*$|[”’」』）)\"']$")
_PROSE_END = ("。", "，", "；", "、", ",", ";", "。”")


class Candidate(NamedTuple):
    """A row that may be a heading.

    `form` is the unit of 第N章 and its like, else the written form of a numbered title, else the
    unit behind a book's name. `is_sure` tells that its form alone makes it a heading, `is_glued`
    that its title follows the unit at once, `is_empty` that it has none.
    """

    place: int
    form: str
    number: int
    is_sure: bool = False
    is_glued: bool = False
    is_empty: bool = False
    prefix: str = ""


def find_candidate(text: str, place: int = 0) -> Candidate | None:
    """What a stripped line may be the heading of, else None."""
    # 1. A form that is known; a title that is glued to its unit may be the rest of a sentence.
    heading = find_heading(text)
    if heading:
        if heading.number is None or heading.is_entry or heading.body:
            return None
        is_empty = bool(PART.fullmatch(without_page(text).strip(DECORATION)))
        is_glued = heading.is_glued
        return Candidate(place, heading.unit, heading.number, not is_glued, is_glued, is_empty)
    if len(text) > LONGEST_HEADING or text.endswith("。"):
        return None
    # 2. The same, though its title looks like a sentence.
    if "第" not in text[: 2 * _LONGEST_PREFIX]:
        return _numbered_candidate(text, place)
    prefix = PREFIX.match(text)
    start = prefix.end() if prefix else 0
    part = PART.match(text, start)
    if part:
        if "。" in text or text.endswith(_PROSE_END):
            return None
        return Candidate(place, part["unit"], parse_number(part["number"]) or 0, is_glued=True)
    return _behind_name(text, place)


def _numbered_candidate(text: str, place: int) -> Candidate | None:
    """The candidate that begins with a bare number: 001 标题, 三十章 标题."""
    numbered = find_numbered_title(text)
    if numbered is None:
        return None
    form = numbered.unit
    if form == NUMBERED:
        form = numbered.form
    is_empty = not numbered.title
    return Candidate(place, form, numbered.number, False, numbered.is_glued, is_empty)


def _behind_name(text: str, place: int) -> Candidate | None:
    """The candidate that stands behind the name of the book: 书名 第一章 标题."""
    part = PART.search(text, 1, _LONGEST_PREFIX + 20)
    if part is None or part.start() > _LONGEST_PREFIX:
        return None
    rest = text[part.end() :]
    prefix = text[: part.start()].strip(" 　·-—_")
    if _SENTENCE.search(prefix):
        return None
    if rest and rest[0] not in SEPARATOR:
        # A space must show that the name and the heading are two things.
        is_word = rest[0] in MENTION or rest[0] in COMPOUND.get(part["unit"], "")
        if is_word or text[part.start() - 1] not in " 　":
            return None
    if rest[:1] in ("，", ",", "》", "”") or not is_title_like(rest.lstrip(SEPARATOR)):
        return None
    number = parse_number(part["number"]) or 0
    return Candidate(place, f"name {part['unit']}", number, prefix=prefix)


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
        before: Row | None = None
        held: Row | None = None
        for rows in read_rows(chunks):
            done = []
            for row in rows:
                if held is not None:
                    line, used = self._decide(held, before, row, mark)
                    done.append(line)
                    before = held
                    held = None if used else row
                    if used:
                        before = row
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
        if len(row.text) > LONGEST_HEADING + 40:
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
        is_sentence = candidate.is_glued and find_heading(row.text) is None
        if form in self.forms and self._fits(candidate):
            is_next = candidate.number == self._last.get(form, candidate.number - 1) + 1
            if is_sentence and not (is_next and form in self.glued):
                return False
            is_apart = is_next and not candidate.is_glued
            return is_apart or form in self.glued or form not in _PART_FORMS
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
            return self.stand_out or _is_unit(form) or last > candidate.number + 1
        return goes_on(last, candidate.number) or (form in _PART_FORMS and candidate.number == last)

    def is_title_below(self, row: Row, after: Row) -> bool:
        """Whether `after` is the title of the chapter whose number `row` is."""
        if len(after.text) > _LONGEST_TITLE_BELOW or not is_title_like(after.text):
            return False
        if after.text.endswith(("。", "！", "？", "”")) or find_candidate(after.text):
            return False
        if self.is_indented_otherwise(row):
            return after.indent == row.indent
        return True

    def is_indented_otherwise(self, row: Row) -> bool:
        """Whether a row is not indented as paragraphs are."""
        return self.around.indent is not None and row.indent != self.around.indent


_PART_FORMS = frozenset("回章节節卷折摺集部篇幕话話") | {"部分"}


def detect_style(sample: str) -> HeadingStyle | None:
    """How the file that begins with `sample` writes its headings; None without evidence."""
    rows = [row for part in read_rows([sample + "\n"]) for row in part]
    around = surroundings(rows)
    candidates = {form: _shown(group, rows, around) for form, group in _candidates(rows).items()}
    runs = {form: _run(each) for form, each in candidates.items()}

    # 1. 第N章 and its like: the main unit has the most headings that run on.
    style = HeadingStyle(around)
    main = _main_unit(candidates, runs)
    if main:
        heads = runs[main]
        style.stand_out = _stand_out(heads, rows, around)
        style.forms = frozenset(
            form for form in runs if _is_unit(form) and (form == main or len(runs[form]) > 1)
        )
        style.glued = frozenset(form for form in style.forms if _is_mostly_glued(runs[form]))
        style.title_below = _has_titles_below(heads, rows, style)
    # 2. Chapters with a bare number, where no other unit counts them.
    if not main or main in VOLUME_UNITS or len(runs[main]) == 1:
        form = _numbered_form(candidates, runs, rows, around)
        # A single chapter of a longer book comes before the sections that it has.
        is_chapter = main is not None and main not in VOLUME_UNITS
        if form and not (is_chapter and runs[main][0].place < runs[form][0].place):
            style.stand_out = _stand_out(runs[form], rows, around)
            style.forms |= {form}
            main = form
    if main:
        return style
    return None


def _candidates(rows: Sequence[Row]) -> dict[str, list[Candidate]]:
    """The candidates of each form that have text behind them."""
    found: dict[str, list[Candidate]] = defaultdict(list)
    for place, row in enumerate(rows):
        if len(row.text) > LONGEST_HEADING + 40:
            continue
        candidate = find_candidate(row.text, place)
        if candidate:
            found[candidate.form].append(candidate)
    # A line right above one of its own kind is an entry of a table of contents, or of a list.
    return {
        form: [
            each
            for each, following in zip(group, [*group[1:], None], strict=True)
            if following is None or following.place > each.place + 1
        ]
        for form, group in found.items()
    }


def _shown(group: list[Candidate], rows: Sequence[Row], around: Surroundings) -> list[Candidate]:
    """The candidates that stand out, where their numbers run on; else all of them."""
    standing = [each for each in group if around.stands_out(rows[each.place])]
    if len(_run(standing)) >= max(2, _NEARLY_ALL * len(standing)):
        return standing
    return group


def _is_unit(form: str) -> bool:
    """Whether a form is that of 第N章 or its English like, not of a bare number."""
    return form in _PART_FORMS or (form.isascii() and form.isalpha()) or form.startswith("name ")


def _run(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates whose numbers run on."""
    places = running_numbers([candidate.number for candidate in candidates])
    return [candidates[place] for place in places]


def _main_unit(
    candidates: dict[str, list[Candidate]], runs: dict[str, list[Candidate]]
) -> str | None:
    """The unit that counts the chapters: the one with the longest run, sure headings first."""
    best = None
    best_size = (1, 0)
    for form, run in runs.items():
        if not _is_unit(form) or len(run) < _NEARLY_ALL * len(candidates[form]) / 2:
            continue
        if form.startswith("name ") and not _is_same_name(run):
            continue
        size = (len(run), sum(each.is_sure for each in run))
        if size > best_size:
            best = form
            best_size = size
    return best


def _is_same_name(run: Sequence[Candidate]) -> bool:
    """Whether few names stand before many headings."""
    names = Counter(candidate.prefix for candidate in run)
    return len(run) >= 2 * len(names)


def _is_mostly_glued(run: Sequence[Candidate]) -> bool:
    """Whether most titles of a run follow the unit at once."""
    return sum(not each.is_sure for each in run) * 2 > len(run)


def _stand_out(run: Sequence[Candidate], rows: Sequence[Row], around: Surroundings) -> bool:
    """Whether what surrounds the headings of a run shows them."""
    standing = sum(around.stands_out(rows[each.place]) for each in run)
    return standing >= max(2, _NEARLY_ALL * len(run))


def _numbered_form(
    candidates: dict[str, list[Candidate]],
    runs: dict[str, list[Candidate]],
    rows: Sequence[Row],
    around: Surroundings,
) -> str | None:
    """The form of a bare number that counts the chapters, if one does."""
    best = None
    best_size = 1
    for form, run in runs.items():
        if _is_unit(form) or len(run) <= best_size:
            continue
        is_standing = _stand_out(run, rows, around)
        is_bare = all(each.is_empty for each in run)
        # 1. Without a title, or without a layout that shows them, it takes more of them.
        fewest = 2 if is_standing and not is_bare else _FEWEST_WITHOUT_LAYOUT
        share = len(run) / len(candidates[form])
        if len(run) < fewest or (not is_standing and share < _NEARLY_ALL) or share < 0.5:
            continue
        # 2. Numbers that begin late count the sections of some chapter.
        if run[0].place > _LATEST_START * len(rows):
            continue
        # 3. The number of a page stands in the middle of sentences.
        if is_bare and _interrupts_sentences(run, rows):
            continue
        if _has_bodies(run, rows):
            best = form
            best_size = len(run)
    return best


def _interrupts_sentences(run: Sequence[Candidate], rows: Sequence[Row]) -> bool:
    """Whether text before many headings of a run goes on behind them."""
    before = [rows[each.place - 1].text for each in run if each.place]
    return sum(not _SENTENCE_END.search(text) for text in before) > (1 - _NEARLY_ALL) * len(before)


def _has_bodies(run: Sequence[Candidate], rows: Sequence[Row]) -> bool:
    """Whether enough text stands between the headings of a run; items of a list have little."""
    gaps = [after.place - each.place - 1 for each, after in itertools.pairwise(run)]
    sizes = [
        sum(len(rows[place].text) for place in range(each.place + 1, after.place))
        for each, after in itertools.pairwise(run)
    ]
    return median(gaps) >= _FEWEST_ROWS_A_CHAPTER and median(sizes) >= _FEWEST_CHARACTERS_A_CHAPTER


def _has_titles_below(heads: Sequence[Candidate], rows: Sequence[Row], style: HeadingStyle) -> bool:
    """Whether the lines below bare 第N章 are their titles."""
    bare = [each for each in heads if each.is_empty and each.place + 1 < len(rows)]
    titled = sum(style.is_title_below(rows[each.place], rows[each.place + 1]) for each in bare)
    by_indent = sum(style.is_indented_otherwise(rows[each.place]) for each in bare)
    is_shown = by_indent >= _NEARLY_ALL * len(bare)
    fewest = 2 if is_shown else _FEWEST_WITHOUT_LAYOUT
    if titled < max(fewest, _NEARLY_ALL * len(bare)):
        return False
    if is_shown:
        return True
    # Such lines are no sign of a title in a book that has many of them.
    head = rows[bare[0].place]
    similar = sum(style.is_title_below(head, row) for row in rows)
    return similar - titled < _FEW * len(rows)
