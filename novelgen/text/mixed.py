"""Two files of different encodings that were glued together: where one ends and the other begins.

A line of Chinese in GBK or Big5 is hardly ever valid UTF-8, so that every line tells what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from novelgen.text.encoding import best_encoding, common_share

# Bytes: of a line that is read at once, and of what decides which encoding the other one is.
_LONGEST_LINE = 1 << 20
_SAMPLE = 1 << 18
# Below so many bytes beyond ASCII, a line in another encoding may be valid UTF-8 by chance.
_CERTAIN = 12
# How Chinese the part that is no UTF-8 must read; prose scores 0.75, nonsense up to 0.2.
_PLAUSIBLE = 0.4


class Part(NamedTuple):
    """A stretch of a file, from the byte `start` to the next part, in one encoding."""

    start: int
    encoding: str


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """(place, line) of every line that is not ASCII alone."""
    start = 0
    while line := file.readline(_LONGEST_LINE):
        if not line.isascii():
            yield start, line
        start += len(line)


def _is_utf8(line: bytes) -> bool | None:
    """Whether a line is UTF-8; None where it may be so by chance."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    if sum(byte >= 0x80 for byte in line) >= _CERTAIN:
        return True
    return None


def _legacy_encoding(file: BinaryIO) -> str | None:
    """The encoding of the lines that are no UTF-8; None where these read as nonsense in any."""
    sample = b""
    file.seek(0)
    for _start, line in _lines(file):
        if _is_utf8(line) is False:
            sample += line
            if len(sample) > _SAMPLE:
                break
    if not sample:
        return None
    score, encoding = best_encoding(sample)
    if score < _PLAUSIBLE or encoding not in ("gb18030", "cp950", "big5hkscs"):
        return None
    return encoding


def find_parts(file: BinaryIO) -> list[Part]:
    """The parts of a file that is UTF-8 in some lines and a Chinese encoding in others.

    Empty for a file of another kind, such as UTF-8 with a few bad bytes.
    """
    legacy = _legacy_encoding(file)
    if legacy is None:
        return []
    parts: list[Part] = []
    file.seek(0)
    for start, line in _lines(file):
        encoding = legacy
        is_utf8 = _is_utf8(line)
        if is_utf8:
            encoding = "utf-8"
        elif is_utf8 is None:
            # A short line: it is what it reads best as; where it says nothing, what came before.
            scores = {name: common_share(line, name) for name in ("utf-8", legacy)}
            encoding = max(scores, key=scores.__getitem__)
            if len(set(scores.values())) == 1 and parts:
                encoding = parts[-1].encoding
        if not parts or parts[-1].encoding != encoding:
            parts.append(Part(start, encoding))
    if len(parts) < 2:
        return []
    # ASCII before the first part is the same in every encoding.
    return [parts[0]._replace(start=0), *parts[1:]]
