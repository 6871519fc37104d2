"""Text that was once decoded by the wrong encoding and saved so.

Encoded by the wrong encoding again it is the bytes that it was made of, which the right one
decodes. A repair is found by evidence: nonsense must become common Chinese, and no other repair may
do as well. (ftfy repairs what was UTF-8; Chinese novels were mostly GBK, which it does not know.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from novelgen.text.encoding import chinese_share

WINDOWS_1252 = "windows-1252"

# What texts are taken for by mistake, and what they are.
_WRONG = (WINDOWS_1252, "gb18030", "cp950", "cp949", "cp932", "cp1251", "koi8-r", "cp437", "cp850")
_RIGHT = ("utf-8", "gb18030", "cp950")
# Shares of common characters: nonsense has less, a repaired text more.
_NONSENSE = 0.25
_REPAIRED = 0.6
# Of two repairs, the better one must lead by this.
_MARGIN = 0.2
# Characters: a line of nonsense has so many beyond ASCII; so many are tried.
_FEWEST = 4
_TRIED = 4_000
# Below this share of the sample, garbled lines are left alone.
_SMALL_PART = 0.02
# The share of characters that may be lost in a repair.
_TOLERATED_LOSS = 0.02

# What the usual accidents leave: U+FFFD as GBK, and the fill bytes of a debugger.
# (锟 alone is a character of names.)
_MARKS = re.compile("锟斤拷?|拷锟斤?|烫{3,}|屯{4,}|\ufffd+")
_MARK_SIGNS = ("锟斤", "拷锟", "烫烫烫", "屯屯屯屯", "\ufffd")
# What a repair leaves where it fails: no character, or one of the private-use area.
_LOST = re.compile("[\ufffd\ue000-\uf8ff]")
_WORST = 0.03
"""The share of such marks from which a text is beyond repair, if there are so many characters."""
_FEWEST_MARKED = 5

# Windows-1252 has characters for the bytes 80 to 9F; for five of them others leave the byte.
_TO_LATIN_1 = {
    ord(bytes((byte,)).decode("cp1252")): byte
    for byte in range(0x80, 0xA0)
    if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}


class Repair(NamedTuple):
    """The mistake that is to be undone: text in `right` was decoded as `wrong`."""

    wrong: str
    right: str


class Diagnosis(NamedTuple):
    """The repair that a sample calls for; `lost` is the share of characters that it cannot save."""

    repair: Repair
    lost: float

    @property
    def is_possible(self) -> bool:
        """Whether the repair leaves a text to read."""
        return self.lost <= _TOLERATED_LOSS


UTF8_READ_AS_LATIN = Repair(WINDOWS_1252, "utf-8")
"""The mistake that is made twice where it is made at all."""


def restore(sample: str, repair: Repair) -> str:
    """The sample with its nonsense as it was meant."""
    return "".join(LineRepair([repair]).chunks(iter([sample])))


def _original_bytes(text: str, wrong: str) -> bytes | None:
    """The bytes that `text` was decoded from; None where it has characters from elsewhere."""
    try:
        if wrong == WINDOWS_1252:
            return text.translate(_TO_LATIN_1).encode("latin-1")
        return text.encode(wrong)
    except UnicodeEncodeError:
        return None


def _restore(line: str, repair: Repair) -> str | None:
    """The line as it was meant, with � where it is lost; None where it is no such line."""
    data = _original_bytes(line, repair.wrong)
    if data is None:
        return None
    return data.decode(repair.right, errors="replace")


def _is_nonsense(line: str) -> bool:
    return len(line) - sum(map(str.isascii, line)) >= _FEWEST and chinese_share(line) < _NONSENSE


def _judge(lines: Sequence[str], repair: Repair) -> tuple[float, float]:
    """(share of common characters in the lines after a repair, share that is lost)."""
    restored = [(line, _restore(line, repair)) for line in lines]
    text = "".join(done for _, done in restored if done is not None)
    kept = _LOST.sub("", text)
    lost = len(text) - len(kept)
    # A line that this repair cannot have made counts as nonsense.
    untouched = sum(len(line) for line, done in restored if done is None)
    share = chinese_share(kept) * len(kept) / max(len(kept) + untouched, 1)
    return share, lost / max(len(text), 1)


def find_repair(sample: str) -> Diagnosis | None:
    """What was done to the nonsense in a sample of whole lines; None where that is not clear."""
    # 1. The lines that read as nonsense, if they are more than a few.
    lines = [line for line in sample.split("\n") if _is_nonsense(line)]
    nonsense = sum(map(len, lines))
    if nonsense < _SMALL_PART * len(sample):
        return None
    tried: list[str] = []
    for line in lines:
        tried.append(line)
        if sum(map(len, tried)) > _TRIED:
            break

    # 2. Every repair, the best first.
    judged = []
    for wrong, right in product(_WRONG, _RIGHT):
        if wrong != right:
            share, lost = _judge(tried, Repair(wrong, right))
            # What is lost counts twice, so that of two that read alike the whole one is taken.
            judged.append((share - 2 * lost, share, lost, Repair(wrong, right)))
    judged.sort(reverse=True)
    _score, share, lost, best = judged[0]

    # 3. Clear enough? Another way to the same text is no competitor.
    if share < _REPAIRED:
        return None
    for _other_score, other_share, _other_lost, other in judged[1:]:
        is_other = any(_restore(line, other) != _restore(line, best) for line in tried)
        if other_share > share - _MARGIN and other.right != best.right and is_other:
            return None
    return Diagnosis(best, lost)


@dataclass
class LineRepair:
    """Repairs line by line; counts the lines that were `restored`, and nonsense that was not."""

    repairs: Sequence[Repair]
    restored: int = 0
    unrestored: int = 0
    _rest: str = field(default="", repr=False)

    def chunks(self, chunks: Iterator[str]) -> Iterator[str]:
        """The text of `chunks`, repaired; what is right already stays as it is."""
        for chunk in chunks:
            head, newline, self._rest = (self._rest + chunk).rpartition("\n")
            if newline:
                yield "".join(f"{self._line(line)}\n" for line in head.split("\n"))
        if self._rest:
            yield self._line(self._rest)

    def _line(self, line: str) -> str:
        if line.isascii():
            return line
        done = line
        for repair in self.repairs:
            restored = _restore(done, repair)
            if restored is not None and restored.count("\ufffd") * 4 <= len(restored):
                done = restored
        # A short line may have no common character; one that was right would lose some.
        if done != line and chinese_share(done) >= chinese_share(line):
            self.restored += 1
            return done
        self.unrestored += _is_nonsense(line)
        return line


def count_marks(text: str) -> tuple[int, int]:
    """(places, characters) where a wrong encoding has destroyed a text."""
    # To look for four strings takes a tenth of the time of the pattern.
    if not any(sign in text for sign in _MARK_SIGNS):
        return 0, 0
    found = _MARKS.findall(text)
    return len(found), sum(map(len, found))


def is_destroyed(characters: int, marked: int, questions: int) -> bool:
    """Whether so many marks, or question marks in their place, leave nothing to read."""
    is_marked = marked >= _FEWEST_MARKED and marked > _WORST * characters
    return is_marked or questions * 4 > characters
