"""Characters of the private-use area: what is known of them, and a mark for the rest.

Nothing says what a private-use character is but the font or the encoding that it was made for. One
such table is known: GBK put into that area what Unicode did not have at the time.
"""

from __future__ import annotations

import re

MARK = "□"
"""Stands where a character is not known, as Chinese prints it."""

_PRIVATE_LINE = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd\\s]+")
PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")

# What GB 18030 has meanwhile given a code outside of the area, in its order; Python's table is
# that of the year 2000, so these are beyond it. https://www.unicode.org/L2/L2022/22274
_SINCE_2000 = (
    # Punctuation of vertical text, here as horizontal text has it.
    (0xE78D, "，。、：；！？〖〗…"),
    (0xE7C7, "ḿ"),
    (0xE81E, "\u9fb4"),
    (0xE826, "\u9fb5"),
    (0xE82B, "\u9fb6\u9fb7"),
    (0xE832, "\u9fb8"),
    (0xE843, "\u9fb9"),
    (0xE854, "\u9fba"),
    (0xE864, "\u9fbb"),
    (0xE816, "\U00020087\U00020089\U000200cc"),
    (0xE831, "\U000215d7"),
    (0xE83B, "\U0002298f"),
    (0xE855, "\U000241fe"),
)
# Bullets of the fonts Symbol and Wingdings, as word processors write them.
_BULLETS = {
    "\uf0b7": "•",
    "\uf06c": "●",
    "\uf06e": "■",
    "\uf0a7": "▪",
    "\uf0d8": "➢",
    "\uf0fc": "✔",
}


def _gbk_table() -> dict[str, str]:
    """What GBK's private-use characters stand for."""
    # 1. Runs of GBK codes whose private-use characters are consecutive: (first character, lead
    #    byte, trail bytes). Python decodes the codes as GB 18030 of the year 2000 does.
    runs = (
        (0xE7C8, 0xA8, (0xBF,)),
        (0xE7E7, 0xA9, range(0x89, 0x96)),
        (0xE815, 0xFE, (*range(0x50, 0x7F), *range(0x80, 0xA1))),
    )
    table = {}
    for first, lead, trails in runs:
        for place, trail in enumerate(trails):
            character = bytes((lead, trail)).decode("gb18030")
            if not PRIVATE.match(character):
                table[chr(first + place)] = character
    # 2. What was still private then.
    for first, characters in _SINCE_2000:
        for place, character in enumerate(characters):
            table[chr(first + place)] = character
    return table


KNOWN = {**_gbk_table(), **_BULLETS}
"""What private-use characters are, where that is known."""


def _has_private(text: str) -> bool:
    """Whether there may be a private-use character; ten times as fast as the pattern."""
    # Not above: who cleans a prompt has no need of numpy.
    import numpy as np

    units = np.frombuffer(text.encode("utf-16-le", errors="surrogatepass"), dtype=np.uint16)
    # Subtraction wraps around, so that one comparison is enough: U+E000 to U+F8FF, and the high
    # surrogates DB80 to DBFF, which begin the private-use characters beyond the first plane.
    is_private = units - np.uint16(0xE000) < np.uint16(0x1900)
    is_high = units - np.uint16(0xDB80) < np.uint16(0x80)
    return bool(is_private.any() or is_high.any())


class PrivateUse:
    """Replaces private-use characters, and counts the `known` and the `unknown` ones."""

    def __init__(self) -> None:
        self.known = 0
        self.unknown = 0

    def replace(self, text: str) -> str:
        """`text` with the characters meant, and a mark where that is not known."""
        if not _has_private(text):
            return text
        return PRIVATE.sub(self._replacement, text)

    def _replacement(self, match: re.Match[str]) -> str:
        character = KNOWN.get(match[0])
        if character is None:
            self.unknown += 1
            return MARK
        self.known += 1
        return character


def private_use(text: str) -> str:
    """Private-use characters become those that they are known to be, or a mark.

    A line that has nothing else, as the buttons of a page have, goes. What was read from a file has
    none left (`PrivateUse` counted them); a prompt may.
    """
    if not PRIVATE.search(text):
        return text
    return "\n".join([_without_private(line) for line in text.split("\n")])


def _without_private(line: str) -> str:
    is_only_private = PRIVATE.search(line) and _PRIVATE_LINE.fullmatch(line)
    if is_only_private and not any(each in KNOWN for each in line):
        return ""
    return PRIVATE.sub(lambda match: KNOWN.get(match[0], MARK), line)
