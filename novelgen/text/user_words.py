"""User words that no segmenter keeps whole: names with ·, with a space, with Latin letters."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

Cutter = Callable[[str], list[str]]
"""A function that cuts a text into words whose concatenation is the text."""

Tagger = Callable[[str], Sequence[tuple[str, str]]]
"""A function that cuts a text into words, each with its part of speech as jieba calls it."""

_CHINESE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff〇]+")
# Letters and digits of which a word goes on: all but the scripts that put no spaces between words.
_LETTER = "[^\\W_\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff〇]"
_IS_LETTER = re.compile(_LETTER)
# A character alone is a token of its own already.
_SHORTEST_WORD = 2


def is_chinese(word: str) -> bool:
    """Whether `word` has Chinese characters only, so that a segmenter can keep it whole."""
    return _CHINESE.fullmatch(word) is not None


def _bounded(word: str) -> str:
    """The pattern of a word; a Latin letter at its edge must not go on in the text."""
    pattern = re.escape(word[1:])
    if _IS_LETTER.match(word[-1]):
        pattern += f"(?!{_LETTER})"
    return pattern


def _pattern(words: Iterable[str], space: bool) -> re.Pattern[str]:
    """Finds any of `words`, the longest one where several begin.

    Words with the same first character share a branch, so that thousands of them stay fast.
    """
    by_first: dict[str, list[str]] = defaultdict(list)
    for word in sorted(set(words), key=lambda word: (-len(word), word)):
        by_first[word[0]].append(word)
    branches = []
    for first, group in by_first.items():
        rest = "|".join(map(_bounded, group))
        before = f"(?<!{_LETTER})" if _IS_LETTER.match(first) else ""
        branches.append(f"{before}{re.escape(first)}(?:{rest})")
    return re.compile((" ?" if space else "") + f"(?:{'|'.join(branches)})")


def keeping_whole(words: Iterable[str], cut: Cutter, space: bool = False) -> Cutter:
    """`cut`, but every one of `words` in a text is one word; `space`: with the space before it."""
    kept = [word for word in words if len(word) >= _SHORTEST_WORD]
    if not kept:
        return cut
    pattern = _pattern(kept, space)

    def cut_around(text: str) -> list[str]:
        pieces: list[str] = []
        start = 0
        for found in pattern.finditer(text):
            if found.start() > start:
                pieces += cut(text[start : found.start()])
            pieces.append(found[0])
            start = found.end()
        if not start:
            return cut(text)
        if start < len(text):
            pieces += cut(text[start:])
        return pieces

    return cut_around
