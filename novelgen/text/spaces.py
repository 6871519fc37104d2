"""Stray spaces within Chinese sentences; those that are meant stay.

A scan or a PDF leaves a space between any two characters, a copied page one here and there. Meant
are the spaces between the halves of a verse, between the items of a list, around Latin words, and
in headings.
"""

from __future__ import annotations

import re

from novelgen.text.chapters import find_heading

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff〇○□"
_MARKS = "，。！？；：、…“”‘’「」『』（）《》—"
# One space, with a Chinese character or mark on both sides.
_SPACE = re.compile(rf"(?<=[{_HAN}{_MARKS}]) (?=[{_HAN}{_MARKS}])")
# A space beside a mark, which belongs to it already.
_BESIDE_MARK = re.compile(rf"(?<=[{_MARKS}]) (?=[{_HAN}{_MARKS}])|(?<=[{_HAN}]) (?=[{_MARKS}])")
_CLAUSE = re.compile(rf"[^{_MARKS}\n]+")
_SENTENCE = re.compile("[，。！？；]")
# Characters of the longest item of a list.
_LONGEST_ITEM = 4
# And of the shortest half of a verse.
_SHORTEST_VERSE = 4


def stray_spaces(text: str) -> str:
    """Single spaces that part the Chinese characters of a sentence, but for those that are meant.

    Only a line with the marks of a sentence is touched; a run of spaces is no stray one.
    """
    if not _SPACE.search(text):
        return text
    return "\n".join([_without_stray(line) for line in text.split("\n")])


def _without_stray(line: str) -> str:
    if " " not in line or not _SPACE.search(line) or not _SENTENCE.search(line):
        return line
    stripped = line.strip(" 　\t")
    if stripped.startswith("#") or find_heading(stripped):
        return line
    # 1. Two short parts of one length may be items, where no other space of the line is stray.
    clauses = [sizes for clause in _CLAUSE.findall(line) if len(sizes := _sizes(clause)) > 1]
    is_stray = _BESIDE_MARK.search(stripped) is not None or not all(map(_is_meant, clauses))

    # 2. Within the clauses, as long as the spaces beside marks still show where they end; then
    #    beside the marks.
    joined = _CLAUSE.sub(lambda clause: _join_clause(clause[0], is_stray), line)
    return _BESIDE_MARK.sub("", joined)


def _sizes(clause: str) -> list[int]:
    """The characters of the parts of a clause between its single spaces."""
    return [len(part.strip(" ")) for part in _SPACE.split(clause) if part.strip(" ")]


def _join_clause(clause: str, is_stray: bool) -> str:
    """The clause without its spaces, unless they part verses or items."""
    sizes = _sizes(clause)
    if len(sizes) < 2:
        return clause
    is_short_pair = len(sizes) == 2 and max(sizes) < _SHORTEST_VERSE
    if _is_meant(sizes) and not (is_stray and is_short_pair):
        return clause
    return _SPACE.sub("", clause)


def _is_meant(sizes: list[int]) -> bool:
    """Whether parts of so many characters are verses or items of a list."""
    if sizes.count(1) > len(sizes) / 2:
        # Nearly every character stands alone: no list has so many items of one character.
        return False
    if len(set(sizes)) == 1:
        return True
    return len(sizes) > 2 and max(sizes) <= _LONGEST_ITEM
