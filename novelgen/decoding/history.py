"""What has been written so far, in the form that the rules ask about.

The rules against repetition speak of *characters and words*, not of tokens: punctuation repeats freely, and a
character that is spelled in UTF-8 byte tokens is one unit, not two to four.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from novelgen.text.tokenizers import EOS, FIRST_BYTE, Tokenizer

BYTES = 256

# States of the UTF-8 automaton (Unicode 15, table 3-7): between characters, k continuation bytes to go, and the
# second bytes that are restricted (no overlong form, no surrogate, nothing above U+10FFFF, no C1 control).
BETWEEN, ONE, TWO, THREE, AFTER_C2, AFTER_E0, AFTER_ED, AFTER_F0, AFTER_F4 = range(9)
BYTES_TO_GO = np.array([0, 1, 2, 3, 1, 2, 2, 3, 3])


def _automaton() -> np.ndarray:
    """(9, 256) int8: the state after a byte, -1 where it would not be valid, printable UTF-8."""
    table = np.full((9, BYTES), -1, dtype=np.int8)
    table[BETWEEN, 0x20:0x7F] = BETWEEN
    table[BETWEEN, 0xC2:0xE0], table[BETWEEN, 0xE0:0xF0], table[BETWEEN, 0xF0:0xF5] = (
        ONE,
        TWO,
        THREE,
    )
    for byte, state in (
        (0xC2, AFTER_C2),
        (0xE0, AFTER_E0),
        (0xED, AFTER_ED),
        (0xF0, AFTER_F0),
        (0xF4, AFTER_F4),
    ):
        table[BETWEEN, byte] = state
    for state, first, last, after in (
        (ONE, 0x80, 0xBF, BETWEEN),
        (TWO, 0x80, 0xBF, ONE),
        (THREE, 0x80, 0xBF, TWO),
        (AFTER_C2, 0xA0, 0xBF, BETWEEN),
        (AFTER_E0, 0xA0, 0xBF, ONE),
        (AFTER_ED, 0x80, 0x9F, ONE),
        (AFTER_F0, 0x90, 0xBF, TWO),
        (AFTER_F4, 0x80, 0x8F, TWO),
    ):
        table[state, first : last + 1] = after
    return table


AFTER_BYTE = _automaton()


@dataclass(frozen=True)
class Vocabulary:
    """What the rules must know about the tokens. Tokens 0, 1, 2 are PAD, BOS, EOS; 3 to 258 the 256 bytes."""

    size: int
    is_punctuation: np.ndarray  # (V,) bool: exempt from the rules against repetition

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Vocabulary:
        """The vocabulary of a tokenizer, whose `punctuation_ids` have no letter, digit or ideograph."""
        is_punctuation = np.zeros(tokenizer.size, dtype=bool)
        is_punctuation[list(tokenizer.punctuation_ids)] = True
        return cls(tokenizer.size, is_punctuation)

    def is_byte(self, tokens: np.ndarray) -> np.ndarray:
        """Which of the tokens (any shape) are single bytes."""
        return (tokens >= FIRST_BYTE) & (tokens < FIRST_BYTE + BYTES)


class History:
    """The tokens of the paragraph being written, for B rows in step; `append` moves all, `select` reorders.

    tokens (B, length) int64: as written. units (B, …) int64: content only; a token stands for itself, a character
    spelled in bytes for `vocabulary.size` + its code point. unit_counts (B,): how many units of a row are valid.
    run_lengths (B,): how many punctuation tokens end the row. byte_states (B,), pending: the half-written character.
    earlier: for every row the units that followed long n-grams in earlier paragraphs (`following`), or empty.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        rows: int,
        capacity: int,
        earlier: Sequence[Mapping[tuple[int, ...], set[int]]] | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.length = 0
        self.earlier = list(earlier) if earlier else [{}] * rows
        self.unit_counts = np.zeros(rows, dtype=np.int64)
        self.run_lengths = np.zeros(rows, dtype=np.int64)
        self.byte_states = np.zeros(rows, dtype=np.int64)
        self.pending = [b""] * rows
        self._tokens = np.zeros((rows, capacity), dtype=np.int64)
        self._units = np.zeros((rows, capacity), dtype=np.int64)

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def tokens(self) -> np.ndarray:
        return self._tokens[:, : self.length]

    @property
    def units(self) -> np.ndarray:
        return self._units[:, : self.unit_counts.max(initial=0)]

    def append(self, tokens: np.ndarray) -> None:
        """Adds one token (B,) int64 to every row; PAD, written behind a row's end, counts as nothing."""
        self._tokens[:, self.length] = tokens
        self.length += 1
        is_byte = self.vocabulary.is_byte(tokens)
        is_punctuation = self.vocabulary.is_punctuation[tokens] & ~is_byte
        self.run_lengths = np.where(is_punctuation, self.run_lengths + 1, 0)
        rows = np.flatnonzero(~is_byte & ~is_punctuation & (tokens > EOS))
        self._add_units(rows, tokens[rows])
        for row in np.flatnonzero(is_byte):
            self._append_byte(row, int(tokens[row]) - FIRST_BYTE)

    def _append_byte(self, row: int, byte: int) -> None:
        state = AFTER_BYTE[self.byte_states[row], byte]
        # Only a given prefix can hold bytes that the rules forbid; such a character is begun anew.
        self.byte_states[row] = max(state, BETWEEN)
        self.pending[row] = self.pending[row] + bytes([byte]) if state >= 0 else b""
        if state == BETWEEN:
            self._add_units(
                np.array([row]), self.vocabulary.size + ord(self.pending[row].decode("utf-8"))
            )
            self.pending[row] = b""

    def _add_units(self, rows: np.ndarray, units: np.ndarray | int) -> None:
        self._units[rows, self.unit_counts[rows]] = units
        self.unit_counts[rows] += 1

    def select(self, rows: np.ndarray) -> History:
        """A new history whose row i is this one's row rows[i]; a row may be taken several times."""
        chosen = object.__new__(History)
        chosen.vocabulary, chosen.length = self.vocabulary, self.length
        chosen.earlier = [self.earlier[row] for row in rows]
        chosen.pending = [self.pending[row] for row in rows]
        for name in ("unit_counts", "run_lengths", "byte_states", "_tokens", "_units"):
            setattr(chosen, name, getattr(self, name)[rows])
        return chosen


def content_units(vocabulary: Vocabulary, tokens: Iterable[int]) -> list[int]:
    """The units of a finished paragraph: its content tokens, a character spelled in bytes as one."""
    tokens = np.fromiter(tokens, dtype=np.int64)
    if not vocabulary.is_byte(tokens).any():
        return tokens[(tokens > EOS) & ~vocabulary.is_punctuation[tokens]].tolist()
    history = History(vocabulary, 1, len(tokens))
    for token in tokens:
        history.append(token[None])
    return history.units[0].tolist()


def following(paragraphs: Iterable[Sequence[int]], size: int) -> dict[tuple[int, ...], set[int]]:
    """For every (size - 1)-gram in lists of units: the units that followed it."""
    found: dict[tuple[int, ...], set[int]] = {}
    for units in paragraphs:
        for end in range(size - 1, len(units)):
            found.setdefault(tuple(units[end - size + 1 : end]), set()).add(units[end])
    return found
