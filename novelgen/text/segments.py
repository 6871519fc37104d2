"""Paragraphs cut into consecutive segments at sentence ends.

Joined again, the segments are the paragraph to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_STOPS = "。！？…!?｡"
_CLOSERS = "”’」』）)》〉】〗］]"
_OPENERS = "“‘「『（(《〈【〖［["
_PAUSES = "；：，、;:,"

# The look-ahead refuses a stop that is followed by more of the same sentence (？”，他说), and it
# names the stops and closers too, so that the pattern cannot match by giving one of them back.
_SENTENCE_END = re.compile(
    rf"""(?:[{_STOPS}]+|\.+(?=["'{re.escape(_CLOSERS)}]*(?:\s|$)))"""
    rf"""(?:[{re.escape(_CLOSERS)}]|'(?=["\s]|$))*"""
    rf"""(?![{_STOPS}{re.escape(_CLOSERS)}{_PAUSES}—])"""
)
# Behind a pause of a sentence; a Latin one needs a space behind it, as in 1,000.
_CLAUSE_END = re.compile(
    rf"[；：，、]+(?![{_PAUSES}{re.escape(_CLOSERS)}])|[;:,](?=\s)\s*|——+(?!—)"
)
# A hard cut neither starts a segment with these nor ends one with an opening quote.
_NOT_FIRST = frozenset(_STOPS + _CLOSERS + _PAUSES + "—.\"'")
_NOT_LAST = frozenset(_OPENERS)
# What shows, behind a quotation, that its sentence is not over.
_GOES_ON = frozenset(_STOPS + _PAUSES + "—")


def sentence_ends(text: str) -> list[int]:
    """Offsets behind the sentence ends of `text`, ascending.

    The end of the text is not among them unless it is a sentence's. A stop takes the closing
    quotes and brackets behind it along. A straight quote behind a stop closes when an odd number
    of straight quotes stands before it; otherwise it opens the next sentence.
    """
    ends = []
    quotes = 0  # straight quotes before `counted`
    counted = 0
    straight = '"' in text
    for match in _SENTENCE_END.finditer(text):
        end = match.end()
        if straight and text.startswith('"', end):
            quotes += text.count('"', counted, end)
            counted = end
            if quotes % 2:
                end += 1
                if text[end : end + 1] in _GOES_ON:
                    continue
        # The next sentence begins with its first character, not with a space.
        while text[end : end + 1].isspace():
            end += 1
        ends.append(end)
    return ends


def _slices(text: str, ends: Iterable[int]) -> list[str]:
    pieces = []
    start = 0
    for end in ends:
        if end > start:
            pieces.append(text[start:end])
            start = end
    if start < len(text):
        pieces.append(text[start:])
    return pieces


def split_sentences(text: str) -> list[str]:
    """The sentences of `text`, with their closing quotes; "".join(result) == text."""
    return _slices(text, sentence_ends(text))


def _hard_cut(text: str, limit: int) -> list[str]:
    """`text` in pieces of at most `limit` characters where no punctuation offers a place.

    Steps back from closing marks and from inside runs such as …… as long as that leaves half a
    piece.
    """
    pieces = []
    while len(text) > limit:
        cut = limit
        while cut > limit // 2 and (text[cut] in _NOT_FIRST or text[cut - 1] in _NOT_LAST):
            cut -= 1
        if cut == limit // 2:
            # No good place in the second half: cut where the limit is.
            cut = limit
        pieces.append(text[:cut])
        text = text[cut:]
    return [*pieces, text]


def _atoms(paragraph: str, limit: int) -> list[str]:
    """Sentences, and clauses or hard cuts of the sentences that are longer than `limit`."""
    atoms = []
    for sentence in split_sentences(paragraph):
        if len(sentence) <= limit:
            atoms.append(sentence)
            continue
        for clause in _slices(sentence, (match.end() for match in _CLAUSE_END.finditer(sentence))):
            atoms.extend(_hard_cut(clause, limit))
    return atoms


def _pack(atoms: list[str], limit: int) -> list[list[str]]:
    """The atoms in order, as many together as the limit allows."""
    packs: list[list[str]] = [[]]
    size = 0
    for atom in atoms:
        if size + len(atom) > limit and packs[-1]:
            packs.append([])
            size = 0
        packs[-1].append(atom)
        size += len(atom)
    return packs


def _share_out(atoms: list[str], limit: int) -> list[str]:
    """Two segments of `atoms`, as equal as the limit and the atoms allow."""
    sizes = [len(atom) for atom in atoms]
    total = sum(sizes)
    left = 0
    best = (limit + 1, 0)  # (characters of the longer segment, atoms in the first one)
    for index, size in enumerate(sizes[:-1], 1):
        left += size
        best = min(best, (max(left, total - left), index))
    _, index = best
    return ["".join(atoms[:index]), "".join(atoms[index:])]


def cut_segments(paragraph: str, limit: int) -> list[str]:
    """`paragraph` as segments of at most `limit` characters; "".join(result) == paragraph.

    Whole sentences are packed greedily; a sentence longer than the limit is cut at ；：，、 and ——
    and only then anywhere. A last segment shorter than a fifth of the limit shares its sentences
    with the one before.
    """
    if not paragraph:
        return []
    if len(paragraph) <= limit:
        return [paragraph]
    packs = _pack(_atoms(paragraph, limit), limit)
    if len(packs) > 1 and sum(map(len, packs[-1])) * 5 < limit:
        tail = _share_out(packs[-2] + packs[-1], limit)
        packs[-2:] = [[piece] for piece in tail]
    return ["".join(pack) for pack in packs]
