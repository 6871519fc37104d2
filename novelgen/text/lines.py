"""A stream of text becomes a stream of whole lines, none of them longer than memory allows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from novelgen.errors import CorpusError
from novelgen.text.segments import sentence_ends

LONGEST_LINE = 5_000
"""No paragraph of a novel is as long; a longer line has lost its line ends."""
_LONGEST_OF_A_LONE_LINE = 400
_PIECE = 200
_LONGEST_SENTENCE = 1_000_000
_HIDDEN_BREAK = re.compile(r"　{2,}|<(?:br|/?p)\b[^<>\n]{0,100}>", re.IGNORECASE)
# What may still belong to a sentence end or a tag that has not arrived whole.
_UNSURE = 128


class LongLines:
    """Breaks lines that no paragraph could be: at hidden breaks (　　, <br>, <p>) and, where there are none, at sentence ends.

    `broken` counts the lines that were broken at sentence ends. The result does not depend on how the text is cut into chunks,
    and about a megabyte is held at a time.
    """

    def __init__(self, fail: Callable[[], CorpusError]) -> None:
        self._fail = fail
        self._longest = LONGEST_LINE
        self.broken = 0

    def whole_lines(self, chunks: Iterable[str]) -> Iterator[str]:
        """The text of `chunks` as chunks that end in a newline. Raises the CorpusError made by `fail` for a million
        characters without a sentence end."""
        rest, is_long, is_first = "", False, True
        for chunk in chunks:
            head, newline, tail = chunk.rpartition("\n")
            if newline:
                yield "".join(self._lines(rest + head, is_long, is_first and not tail))
                rest, is_long, is_first = tail, False, False
            else:
                rest += chunk
            if len(rest) > LONGEST_LINE + _UNSURE:
                text, rest, is_long = self._long_line(rest, is_long, is_whole=False)
                yield text
        if rest:
            yield "".join(self._lines(rest, is_long, is_first))

    def _lines(self, text: str, is_long: bool, is_all: bool) -> Iterator[str]:
        """Whole lines, the first of them being the rest of a long one when `is_long`."""
        lines = text.split("\n")
        if is_all and len(lines) - lines.count("") == 1:
            # The whole file is one line: it is broken though a longer text would pass it.
            self._longest = _LONGEST_OF_A_LONE_LINE
        if len(lines[0]) <= self._longest and not is_long and max(map(len, lines)) <= self._longest:
            yield text + "\n"
            return
        for line in lines:
            if is_long or len(line) > self._longest:
                yield self._long_line(line, is_long, is_whole=True)[0]
            else:
                yield line + "\n"
            is_long = False

    def _long_line(self, line: str, is_long: bool, is_whole: bool) -> tuple[str, str, bool]:
        """(broken lines, what cannot be broken before more has come, whether that is the rest of a broken line)."""
        *shorter, last = _HIDDEN_BREAK.sub("\n", line if is_whole else line[:-_UNSURE]).split("\n")
        longest = LONGEST_LINE if shorter else self._longest
        done: list[str] = []
        for part in shorter:
            done.extend(self._sentences(part, is_long, longest)[0])
            is_long = False
        if is_whole:
            done.extend(self._sentences(last, is_long, longest)[0])
            return "".join(f"{piece}\n" for piece in done), "", False
        if is_long or len(last) > longest:
            pieces, last = self._sentences(last, is_long, longest, is_whole=False)
            done.extend(pieces)
            is_long = True
        return "".join(f"{piece}\n" for piece in done), last + line[-_UNSURE:], is_long

    def _sentences(self, line: str, is_long: bool, longest: int, is_whole: bool = True) -> tuple[list[str], str]:
        """(paragraph-sized pieces, the rest that is too short to be one yet); `is_long` when pieces of the line went before."""
        if not is_long:
            if len(line) <= longest:
                return [line], ""
            self.broken += 1
        pieces, start = [], 0
        while len(line) - start > _PIECE:
            end = self._piece_end(line, start, is_whole)
            if end is None:
                break
            pieces.append(line[start:end])
            start = end
        if is_whole and start < len(line):
            return [*pieces, line[start:]], ""
        return pieces, line[start:]

    def _piece_end(self, line: str, start: int, is_whole: bool) -> int | None:
        """Behind the last sentence end within a piece's size, or else the first one; None where more must come first."""
        size = 2 * _PIECE
        while True:
            window = line[start:start + size]
            is_cut = len(window) == size or not is_whole
            if len(window) < size and not is_whole:
                return None
            ends = [end for end in sentence_ends(window) if end < len(window) - _UNSURE] if is_cut else sentence_ends(window)
            if ends:
                return start + max((end for end in ends if end <= _PIECE), default=ends[0])
            if size > _LONGEST_SENTENCE:
                raise self._fail()
            if len(window) < size:
                return len(line)
            size *= 2
