"""Lines that may be headings: what each would be the heading of, if the file as a whole says so."""

from __future__ import annotations

import re
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
    without_page,
)
from novelgen.text.numbering import NUMBERED, find_numbered_title, is_title_like
from novelgen.text.numerals import parse_number

LONGEST_LINE = LONGEST_HEADING + 40
"""Characters of a line that may be a heading at all."""
PART_FORMS = frozenset("回章节節卷折摺集部篇幕话話") | {"部分"}
"""The units of 第N章 and its like."""
_LONGEST_NAME = 20
# What no book's name before a heading has.
_SENTENCE = re.compile("[，。！？；：、“”‘’…\"']")
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
    if "第" not in text[: 2 * _LONGEST_NAME]:
        return _numbered_candidate(text, place)
    prefix = PREFIX.match(text)
    assert prefix is not None  # the pattern matches the empty string too
    part = PART.match(text, prefix.end())
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
    part = PART.search(text, 1, _LONGEST_NAME + 20)
    if part is None or part.start() > _LONGEST_NAME:
        return None
    rest = text[part.end() :]
    # What separates the name from the heading is no part of the name.
    prefix = text[: part.start()].strip(" 　·-—_")
    if _SENTENCE.search(prefix):
        return None
    if rest and rest[0] not in SEPARATOR:
        # A space must show that the name and the heading are two things.
        is_word = rest[0] in MENTION or rest[0] in COMPOUND.get(part["unit"], "")
        if is_word or text[part.start() - 1] not in " 　":
            return None
    # A sentence that speaks of a chapter goes on: 他读到《书名》第三章，便睡了.
    if rest[:1] in ("，", ",", "》", "”") or not is_title_like(rest.lstrip(SEPARATOR)):
        return None
    number = parse_number(part["number"]) or 0
    return Candidate(place, f"name {part['unit']}", number, prefix=prefix)


def is_unit(form: str) -> bool:
    """Whether a form is that of 第N章 or its English like, not of a bare number."""
    return form in PART_FORMS or (form.isascii() and form.isalpha()) or form.startswith("name ")
