"""Private-use characters: those that old Chinese encodings left are known, the others get a mark.

GBK and the first GB18030 had characters that Unicode did not have yet; text converted in those
years has private-use characters for them (GB 18030-2005 and -2022 give their places today).
"""

from __future__ import annotations

import re

MARK = "□"
"""Stands for a character that only a font knows, as it does in printed books."""

_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")
_PRIVATE_LINE = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd\\s]+")

# The rows FE50 to FEA0 of GBK, without FE7F, stand in U+E815 to U+E864.
_FIRST_OF_GBK = 0xE815
_TRAIL_BYTES = [trail for trail in range(0xFE50 & 0xFF, 0xA1) if trail != 0x7F]
# What Python's codec, which is of the year 2000, still takes for private there.
_LATER = {
    0xE816: 0x20087,
    0xE817: 0x20089,
    0xE818: 0x200CC,
    0xE81E: 0x9FB4,
    0xE826: 0x9FB5,
    0xE82B: 0x9FB6,
    0xE82C: 0x9FB7,
    0xE831: 0x215D7,
    0xE832: 0x9FB8,
    0xE83B: 0x2298F,
    0xE843: 0x9FB9,
    0xE854: 0x9FBA,
    0xE855: 0x241FE,
    0xE864: 0x9FBB,
}
# A Latin letter of pinyin, and punctuation for vertical lines, which is written as usual here.
_MARKS = {0xE7C7: "ḿ"} | dict(zip(range(0xE78D, 0xE797), "，。、：；！？〖〗…", strict=True))
# Bullets of the fonts Symbol and Wingdings.
_BULLETS = {0xF0B7: "•", 0xF06C: "●", 0xF06E: "■", 0xF0A7: "▪", 0xF0D8: "➢", 0xF0FC: "✔"}


def _gbk() -> dict[int, str]:
    """The ideographs and radicals that stand in GBK's rows, by their private-use characters."""
    table: dict[int, str] = {}
    for offset, trail in enumerate(_TRAIL_BYTES):
        code = _FIRST_OF_GBK + offset
        character = chr(_LATER.get(code, 0)) if code in _LATER else ""
        if not character:
            character = bytes([0xFE, trail]).decode("gb18030")
        if not _PRIVATE.match(character):
            table[code] = character
    return table


KNOWN = {**_gbk(), **_MARKS, **_BULLETS}
"""What private-use characters are, by their code points."""


def private_use(text: str) -> str:
    """Private-use characters become those that they are known to be, or a mark.

    A line that has nothing else, as the buttons of a page have, goes.
    """
    if not _PRIVATE.search(text):
        return text
    return "\n".join([_without_private(line) for line in text.split("\n")])


def _without_private(line: str) -> str:
    known = line.translate(KNOWN)
    if _PRIVATE.search(known) and _PRIVATE_LINE.fullmatch(known):
        return ""
    return _PRIVATE.sub(MARK, known)
