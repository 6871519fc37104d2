"""How one file writes its headings, decided by all of its lines rather than by one.

The evidence: numbers that run on, how many headings have the same form, and whether they stand out
(blank lines before them, or another indentation than the paragraphs have).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from novelgen.text.candidates import LONGEST_LINE, Candidate, find_candidate, is_unit
from novelgen.text.headingforms import VOLUME_UNITS
from novelgen.text.headingstyle import HeadingStyle
from novelgen.text.numbering import running_numbers
from novelgen.text.rows import Row, Surroundings, read_rows, surroundings

# Of the headings of a style: how many must stand out, and how many must run on.
_NEARLY_ALL = 0.8
_FEW = 0.1
# Where the first chapter begins at the latest, as a share of the lines.
_LATEST_START = 0.25
# Headings of a form, where what surrounds them shows them too and where nothing does.
_FEWEST_WITH_LAYOUT = 2
_FEWEST_WITHOUT_LAYOUT = 3
# What stands between the headings of real chapters, and not between the items of a list.
_FEWEST_ROWS_A_CHAPTER = 2
_FEWEST_CHARACTERS_A_CHAPTER = 60
_SENTENCE_END = re.compile("[。！？…—!?.；：][”’」』）)\"']*$|[”’」』）)\"']$")
_LONGEST_END = 10


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
            form for form in runs if is_unit(form) and (form == main or len(runs[form]) > 1)
        )
        style.glued = frozenset(form for form in style.forms if _is_mostly_glued(runs[form]))
        style.title_below = _has_titles_below(heads, rows, style)
    # 2. Chapters with a bare number, where no other unit counts them.
    if not main or main in VOLUME_UNITS or len(runs[main]) == 1:
        form = _numbered_form(candidates, runs, rows, around)
        # A single chapter of a longer book comes before the sections that it has.
        chapter = len(rows)
        if main and main not in VOLUME_UNITS:
            chapter = runs[main][0].place
        if form and runs[form][0].place < chapter:
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
        if len(row.text) > LONGEST_LINE:
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
    """The candidates that stand out, where their numbers run on; else all of them.

    A few that stand out by chance say nothing about the others.
    """
    standing = [each for each in group if around.stands_out(rows[each.place])]
    fewest = max(_FEWEST_WITH_LAYOUT, _NEARLY_ALL * len(standing), 0.5 * len(_run(group)))
    if len(_run(standing)) >= fewest:
        return standing
    return group


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
        if not is_unit(form) or len(run) < _NEARLY_ALL * len(candidates[form]) / 2:
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
    return standing >= max(_FEWEST_WITH_LAYOUT, _NEARLY_ALL * len(run))


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
        if is_unit(form) or len(run) <= best_size:
            continue
        is_standing = _stand_out(run, rows, around)
        is_bare = all(each.is_empty for each in run)
        # 1. Without a title, or without a layout that shows them, it takes more of them.
        fewest = _FEWEST_WITHOUT_LAYOUT
        if is_standing and not is_bare:
            fewest = _FEWEST_WITH_LAYOUT
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
    cut = sum(not _SENTENCE_END.search(text[-_LONGEST_END:]) for text in before)
    return cut > (1 - _NEARLY_ALL) * len(before)


def _has_bodies(run: Sequence[Candidate], rows: Sequence[Row]) -> bool:
    """Whether enough text stands between the headings of a run; items of a list have little."""
    gaps = [after.place - each.place - 1 for each, after in pairwise(run)]
    sizes = [
        sum(len(rows[place].text) for place in range(each.place + 1, after.place))
        for each, after in pairwise(run)
    ]
    return median(gaps) >= _FEWEST_ROWS_A_CHAPTER and median(sizes) >= _FEWEST_CHARACTERS_A_CHAPTER


def _has_titles_below(heads: Sequence[Candidate], rows: Sequence[Row], style: HeadingStyle) -> bool:
    """Whether the lines below bare 第N章 are their titles."""
    bare = [each for each in heads if each.is_empty and each.place + 1 < len(rows)]
    titled = sum(style.is_title_below(rows[each.place], rows[each.place + 1]) for each in bare)
    by_indent = sum(style.is_indented_otherwise(rows[each.place]) for each in bare)
    is_shown = by_indent >= _NEARLY_ALL * len(bare)
    fewest = _FEWEST_WITHOUT_LAYOUT
    if is_shown:
        fewest = _FEWEST_WITH_LAYOUT
    if titled < max(fewest, _NEARLY_ALL * len(bare)):
        return False
    if is_shown:
        return True
    # Such lines are no sign of a title in a book that has many of them.
    head = rows[bare[0].place]
    similar = sum(style.is_title_below(head, row) for row in rows)
    return similar - titled < _FEW * len(rows)
