"""What the rules of decoding must know about the tokens: which are bytes, marks, words.

A character may be spelled in UTF-8 byte tokens. An automaton says which bytes may follow, so that
only whole, printable characters are written.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from novelgen.text.tokenizers import BOS, EOS, FIRST_BYTE, FIRST_CHARACTER, PAD, Tokenizer

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


# The dots that stand within a foreign name.
_NAME_DOTS = frozenset(
    map(
        unicodedata.lookup,
        (
            "MIDDLE DOT",
            "BULLET",
            "HYPHENATION POINT",
            "KATAKANA MIDDLE DOT",
            "HALFWIDTH KATAKANA MIDDLE DOT",
        ),
    )
)


class ByteTable(NamedTuple):
    """The UTF-8 bytes of N tokens of at most L bytes, the longest tokens first."""

    tokens: NDArray[np.int64]  # (N,)
    bytes: NDArray[np.uint8]  # (N, L)
    counts: list[int]  # L: how many tokens have a byte at each place


class ByteSteps(NamedTuple):
    """Behind each of the automaton's nine states, for each of V tokens."""

    forbidden: NDArray[np.bool_]  # (9, V)
    to_go: NDArray[np.int8]  # (9, V) bytes that must follow the token


@dataclass(frozen=True)
class Vocabulary:
    """What the rules must know about the tokens.

    Tokens 0, 1, 2 are PAD, BOS, EOS; 3 to 258 the 256 bytes; `symbols` are those behind them.
    """

    size: int
    is_punctuation: NDArray[np.bool_]  # (V,) exempt from the rules against repetition
    symbols: Sequence[str] = field(default=(), repr=False)

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Vocabulary:
        """The vocabulary of a tokenizer.

        Its `punctuation_ids` have no letter, digit or ideograph.
        """
        is_punctuation = np.zeros(tokenizer.size, dtype=bool)
        is_punctuation[list(tokenizer.punctuation_ids)] = True
        return cls(tokenizer.size, is_punctuation, tokenizer.symbols)

    @cached_property
    def kinds(self) -> NDArray[np.int8]:
        """(V,) SPECIAL, CONTENT, PUNCTUATION or BYTE."""
        kinds = np.full(self.size, CONTENT, dtype=np.int8)
        kinds[: EOS + 1] = SPECIAL
        kinds[self.is_punctuation] = PUNCTUATION
        kinds[FIRST_BYTE : FIRST_BYTE + BYTES] = BYTE
        return kinds

    @cached_property
    def is_break(self) -> NDArray[np.bool_]:
        """(V,) the punctuation but the dots within names."""
        is_break: NDArray[np.bool_] = self.is_punctuation.copy()
        dots = [
            token
            for token, symbol in enumerate(self.symbols, FIRST_CHARACTER)
            if symbol in _NAME_DOTS
        ]
        is_break[dots] = False
        return is_break

    @cached_property
    def spelling(self) -> list[bytes]:
        """The UTF-8 bytes of every token; none for PAD, BOS and EOS."""
        single = [bytes([value]) for value in range(BYTES)]
        return [b""] * FIRST_BYTE + single + [symbol.encode("utf-8") for symbol in self.symbols]

    @cached_property
    def byte_table(self) -> ByteTable:
        """The bytes of all tokens that have some, the longest tokens first."""
        lengths = np.array([len(each) for each in self.spelling])  # (V,)
        order = np.argsort(-lengths, kind="stable")[: np.count_nonzero(lengths)]
        table = np.zeros((len(order), lengths.max()), dtype=np.uint8)
        for row, token in enumerate(order.tolist()):
            spelled = self.spelling[token]
            table[row, : len(spelled)] = np.frombuffer(spelled, dtype=np.uint8)
        counts = [int((lengths > place).sum()) for place in range(table.shape[1])]
        return ByteTable(order, table, counts)

    @cached_property
    def byte_steps(self) -> ByteSteps:
        """What the automaton says of every token. Within a character only bytes are allowed."""
        # (9, V): its state after a token, -1 where the token is forbidden.
        after = np.full((len(AFTER_BYTE), self.size), BETWEEN, dtype=np.int8)
        after[BETWEEN + 1 :] = -1
        after[:, FIRST_BYTE : FIRST_BYTE + BYTES] = AFTER_BYTE
        after[:, [PAD, BOS]] = -1
        forbidden = after < 0
        return ByteSteps(forbidden, np.where(forbidden, 0, BYTES_TO_GO[after]).astype(np.int8))

    def is_byte(self, tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the tokens (any shape) are single bytes."""
        return (tokens >= FIRST_BYTE) & (tokens < FIRST_BYTE + BYTES)
