"""What has been written so far, in the form that the rules ask about.

The rules against repetition speak of *characters and words*, not of tokens: punctuation repeats
freely, and a character that is spelled in UTF-8 byte tokens is one unit, not two to four.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from novelgen.text.tokenizers import EOS, FIRST_BYTE, Tokenizer

BYTES = 256

# States of the UTF-8 automaton (Unicode 15, table 3-7): between characters, k continuation bytes to
# go, and the second bytes that are restricted (no overlong form, no surrogate, nothing above
# U+10FFFF, no C1 control).
BETWEEN, ONE, TWO, THREE, AFTER_C2, AFTER_E0, AFTER_ED, AFTER_F0, AFTER_F4 = range(9)
BYTES_TO_GO = np.array([0, 1, 2, 3, 1, 2, 2, 3, 3])  # by state

# State, first byte, last byte, the state after it; a later line replaces an earlier one.
_TRANSITIONS = (
    # The first byte of a character tells how many follow.
    (BETWEEN, 0x20, 0x7E, BETWEEN),
    (BETWEEN, 0xC2, 0xDF, ONE),
    (BETWEEN, 0xE0, 0xEF, TWO),
    (BETWEEN, 0xF0, 0xF4, THREE),
    # After some of them not every second byte is valid.
    (BETWEEN, 0xC2, 0xC2, AFTER_C2),
    (BETWEEN, 0xE0, 0xE0, AFTER_E0),
    (BETWEEN, 0xED, 0xED, AFTER_ED),
    (BETWEEN, 0xF0, 0xF0, AFTER_F0),
    (BETWEEN, 0xF4, 0xF4, AFTER_F4),
    # The bytes that follow.
    (ONE, 0x80, 0xBF, BETWEEN),
    (TWO, 0x80, 0xBF, ONE),
    (THREE, 0x80, 0xBF, TWO),
    (AFTER_C2, 0xA0, 0xBF, BETWEEN),
    (AFTER_E0, 0xA0, 0xBF, ONE),
    (AFTER_ED, 0x80, 0x9F, ONE),
    (AFTER_F0, 0x90, 0xBF, TWO),
    (AFTER_F4, 0x80, 0x8F, TWO),
)


def _automaton() -> NDArray[np.int8]:
    """(9, 256): the state after a byte, -1 where it would not be valid, printable UTF-8."""
    table = np.full((len(BYTES_TO_GO), BYTES), -1, dtype=np.int8)
    for state, first, last, after in _TRANSITIONS:
        table[state, first : last + 1] = after
    return table


AFTER_BYTE = _automaton()


# What a token is to the rules against repetition.
SPECIAL, CONTENT, PUNCTUATION, BYTE = range(4)


@dataclass(frozen=True)
class Vocabulary:
    """What the rules must know about the tokens.

    Tokens 0, 1, 2 are PAD, BOS, EOS; 3 to 258 the 256 bytes.
    """

    size: int
    is_punctuation: NDArray[np.bool_]  # (V,) exempt from the rules against repetition

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Vocabulary:
        """The vocabulary of a tokenizer.

        Its `punctuation_ids` have no letter, digit or ideograph.
        """
        is_punctuation = np.zeros(tokenizer.size, dtype=bool)
        is_punctuation[list(tokenizer.punctuation_ids)] = True
        return cls(tokenizer.size, is_punctuation)

    @cached_property
    def kinds(self) -> NDArray[np.int8]:
        """(V,) SPECIAL, CONTENT, PUNCTUATION or BYTE."""
        kinds = np.full(self.size, CONTENT, dtype=np.int8)
        kinds[: EOS + 1] = SPECIAL
        kinds[self.is_punctuation] = PUNCTUATION
        kinds[FIRST_BYTE : FIRST_BYTE + BYTES] = BYTE
        return kinds

    def is_byte(self, tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the tokens (any shape) are single bytes."""
        return (tokens >= FIRST_BYTE) & (tokens < FIRST_BYTE + BYTES)


class History:
    """The tokens of the paragraph being written, in B rows of the same length.

    A *unit* is what may not be repeated: a content token stands for itself, a character spelled in
    bytes for `vocabulary.size` + its code point; punctuation is none.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        rows: int,
        capacity: int,
        earlier: Sequence[Mapping[tuple[int, ...], set[int]]] | None = None,
    ) -> None:
        """`earlier` holds, for every row, the `following` of earlier paragraphs' long n-grams."""
        self.vocabulary = vocabulary
        self.length = 0  # tokens that every row has
        self.earlier = list(earlier or [{}] * rows)
        self.unit_counts = np.zeros(rows, dtype=np.int64)  # (B,) how many units of a row are valid
        self.run_lengths = np.zeros(rows, dtype=np.int64)  # (B,) punctuation tokens at the end
        # The character that is half written: the automaton's state (B,), and its bytes so far.
        self.byte_states = np.zeros(rows, dtype=np.int64)
        self.pending = [b""] * rows
        self._rows = np.arange(rows)
        self._tokens = np.zeros((rows, capacity), dtype=np.int64)
        self._units = np.zeros((rows, capacity), dtype=np.int64)

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

    def append(self, tokens: NDArray[np.int64]) -> None:
        """Adds one token (B,) to every row; PAD, written behind a row's end, counts as nothing."""
        self._tokens[:, self.length] = tokens
        self.length += 1
        kinds = self.vocabulary.kinds[tokens]
        # 1. A run of punctuation grows, or is over.
        self.run_lengths = (self.run_lengths + 1) * (kinds == PUNCTUATION)
        # 2. A content token is a unit at once: what stands behind a row's last unit counts only
        # when the count has grown.
        self._units[self._rows, self.unit_counts] = tokens
        self.unit_counts += kinds == CONTENT
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
            self._units[row, self.unit_counts[row]] = self.vocabulary.size + code_point
            self.unit_counts[row] += 1
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
        for name in ("unit_counts", "run_lengths", "byte_states", "_tokens", "_units"):
            setattr(chosen, name, getattr(self, name)[rows])
        return chosen


def content_units(vocabulary: Vocabulary, tokens: Iterable[int]) -> list[int]:
    """The units of a finished paragraph: content tokens, a character spelled in bytes as one."""
    ids = np.fromiter(tokens, dtype=np.int64)  # (T,)
    if not vocabulary.is_byte(ids).any():
        content = ids[(ids > EOS) & ~vocabulary.is_punctuation[ids]]
        return [int(unit) for unit in content]
    history = History(vocabulary, 1, len(ids))
    for token in ids:
        history.append(token[None])
    return [int(unit) for unit in history.units[0]]


def following(paragraphs: Iterable[Sequence[int]], size: int) -> dict[tuple[int, ...], set[int]]:
    """For every (size - 1)-gram in lists of units: the units that followed it."""
    found: dict[tuple[int, ...], set[int]] = {}
    for units in paragraphs:
        for end in range(size - 1, len(units)):
            found.setdefault(tuple(units[end - size + 1 : end]), set()).add(units[end])
    return found
