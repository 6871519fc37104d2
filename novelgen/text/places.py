"""On which line of its file a heading stands, as an editor counts lines."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

from novelgen.text.headingforms import LONGEST_HEADING, PART, ends_like_prose, heading_key

# Characters of a line that are looked at.
_LONGEST_START = 2 * LONGEST_HEADING


class HeadingLines:
    """Remembers the lines that might be headings while they are read, to find them later.

    Between reading and the outline a line is cleaned, joined and marked, so it is known again by
    its key. Headings are asked for in the order in which they stand in the file.
    """

    def __init__(self) -> None:
        self._lines: dict[str, deque[int]] = defaultdict(deque)
        self._last = 0

    def watch(self, chunks: Iterable[str]) -> Iterator[str]:
        """The same chunks, which may end anywhere."""
        rest = ""
        number = 1
        for chunk in chunks:
            lines = (rest + chunk).split("\n")
            # Of an endless line the beginning is enough.
            rest = lines.pop()[: 2 * _LONGEST_START]
            for line in lines:
                self._note(line, number)
                number += 1
            yield chunk
        self._note(rest, number)

    def _note(self, line: str, number: int) -> None:
        """Remembers one line, unless it is plainly a paragraph."""
        if len(line) > _LONGEST_START:
            return
        text = line.strip()
        # Most short lines of a novel are speech.
        if text and text[0] not in '“"‘' and not ends_like_prose(text):
            if text[0] in "「『" and "第" not in text[:3]:
                return
            key = heading_key(text)
            self._lines[key].append(number)
            # Cleaning may take something from the end of a title.
            part = PART.match(key)
            if part and part.end() < len(key):
                self._lines[part[0]].append(number)

    def find(self, key: str) -> int | None:
        """The line on which the next heading with this key stands; None where it is unknown.

        A title that stood on the line below its number is found by its beginning.
        """
        for end in range(len(key), 0, -1):
            # One character is too little to know a longer title by.
            if end == 1 and len(key) > 1:
                return None
            lines = self._lines.get(key[:end])
            while lines:
                line = lines.popleft()
                if line > self._last:
                    self._last = line
                    return line
        return None
