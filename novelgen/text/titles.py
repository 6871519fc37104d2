"""Bare chapter titles, known only by the blank lines around them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from novelgen.text.chapters import find_heading

MARK = "# "
"""Stands before a title that its blank lines show; see `chapters.Headings.MARKED`."""

# Characters.
_LONGEST_TITLE = 30
_FEWEST_TITLES = 2
_FEWEST_CHARACTERS_A_CHAPTER = 200
_LETTER = re.compile(r"[^\W\d_]|^\d{1,4}$")
# What no title has: a stop, two commas, an opening or closing quotation, a comma at its end.
_PROSE = re.compile('[。；：]|[，、].*，|^[“‘「『"\'—…（(]|[，、…—”’」』"]$')


def _is_title_like(line: str) -> bool:
    return len(line) <= _LONGEST_TITLE and bool(_LETTER.search(line)) and not _PROSE.search(line)


def _after_gaps(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    """(stripped line, number of blank lines before it) of every line that is not blank."""
    gap = 0
    for line in lines:
        text = line.strip()
        if text:
            yield text, gap
            gap = 0
        else:
            gap += 1


@dataclass(frozen=True)
class BareTitles:
    """The rule that a short line after more than `gap` blank lines is a chapter's title.

    Nothing else is a heading in such a file.
    """

    gap: int

    def mark(self, chunks: Iterable[str]) -> Iterator[str]:
        """Chunks of whole lines, with a mark before every title."""
        # The first line counts as one behind a gap.
        gap = self.gap + 1
        for chunk in chunks:
            done = []
            for line in chunk.removesuffix("\n").split("\n"):
                text = line.strip()
                if not text:
                    gap += 1
                    continue
                if gap > self.gap and (_is_title_like(text) or find_heading(text)):
                    line = MARK + text
                done.append(line)
                gap = 0
            if done:
                yield "\n".join(done) + "\n"


def detect_titles(sample: str) -> BareTitles | None:
    """The rule for titles that only blank lines in `sample` show; None where they show none.

    They show titles when nearly every line behind an unusual gap looks like one, some of these
    have no form of a heading (第N章 …), and more headings stand behind a gap than elsewhere.
    """
    # 1. The usual gap between lines; the first line has none before it.
    rows = list(_after_gaps(sample.split("\n")))
    gaps = Counter(gap for _, gap in rows[1:])
    usual = max(gaps, key=gaps.__getitem__, default=0)

    # 2. What stands behind a wider gap: bare titles, titles with the form of a heading, prose.
    bare = 0
    formed = 0
    prose = 0
    formed_elsewhere = 0
    is_after_title = False
    is_after_heading = False
    for index, (line, gap) in enumerate(rows):
        stands_alone = gap > usual or index == 0
        is_heading = find_heading(line) is not None
        if not stands_alone:
            formed_elsewhere += is_heading
        elif is_heading:
            formed += 1
        elif _is_title_like(line):
            # Below a heading of its own it is that heading's title.
            bare += not is_after_heading
        elif _LETTER.search(line) and not is_after_title and index:
            # Behind a title its first paragraph may stand alone too.
            prose += 1
        is_after_heading = is_heading
        is_after_title = stands_alone and (is_heading or _is_title_like(line))

    # 3. Enough titles, few exceptions, and chapters of some length between them.
    titles = bare + formed
    is_clear = bare >= _FEWEST_TITLES and titles > formed_elsewhere and prose * 20 <= titles
    if is_clear and len(sample) >= titles * _FEWEST_CHARACTERS_A_CHAPTER:
        return BareTitles(usual)
    return None
