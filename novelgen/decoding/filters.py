"""The rules of writing: pure functions over logits, composed in one list that every decoder gets.

A rule takes logits (B, V) float32 and the history of the B rows, and returns new logits; forbidden
tokens get -inf. `apply` makes sure that no row is left without a choice: where nothing at all is
allowed the paragraph ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from novelgen.config import DecodingConfig
from novelgen.decoding.history import (
    AFTER_BYTE,
    BETWEEN,
    BYTES,
    BYTES_TO_GO,
    History,
    Vocabulary,
    following,
)
from novelgen.text.tokenizers import BOS, EOS, FIRST_BYTE, PAD

Logits = NDArray[np.float32]  # (B, V)
Rule = Callable[[Logits, History], Logits]

FORBIDDEN = np.float32(-np.inf)
_LOWEST = np.finfo(np.float32).min
_BLOCK = 32  # columns of which `largest` takes the maximum at once
# A run of punctuation may not repeat a 4-gram of its own: four exclamation marks pass, a fifth does
# not. In 0.9 M characters of "Dream of the Red Chamber" there are 278 runs of three marks, 10 of
# four, and none that is longer.
PUNCTUATION_NGRAM = 4
# In earlier paragraphs an n-gram counts from this many times the size on: names and phrases come
# back (52 % of the paragraphs of that novel repeat a 4-gram of the 20 before them, 1 % an 8-gram).
EARLIER_FACTOR = 2


def build_rules(config: DecodingConfig, vocabulary: Vocabulary) -> list[Rule]:
    """The rules that a configuration asks for, in the order in which they apply.

    Those that are off are left out.
    """
    # 1. What every text must keep to.
    rules = [well_formed(vocabulary, config.max_length)]
    if config.min_length > 0:
        rules.append(minimum_length(config.min_length))
    # 2. Against repetition.
    if config.repetition_penalty != 1:
        rules.append(repetition_penalty(config.repetition_penalty, config.repetition_window))
    if config.no_repeat_ngram > 0:
        rules.append(no_repeat_ngram(config.no_repeat_ngram))
    # 3. The shape of the distribution that is drawn from. These keep the likeliest token the
    # likeliest; a beam's pruning, which they would steer, is by the distribution as it is.
    if config.decoder != "sample":
        return rules
    if config.temperature != 1:
        rules.append(temperature(config.temperature))
    if config.top_k > 0:
        rules.append(top_k(config.top_k))
    if config.top_p < 1:
        rules.append(top_p(config.top_p))
    if config.min_p > 0:
        rules.append(min_p(config.min_p))
    return rules


def apply(rules: Sequence[Rule], logits: Logits, history: History) -> Logits:
    """Logits (B, V) after all rules.

    Every row keeps a finite entry: EOS where nothing else is allowed.
    """
    for rule in rules:
        logits = rule(logits, history)
    # Where nothing is allowed the end is not either, which is seen faster.
    (rows,) = (logits[:, EOS] == FORBIDDEN).nonzero()
    stuck = rows[logits[rows].max(axis=-1) == FORBIDDEN]
    if len(stuck):
        logits = logits.copy()
        logits[stuck, EOS] = 0.0
    return logits


def well_formed(vocabulary: Vocabulary, max_length: int) -> Rule:
    """Never PAD or BOS; byte tokens only where they spell a whole character.

    It must be printable and fit in max_length.
    """
    # (9, V): the automaton's state after a token, -1 where it is forbidden. Within a character only
    # bytes are allowed.
    after = np.full((len(AFTER_BYTE), vocabulary.size), BETWEEN, dtype=np.int8)
    after[BETWEEN + 1 :] = -1
    after[:, FIRST_BYTE : FIRST_BYTE + BYTES] = AFTER_BYTE
    after[:, [PAD, BOS]] = -1
    forbidden = after < 0
    to_go = np.where(forbidden, 0, BYTES_TO_GO[after])  # (9, V) bytes that must follow

    def rule(logits: Logits, history: History) -> Logits:
        blocked = forbidden[history.byte_states]  # (B, V)
        left = max_length - history.length
        # A character that would not be complete at the length limit is not begun.
        if left < BYTES_TO_GO.max() + 1:
            blocked = blocked | (to_go[history.byte_states] >= left)
        return np.where(blocked, FORBIDDEN, logits)

    return rule


def minimum_length(length: int) -> Rule:
    """No EOS before `length` tokens are written."""

    def rule(logits: Logits, history: History) -> Logits:
        if history.length >= length:
            return logits
        logits = logits.copy()
        logits[:, EOS] = FORBIDDEN
        return logits

    return rule


def repetition_penalty(penalty: float, window: int) -> Rule:
    """Multiplies the log-probability of the last `window` tokens by `penalty`.

    After Keskar et al. (2019), but on log-probabilities, so that a constant added to the logits
    changes nothing. Exempt are punctuation and bytes: a byte is part of many characters.
    """

    def rule(logits: Logits, history: History) -> Logits:
        recent = history.tokens[:, -window:]  # (B, window)
        vocabulary = history.vocabulary
        counts = ~vocabulary.is_punctuation[recent] & ~vocabulary.is_byte(recent) & (recent > EOS)
        rows, places = np.nonzero(counts)
        if not len(rows):
            return logits
        logits = logits - log_sum_exp(logits).astype(np.float32)[:, None]
        # A token that comes several times is assigned the same value several times: once penalised.
        with np.errstate(over="ignore"):
            logits[rows, recent[rows, places]] = penalty * logits[rows, recent[rows, places]]
        return logits

    return rule


def no_repeat_ngram(size: int) -> Rule:
    """No `size` content units in a row twice in a paragraph, nor 2·size from an earlier one.

    Punctuation is skipped, but see PUNCTUATION_NGRAM. EOS is never a repetition. A row in which
    everything would be blocked stays as it was.
    """

    def rule(logits: Logits, history: History) -> Logits:
        repeated = _repeated_units(history, size)
        runs = np.flatnonzero(history.run_lengths >= PUNCTUATION_NGRAM)  # rows that end in one
        if not repeated and not len(runs):
            return logits
        # 1. What would complete an n-gram that is there already.
        blocked = np.zeros(logits.shape, dtype=bool)  # (B, V)
        for row, unit in repeated:
            token = _completing_token(history, row, unit)
            if token is not None:
                blocked[row, token] = True
        for row in runs.tolist():
            blocked[row, _repeated_marks(history, row)] = True
        if not blocked.any():
            return logits
        # 2. Blocked, save in rows where nothing would be left.
        result = np.where(blocked, FORBIDDEN, logits)
        stuck = np.isneginf(result).all(axis=-1)
        result[stuck] = logits[stuck]
        return result

    return rule


def _repeated_marks(history: History, row: int) -> list[int]:
    """The tokens that would repeat a PUNCTUATION_NGRAM of the run at the end of a row."""
    run = history.tokens[row, -history.run_lengths[row] :].tolist()
    last = tuple(run[1 - PUNCTUATION_NGRAM :])
    return list(following([run], PUNCTUATION_NGRAM).get(last, ()))


def _repeated_units(history: History, size: int) -> list[tuple[int, int]]:
    """(row, unit) for every unit that would complete an n-gram which is already there."""
    found: list[tuple[int, int]] = []
    units = history.units  # (B, N)
    counts = history.unit_counts  # (B,)
    # 1. In this paragraph: all starts at which a row's last size - 1 units were before.
    context = size - 1
    if units.shape[1] > context:
        places = counts[:, None] - context + np.arange(context)
        last = np.take_along_axis(units, np.maximum(places, 0), axis=1)  # (B, context)
        starts = units.shape[1] - context
        same = np.arange(starts) + size <= counts[:, None]  # (B, starts)
        for place in range(context):
            same &= units[:, place : place + starts] == last[:, place, None]
        rows, columns = np.nonzero(same)
        found += zip(rows.tolist(), units[rows, columns + context].tolist(), strict=True)
    # 2. In earlier ones, longer n-grams.
    long_context = EARLIER_FACTOR * size - 1
    for row, earlier in enumerate(history.earlier):
        if earlier and counts[row] >= long_context:
            gram = tuple(units[row, counts[row] - long_context : counts[row]].tolist())
            found += [(row, unit) for unit in earlier.get(gram, ())]
    return found


def _completing_token(history: History, row: int, unit: int) -> int | None:
    """The token that would complete a unit now, if one can.

    That is the unit itself, or the last byte of a character that is spelled up to it.
    """
    size = history.vocabulary.size
    if unit < size:
        return unit
    spelled = chr(unit - size).encode("utf-8")
    if history.pending[row] != spelled[:-1]:
        return None
    return FIRST_BYTE + spelled[-1]


def temperature(value: float) -> Rule:
    """Divides the logits by `value`.

    The largest is moved to 0 first, so that a value near 0 is greedy and never overflows.
    """

    def rule(logits: Logits, _: History) -> Logits:
        with np.errstate(over="ignore"):
            divided: NDArray[np.float64] = (logits - _finite_maximum(logits)) / np.float64(value)
            return divided.astype(np.float32)

    return rule


def top_k(count: int) -> Rule:
    """Keeps the `count` likeliest tokens (Fan et al., 2018).

    Of equals those that come first in the vocabulary.
    """

    def rule(logits: Logits, _: History) -> Logits:
        kept = largest(logits, count)
        result = np.full_like(logits, FORBIDDEN)
        result[kept] = logits[kept]
        return result

    return rule


def top_p(share: float) -> Rule:
    """Keeps the fewest likeliest tokens whose probabilities reach this share.

    Nucleus sampling (Holtzman et al., 2020).
    """

    def rule(logits: Logits, _: History) -> Logits:
        # 1. How many tokens of each row reach it. Masses are probabilities but for a factor.
        descending = np.sort(logits, axis=1)[:, ::-1]
        masses = np.exp(descending.astype(np.float64) - _finite_maximum(descending))
        cumulative = np.cumsum(masses, axis=1)  # (B, V)
        before = (cumulative < share * cumulative[:, -1:]).sum(axis=1)  # (B,) all but the last
        # 2. Those down to the last one; of its equals the first in the vocabulary.
        last = np.take_along_axis(descending, before[:, None], axis=1)  # (B, 1)
        kept = logits >= last
        surplus = kept.sum(axis=1) - before - 1
        for row in surplus.nonzero()[0]:
            equals = (logits[row] == last[row]).nonzero()[0]
            kept[row, equals[-surplus[row] :]] = False
        return np.where(kept, logits, FORBIDDEN)

    return rule


def min_p(share: float) -> Rule:
    """Drops tokens less likely than `share` times the likeliest one (Nguyen et al., 2024)."""
    margin = np.log(share)

    def rule(logits: Logits, _: History) -> Logits:
        with np.errstate(over="ignore"):
            return np.where(logits - _finite_maximum(logits) >= margin, logits, FORBIDDEN)

    return rule


def log_sum_exp(logits: Logits) -> NDArray[np.float64]:
    """(B,) log Σ exp over the last axis of float32 logits, to 1e-6.

    A row of nothing but -inf gives 0, so that subtracting it changes nothing.
    """
    top = logits.max(axis=-1, keepdims=True)  # (B, 1)
    top[np.isneginf(top)] = 0.0
    with np.errstate(divide="ignore", over="ignore"):
        shares = logits - top
        # In float32, but summed in float64: the errors of single terms nearly cancel.
        np.exp(shares, out=shares)
        total = np.log(shares.sum(axis=-1, dtype=np.float64)) + top[..., 0]
    return np.where(np.isneginf(total), 0.0, total)


def _finite_maximum(logits: Logits) -> Logits:
    """(B, 1): each row's largest logit; 0 for a row of nothing but -inf, which stays as it is."""
    top: Logits = logits.max(axis=-1, keepdims=True)
    return np.where(np.isneginf(top), np.float32(0), top)


def largest(values: Logits, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the `count` ≥ 1 largest of each row (B, V), exactly.

    Row by row, in a row the largest first, of equals the first ones. -inf is not among them, so
    that a row may have fewer.
    """
    rows, columns = candidates(values, count)
    order = np.lexsort((-values[rows, columns], rows))
    order = order[places_within(rows[order]) < count]
    return rows[order], columns[order]


def candidates(values: Logits, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of few entries of (B, V): the `count` ≥ 1 largest of each row, and others.

    In the order of rows and columns, -inf left out. Sorting all of a row would be slow.
    """
    size = values.shape[1]
    blocks = size // _BLOCK
    border = _LOWEST
    if count <= blocks:
        # `count` values are at least as large as the block maximum at place `count`.
        tops = values[:, : blocks * _BLOCK].reshape(len(values), _BLOCK, blocks).max(axis=1)
        tops.partition(blocks - count, axis=1)
        border = np.maximum(tops[:, blocks - count, None], border)
    (places,) = (values >= border).ravel().nonzero()
    return np.divmod(places, size)


def places_within(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """For ascending group numbers (N,) the place of each among those of its group, from 0 on."""
    places: NDArray[np.int64] = np.arange(len(groups)) - groups.searchsorted(groups)
    return places
