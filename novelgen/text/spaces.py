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
    # 1. Within the clauses, as long as the spaces beside marks still show where they end.
    joined = _CLAUSE.sub(_join_clause, line)
    # 2. Beside the marks.
    return _BESIDE_MARK.sub("", joined)


def _join_clause(clause: re.Match[str]) -> str:
    """The clause without its spaces, unless they part verses or items."""
    text = clause[0]
    if not _SPACE.search(text):
        return text
    parts = _SPACE.split(text)
    sizes = [len(part.strip(" ")) for part in parts if part.strip(" ")]
    if len(sizes) < 2 or _is_meant(sizes):
        return text
    return _SPACE.sub("", text)


def _is_meant(sizes: list[int]) -> bool:
    """Whether parts of so many characters are verses or items of a list."""
    if sizes.count(1) > len(sizes) / 2:
        # Nearly every character stands alone: no list has so many items of one character.
        return False
    if len(set(sizes)) == 1:
        return True
    return len(sizes) > 2 and max(sizes) <= _LONGEST_ITEM
