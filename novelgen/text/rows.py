"""The lines of a file with what surrounds them: indentation, and blank lines before them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

# Characters and number of the lines that are surely paragraphs, from which indentation is judged.
_PARAGRAPH = 25
_FEWEST_PARAGRAPHS = 4
_NEARLY_ALL = 0.8


class Row(NamedTuple):
    """A line that is not blank: as it was read, without outer spaces, and what surrounds it."""

    line: str
    text: str
    indent: str
    gap: int


class Surroundings(NamedTuple):
    """What paragraphs of a file have before them.

    `indent` is their indentation, None where they have none in common; `gap` the usual number of
    blank lines.
    """

    indent: str | None
    gap: int

    def stands_out(self, row: Row) -> bool:
        """Whether a row is set off from the paragraphs."""
        return row.gap > self.gap or (self.indent is not None and row.indent != self.indent)


def read_rows(chunks: Iterable[str]) -> Iterator[list[Row]]:
    """The rows of each chunk of whole lines; the first one stands behind an unusual gap."""
    gap = 1_000
    for chunk in chunks:
        rows = []
        for line in chunk.removesuffix("\n").split("\n"):
            text = line.strip()
            if text:
                rows.append(Row(line, text, line[: line.index(text[0])], gap))
                gap = 0
            else:
                gap += 1
        yield rows


def surroundings(rows: Sequence[Row]) -> Surroundings:
    """What the paragraphs among `rows` have before them."""
    gaps = Counter(row.gap for row in rows[1:])
    usual_gap = max(gaps, key=gaps.__getitem__, default=0)
    paragraphs = [row for row in rows if len(row.text) >= _PARAGRAPH]
    indents = Counter(row.indent for row in paragraphs)
    usual, count = max(indents.items(), key=lambda each: each[1], default=("", 0))
    is_common = count >= max(_FEWEST_PARAGRAPHS, _NEARLY_ALL * len(paragraphs))
    if is_common:
        return Surroundings(usual, usual_gap)
    return Surroundings(None, usual_gap)
