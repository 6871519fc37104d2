"""What has been written so far, in the form that the rules ask about.

The rules against repetition speak of *characters and words*, not of tokens: punctuation repeats
freely, and a character that is spelled in UTF-8 byte tokens is one unit, not two to four.

A *unit* is what may not be repeated: a content token stands for itself, a character spelled in
bytes for `vocabulary.size` + its code point; punctuation is none, but a *break* before the next
unit. So is the beginning of a paragraph. The dots within a foreign name are no break.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from novelgen.decoding.vocabulary import AFTER_BYTE, BETWEEN, BYTE, CONTENT, PUNCTUATION, Vocabulary
from novelgen.text.tokenizers import FIRST_BYTE


class ContentUnits(NamedTuple):
    """The N units of a finished paragraph."""

    units: NDArray[np.int64]  # (N,)
    after_break: NDArray[np.bool_]  # (N,) a break stands before the unit; True of the first


_NO_UNITS = ContentUnits(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool))


@dataclass(frozen=True)
class Earlier:
    """What the rules against repetition know of the paragraphs before the one being written."""

    # By the units of a context: what followed it. `sentences` has shorter contexts than `spans`,
    # and only where a break stands within the n-gram.
    spans: Mapping[tuple[int, ...], set[int]] = field(default_factory=dict)
    sentences: Mapping[tuple[int, ...], set[int]] = field(default_factory=dict)
    # Whole paragraphs that are shorter than a span.
    paragraphs: frozenset[tuple[int, ...]] = frozenset()
    # All units, for DRY.
    text: ContentUnits = _NO_UNITS


NOTHING_EARLIER = Earlier()


class History:
    """The tokens of the paragraph being written, in B rows of the same length."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        rows: int,
        capacity: int,
        earlier: Sequence[Earlier] | None = None,
    ) -> None:
        """`earlier` says of every row what stands before its paragraph."""
        self.vocabulary = vocabulary
        self.length = 0  # tokens that every row has
        self.earlier = list(earlier or [NOTHING_EARLIER] * rows)
        self.unit_counts = np.zeros(rows, dtype=np.int64)  # (B,) how many units of a row are valid
        self.run_lengths = np.zeros(rows, dtype=np.int64)  # (B,) punctuation tokens at the end
        self.at_break = np.ones(rows, dtype=bool)  # (B,) a break stands behind the last unit
        # The character that is half written: the automaton's state (B,), and its bytes so far.
        self.byte_states = np.zeros(rows, dtype=np.int64)
        self.pending = [b""] * rows
        self._rows = np.arange(rows)
        self._tokens = np.zeros((rows, capacity), dtype=np.int64)
        self._units = np.zeros((rows, capacity), dtype=np.int64)
        self._after_break = np.zeros((rows, capacity), dtype=bool)

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def tokens(self) -> NDArray[np.int64]:
        """(B, length), as written."""
        return self._tokens[:, : self.length]

    @property
    def units(self) -> NDArray[np.int64]:
        """(B, most units of a row); of each row the first `unit_counts` are valid."""
        return self._units[:, : self.unit_counts.max(initial=0)]

    def content(self, row: int) -> ContentUnits:
        """The units of a row."""
        count = self.unit_counts[row]
        return ContentUnits(self._units[row, :count], self._after_break[row, :count])

    def append(self, tokens: NDArray[np.int64]) -> None:
        """Adds one token (B,) to every row; PAD, written behind a row's end, counts as nothing."""
        self._tokens[:, self.length] = tokens
        self.length += 1
        kinds = self.vocabulary.kinds[tokens]
        # 1. A run of punctuation grows, or is over.
        self.run_lengths = (self.run_lengths + 1) * (kinds == PUNCTUATION)
        # 2. A content token is a unit at once: what stands behind a row's last unit counts only
        # when the count has grown.
        is_content = kinds == CONTENT
        self._units[self._rows, self.unit_counts] = tokens
        self._after_break[self._rows, self.unit_counts] = self.at_break
        self.unit_counts += is_content
        self.at_break = (self.at_break & ~is_content) | self.vocabulary.is_break[tokens]
        # 3. A byte is one when it completes a character.
        for row in (kinds == BYTE).nonzero()[0].tolist():
            self._append_byte(row, int(tokens[row]) - FIRST_BYTE)

    def _append_byte(self, row: int, byte: int) -> None:
        state = AFTER_BYTE[self.byte_states[row], byte]
        if state < 0:
            # Only a given prefix can hold bytes that the rules forbid; such a character is dropped.
            self.byte_states[row] = BETWEEN
            self.pending[row] = b""
            return
        self.byte_states[row] = state
        self.pending[row] += bytes([byte])
        if state == BETWEEN:
            code_point = ord(self.pending[row].decode("utf-8"))
            count = self.unit_counts[row]
            self._units[row, count] = self.vocabulary.size + code_point
            self._after_break[row, count] = self.at_break[row]
            self.unit_counts[row] += 1
            self.at_break[row] = False
            self.pending[row] = b""

    def select(self, rows: NDArray[np.int64]) -> History:
        """A new history whose row i is this one's row rows[i]; a row may be taken several times."""
        # Not through the constructor: it would allocate arrays that are replaced at once.
        chosen = object.__new__(History)
        chosen.vocabulary = self.vocabulary
        chosen.length = self.length
        chosen._rows = np.arange(len(rows))
        places = rows.tolist()
        chosen.earlier = [self.earlier[row] for row in places]
        chosen.pending = [self.pending[row] for row in places]
        for name in _ROW_ARRAYS:
            setattr(chosen, name, getattr(self, name)[rows])
        return chosen


_ROW_ARRAYS = (
    *("unit_counts", "run_lengths", "at_break", "byte_states"),
    *("_tokens", "_units", "_after_break"),
)


def content_units(vocabulary: Vocabulary, tokens: Iterable[int]) -> ContentUnits:
    """The units of a finished paragraph."""
    ids = np.fromiter(tokens, dtype=np.int64)  # (T,)
    kinds = vocabulary.kinds[ids]
    if (kinds == BYTE).any():
        history = History(vocabulary, 1, len(ids))
        for token in ids:
            history.append(token[None])
        return history.content(0)
    places = (kinds == CONTENT).nonzero()[0]  # (N,)
    # How many breaks stand before each unit; the first one is behind the paragraph's beginning.
    breaks = np.cumsum(vocabulary.is_break[ids])[places]
    return ContentUnits(ids[places], np.diff(breaks, prepend=-1) > 0)


def following(paragraphs: Iterable[Sequence[int]], size: int) -> dict[tuple[int, ...], set[int]]:
    """For every (size - 1)-gram in lists of units: the units that followed it."""
    found: dict[tuple[int, ...], set[int]] = {}
    for units in paragraphs:
        for end in range(size - 1, len(units)):
            found.setdefault(tuple(units[end - size + 1 : end]), set()).add(units[end])
    return found
