"""Titles that have a bare number (001 标题, 1.标题, 三十章, 一), and whether numbers run on.

One such line proves nothing: a paragraph may begin with a number. The numbers of many do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from novelgen.text.numerals import NUMERALS, parse_number

NUMBERED = "numbered"
"""The unit of a title that has a number and no word for what it counts."""
# Numbers that are missing between two chapters of a run at most, and starts that are tried.
_WIDEST_GAP = 3
_TRIED_STARTS = 24

# Dashes stand for a one only in a scanned 第八十—回.
_HAN_NUMERALS = "".join(set(NUMERALS) - set("—－―─"))
_STARTS = frozenset(f"0123456789０１２３４５６７８９{_HAN_NUMERALS}（(【[〔#№nN")
_NUMBERED = re.compile(
    rf"(?P<open>(?:no|№|#)[.．]?|[（(【\[〔])?[ 　]?"
    rf"(?P<number>[0-9０-９]{{1,4}}|[{_HAN_NUMERALS}]{{1,7}})"
    rf"(?:[ 　]?(?P<unit>[章回节節话話集幕折卷]))?(?P<close>[）)】\]〕]?)"
    rf"(?P<mark>[ 　]*[.．、:：·・_\-—]?)(?P<space>[ 　]*)(?P<title>.{{0,40}})",
    re.IGNORECASE,
)
# What no title has: a stop, two commas, an opening quotation, a comma or a dash at its end.
_PROSE = re.compile('[。；]|[，、].*，|^[“‘「『"\'—…，、]|[，、；：:…—”’」』"]$')


class NumberedTitle(NamedTuple):
    """A line that may be a numbered title.

    `form` names how it is written (what stands around the number, and whether a title follows);
    `unit` is 章, 回 … or `NUMBERED`; `title` what stands behind the number, `is_glued` whether at
    once.
    """

    form: str
    unit: str
    number: int
    title: str
    is_glued: bool = False


def is_title_like(text: str) -> bool:
    """Whether nothing in `text` is more like a sentence than like a title."""
    return not _PROSE.search(text)


def find_numbered_title(line: str) -> NumberedTitle | None:
    """The numbered title that a stripped line may be, else None."""
    if line[:1] not in _STARTS:
        return None
    match = _NUMBERED.fullmatch(line)
    if match is None:
        return None
    digits = match["number"]
    number = parse_number(digits)
    mark = match["mark"].strip(" 　")
    title = match["title"]
    brackets = (match["open"] or "") + match["close"]
    if number is None or not is_title_like(title):
        return None

    # 1. A time, a decimal or a list of numbers goes on with a number: 10:30, 5.6, 2、3.
    goes_on = title[:1].isdecimal() or title[:1] in NUMERALS
    if title and mark and goes_on and not match["space"]:
        return None
    # 2. What stands between a number and its title; 007 shows that it counts.
    is_apart = bool(mark or match["close"] or match["mark"] or match["space"])
    is_padded = digits.isdecimal() and digits.startswith("0") and len(digits) > 1
    unit = match["unit"] or ""
    if title and not (is_apart or is_padded or unit):
        return None

    script = "一"
    if digits.isdecimal():
        script = "0"
    form = f"{brackets}{script}{unit}{mark}"
    is_glued = bool(title) and not is_apart
    if is_glued:
        form += "title"
    elif title:
        form += " title"
    return NumberedTitle(form, unit or NUMBERED, number, title, is_glued)


def running_numbers(numbers: Sequence[int]) -> list[int]:
    """The places in `numbers` of the longest run: each the next number, or nearly.

    A run may begin again at its first number, as chapters of the next volume do.
    """
    best: list[int] = []
    for start in range(min(len(numbers), _TRIED_STARTS)):
        run = _run_from(numbers, start)
        if len(run) > len(best):
            best = run
    return best


def _run_from(numbers: Sequence[int], start: int) -> list[int]:
    first = numbers[start]
    run = [start]
    last = first
    for place in range(start + 1, len(numbers)):
        if goes_on(last, numbers[place]) or (numbers[place] == first and last > first + 1):
            run.append(place)
            last = numbers[place]
    return run


def goes_on(last: int, number: int) -> bool:
    """Whether a chapter `number` may follow chapter `last`, with a few lost between them."""
    return last < number <= last + _WIDEST_GAP
