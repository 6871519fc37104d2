"""A stream of text becomes a stream of whole lines, none of them longer than memory allows.

A line that is too long consists of parts, with hidden breaks between them; a part that is still
too long is broken at sentence ends, into pieces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from novelgen.errors import CorpusError
from novelgen.text.segments import sentence_ends

LONGEST_LINE = 5_000
"""Characters. No paragraph of a novel is as long; a longer line has lost its line ends."""
# Characters: of the only line of a file, of a piece, and of a sentence that is not refused.
_LONGEST_LONE_LINE = 400
_PIECE = 200
_LONGEST_SENTENCE = 1_000_000
_HIDDEN_BREAK = re.compile(r"　{2,}|<(?:br|/?p)\b[^<>\n]{0,100}>", re.IGNORECASE)
# A chapter's heading within a line: behind the end of a sentence or a space, and before a space.
_HEADING = re.compile(
    "(?<=[。！？!?…”』」 　])第[0-9０-９〇零一二三四五六七八九十百千]{1,9}[章回节卷][ 　：:]"
)
# Characters that may still belong to a sentence end or a tag that has not arrived whole.
_UNSURE = 128


class LongLines:
    """Breaks lines that are too long for a paragraph.

    They are broken at hidden breaks (　　, <br>, <p>) and, where there are none, at sentence ends.
    `broken` counts the lines that were broken at sentence ends. The result does not depend on how
    the text is cut into chunks, and about a megabyte is held at a time.
    """

    def __init__(self, fail: Callable[[], CorpusError]) -> None:
        self._fail = fail
        self._longest = LONGEST_LINE
        # Of the line that is being read: is it known to be too long, and was its last part already
        # broken at a sentence end?
        self._in_long_line = False
        self._in_long_part = False
        self.broken = 0

    def whole_lines(self, chunks: Iterable[str]) -> Iterator[str]:
        """The text of `chunks` as chunks that end in a newline.

        Raises the CorpusError made by `fail` for a million characters without a sentence end.
        """
        rest = ""  # of the last line, what cannot be decided yet
        is_first = True
        for chunk in chunks:
            head, newline, tail = chunk.rpartition("\n")
            if newline:
                yield self._lines(rest + head, is_first and not tail)
                rest = tail
                is_first = False
            else:
                rest += chunk
            if len(rest) > LONGEST_LINE + _UNSURE:
                pieces, rest = self._long_line(rest, is_whole=False)
                if pieces:
                    yield _joined(pieces)
        if rest:
            yield self._lines(rest, is_first)

    def _lines(self, text: str, is_all: bool) -> str:
        """Whole lines, broken where they are too long."""
        lines = text.split("\n")
        if is_all and not self._in_long_line and len(lines) - lines.count("") == 1:
            # The whole file is one line: it is broken though a longer one passes in other files.
            self._longest = _LONGEST_LONE_LINE
        if not self._in_long_line and max(map(len, lines)) <= self._longest:
            return text + "\n"
        done: list[str] = []
        for line in lines:
            if self._in_long_line or len(line) > self._longest:
                pieces, _ = self._long_line(line, is_whole=True)
                done.extend(pieces)
            else:
                done.append(line)
        return _joined(done)

    def _long_line(self, line: str, is_whole: bool) -> tuple[list[str], str]:
        """(parts of a long line, what cannot be broken before more has come)."""
        # 1. Parts between the hidden breaks, as far as no break can be cut in two.
        known = line
        if not is_whole:
            known = line[:-_UNSURE]
        *shorter, last = _HIDDEN_BREAK.sub("\n", known).split("\n")

        # 2. Only a lone line without hidden breaks has a lower limit.
        longest = self._longest
        if shorter or self._in_long_line:
            longest = LONGEST_LINE
        self._in_long_line = not is_whole

        # 3. The parts that are still too long, at sentence ends.
        if is_whole:
            shorter.append(last)
        done: list[str] = []
        for part in shorter:
            pieces, _ = self._sentences(part, longest, is_whole=True)
            done.extend(pieces)
        if is_whole:
            return done, ""

        # 4. The last part may go on.
        if self._in_long_part or len(last) > longest:
            pieces, last = self._sentences(last, longest, is_whole=False)
            done.extend(pieces)
        return done, last + line[-_UNSURE:]

    def _sentences(self, part: str, longest: int, is_whole: bool) -> tuple[list[str], str]:
        """(pieces of a part without hidden breaks, the rest that is too short to be one yet)."""
        if not self._in_long_part:
            if len(part) <= longest:
                return [part], ""
            self.broken += 1
        self._in_long_part = not is_whole
        pieces = []
        start = 0
        while len(part) - start > _PIECE:
            end = self._piece_end(part, start, is_whole)
            if end is None:
                break
            pieces.append(part[start:end])
            start = end
        if is_whole and start < len(part):
            return [*pieces, part[start:]], ""
        return pieces, part[start:]

    def _piece_end(self, line: str, start: int, is_whole: bool) -> int | None:
        """Where the piece of `line` that begins at `start` ends; None where more must come first.

        Behind the last sentence end within a piece's size, or else behind the first one; before a
        heading that comes earlier.
        """
        size = 2 * _PIECE
        while True:
            # 1. A window of the line; what stands at its cut end cannot be judged yet.
            window = line[start : start + size]
            if len(window) < size and not is_whole:
                return None
            ends = sentence_ends(window)
            if len(window) == size:
                ends = [end for end in ends if end < len(window) - _UNSURE]

            # 2. The piece ends there, or before the heading of the next chapter.
            if ends:
                end = max((end for end in ends if end <= _PIECE), default=ends[0])
                heading = _HEADING.search(window, 1)
                if heading:
                    end = min(end, heading.start())
                return start + end

            # 3. No sentence ends there: a window of twice the size.
            if size > _LONGEST_SENTENCE:
                raise self._fail()
            if len(window) < size:
                return len(line)
            size *= 2


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
