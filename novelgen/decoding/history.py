"""What has been written so far, in the form that the rules ask about.

The rules against repetition speak of *characters and words*, not of tokens: punctuation repeats
freely, and a character that is spelled in UTF-8 byte tokens is one unit, not two to four.

A *unit* is what may not be repeated: a content token stands for itself, a character spelled in
bytes for `vocabulary.size` + its code point; punctuation is none, but a *break* before the next
unit. So is the beginning of a paragraph. The dots within a foreign name are no break.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
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
