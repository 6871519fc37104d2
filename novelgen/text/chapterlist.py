"""The chapters of a corpus with their titles and places, and where their numbers are odd."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from novelgen.i18n import _

MOST_ODD_PLACES = 10
"""How many odd places the report lists for a person; a program gets all of them."""
# Numbers among which a missing one is looked for.
_WIDEST_SEARCH = 1_000
# What may be odd about a chapter's number.
MISSING = "missing"
DOUBLED = "doubled"
OUT_OF_ORDER = "out_of_order"


class ChapterStart(NamedTuple):
    """How a chapter begins.

    `title` is "" for a file without headings; `file` is its place in the report's list, `line` the
    line of the file (from 1, None where it is unknown); `unit` and `number` are the heading's.
    """

    title: str
    file: int
    line: int | None = None
    unit: str = ""
    number: int | None = None


class OddPlace(NamedTuple):
    """An odd number: `kind` says what is odd, `chapter` (from 1) where.

    `first` and `last` are the numbers that are missing before that chapter, or its own number.
    """

    kind: str
    chapter: int
    first: int
    last: int


def find_odd_places(chapters: Sequence[ChapterStart]) -> list[OddPlace]:
    """The places where a chapter's number is missing, doubled or out of order.

    Each file and each unit counts for itself; a volume may begin again at one.
    """
    odd: list[OddPlace] = []
    numbered = [
        (place, chapter) for place, chapter in enumerate(chapters, 1) if chapter.number is not None
    ]
    numbered.sort(key=lambda each: (each[1].file, each[1].unit, each[0]))
    for _key, group in groupby(numbered, key=lambda each: (each[1].file, each[1].unit)):
        odd.extend(_odd_numbers([(place, chapter.number or 0) for place, chapter in group]))
    return sorted(odd, key=lambda each: each.chapter)


def _odd_numbers(numbers: Sequence[tuple[int, int]]) -> Iterator[OddPlace]:
    """The odd places among (chapter, number) of one unit in one file."""
    volume: list[tuple[int, int]] = []
    for chapter, number in numbers:
        begins_again = len(volume) > 1 and number in (1, volume[0][1])
        if begins_again and number <= volume[-1][1]:
            yield from _odd_in_volume(volume)
            volume = []
        volume.append((chapter, number))
    # One number alone cannot be odd.
    if len(volume) > 1:
        yield from _odd_in_volume(volume)


def _odd_in_volume(volume: Sequence[tuple[int, int]]) -> Iterator[OddPlace]:
    """As `_odd_numbers`, where numbers do not begin again."""
    known = {number for _chapter, number in volume}
    seen: set[int] = set()
    last = volume[0][1] - 1
    for chapter, number in volume:
        between = list(range(last + 1, min(number, last + _WIDEST_SEARCH)))
        # A number that comes later is not missing: this one, or that one, is in the wrong place.
        missing = [each for each in between if each not in known]
        is_early = any(each not in seen for each in between if each in known)
        if number in seen:
            yield OddPlace(DOUBLED, chapter, number, number)
        elif number < last or is_early:
            yield OddPlace(OUT_OF_ORDER, chapter, number, number)
        elif missing:
            end = missing[-1]
            if number - last > _WIDEST_SEARCH:
                end = number - 1
            yield OddPlace(MISSING, chapter, missing[0], end)
        seen.add(number)
        # What came too early does not make those late that are in order.
        if not is_early:
            last = max(last, number)


def to_data(chapters: Sequence[ChapterStart]) -> dict[str, Any]:
    """The chapters as plain data for JSON, the same in every language."""
    return {
        "titles": [chapter.title for chapter in chapters],
        "places": [
            {
                "file": chapter.file,
                "line": chapter.line,
                "unit": chapter.unit,
                "number": chapter.number,
            }
            for chapter in chapters
        ],
        "odd_numbers": [odd._asdict() for odd in find_odd_places(chapters)],
    }


def from_data(data: dict[str, Any]) -> list[ChapterStart]:
    """The inverse of `to_data`; stores of older versions have no chapters."""
    titles = data.get("titles") or []
    places = data.get("places") or []
    return [ChapterStart(title, **place) for title, place in zip(titles, places, strict=False)]


def describe_odd_places(chapters: Sequence[ChapterStart]) -> Iterator[str]:
    """Lines for a person about the odd numbers, in the language that is shown."""
    odd = find_odd_places(chapters)
    if not odd:
        return
    yield _("chapter numbers that are odd: {count:,}").format(count=len(odd))
    for place in odd[:MOST_ODD_PLACES]:
        yield f"  · {_describe(place, chapters[place.chapter - 1])}"
    if len(odd) > MOST_ODD_PLACES:
        yield "  · …"


def _describe(odd: OddPlace, chapter: ChapterStart) -> str:
    """What is odd about the number of one chapter."""
    if odd.kind == DOUBLED:
        sentence = _("number {first} is there twice, again at “{title}”{place}")
    elif odd.kind == OUT_OF_ORDER:
        sentence = _("number {first} is out of order, at “{title}”{place}")
    elif odd.first == odd.last:
        sentence = _("number {first} is missing before “{title}”{place}")
    else:
        sentence = _("numbers {first} to {last} are missing before “{title}”{place}")
    place = ""
    if chapter.line is not None:
        place = _(" (line {line:,})").format(line=chapter.line)
    return sentence.format(first=odd.first, last=odd.last, title=chapter.title, place=place)
