"""The rules of writing: pure functions over logits, composed in one list that every decoder gets.

A rule takes logits (B, V) float32 and the history of the B rows, and returns new logits; forbidden tokens get -inf.
`apply` makes sure that no row is left without a choice: where nothing at all is allowed the paragraph ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

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

# Probabilities from which on the nucleus is looked for; 0 is all tokens.
LIKELY = (1e-3, 1e-4, 1e-5, 0.0)
Rule = Callable[[np.ndarray, History], np.ndarray]

FORBIDDEN = np.float32(-np.inf)
_BLOCK = 32
# A run of punctuation may not repeat a 4-gram of its own: 「！！！！」 passes, a fifth 「！」 does not. In 0.9 M
# characters of 红楼梦 there are 278 runs of three marks, 10 of four, and none that is longer.
PUNCTUATION_NGRAM = 4
# In earlier paragraphs of a story an n-gram counts from this many times the size on: names and phrases such as
# 「宝玉笑道」 come back (52 % of the paragraphs of 红楼梦 repeat a 4-gram of the 20 before them, 1 % an 8-gram).
EARLIER_FACTOR = 2


def build_rules(config: DecodingConfig, vocabulary: Vocabulary) -> list[Rule]:
    """The rules that a configuration asks for, in the order in which they apply; those that are off are left out."""
    rules = [well_formed(vocabulary, config.max_length)]
    if config.min_length > 0:
        rules.append(minimum_length(config.min_length))
    if config.repetition_penalty != 1:
        rules.append(repetition_penalty(config.repetition_penalty, config.repetition_window))
    if config.no_repeat_ngram > 0:
        rules.append(no_repeat_ngram(config.no_repeat_ngram))
    if config.decoder == "greedy":
        return rules  # the others keep the likeliest token the likeliest, which is all that greedy asks
    if config.temperature != 1:
        rules.append(temperature(config.temperature))
    if config.top_k > 0:
        rules.append(top_k(config.top_k))
    if config.top_p < 1:
        rules.append(top_p(config.top_p))
    if config.min_p > 0:
        rules.append(min_p(config.min_p))
    return rules


def apply(rules: Sequence[Rule], logits: np.ndarray, history: History) -> np.ndarray:
    """Logits (B, V) float32 after all rules. Every row keeps a finite entry: EOS when nothing else may be."""
    for rule in rules:
        logits = rule(logits, history)
    stuck = np.isneginf(logits.max(axis=-1))
    if stuck.any():
        logits = logits.copy()
        logits[stuck, EOS] = 0.0
    return logits


def well_formed(vocabulary: Vocabulary, max_length: int) -> Rule:
    """Never PAD or BOS; byte tokens only where they spell a whole, printable character that fits in max_length."""
    after = np.full((len(AFTER_BYTE), vocabulary.size), BETWEEN, dtype=np.int8)
    after[BETWEEN + 1 :] = -1
    after[:, FIRST_BYTE : FIRST_BYTE + BYTES] = AFTER_BYTE
    after[:, [PAD, BOS]] = -1
    forbidden = after < 0
    to_go = np.where(forbidden, 0, BYTES_TO_GO[after])

    def rule(logits: np.ndarray, history: History) -> np.ndarray:
        blocked = forbidden[history.byte_states]
        left = max_length - history.length
        if left < BYTES_TO_GO.max() + 1:
            blocked = blocked | (to_go[history.byte_states] >= left)
        return np.where(blocked, FORBIDDEN, logits)

    return rule


def minimum_length(length: int) -> Rule:
    """No EOS before `length` tokens are written."""

    def rule(logits: np.ndarray, history: History) -> np.ndarray:
        if history.length >= length:
            return logits
        logits = logits.copy()
        logits[:, EOS] = FORBIDDEN
        return logits

    return rule


def repetition_penalty(penalty: float, window: int) -> Rule:
    """Multiplies the log-probability of what the last `window` tokens hold by `penalty` (after Keskar et al., 2019).

    On log-probabilities, so that a constant added to the logits changes nothing. Exempt are punctuation and bytes: a
    byte is part of many characters.
    """

    def rule(logits: np.ndarray, history: History) -> np.ndarray:
        recent = history.tokens[:, -window:]
        vocabulary = history.vocabulary
        counts = ~vocabulary.is_punctuation[recent] & ~vocabulary.is_byte(recent) & (recent > EOS)
        rows, places = np.nonzero(counts)
        if not len(rows):
            return logits
        logits = (logits - log_sum_exp(logits)[:, None]).astype(np.float32)
        with np.errstate(over="ignore"):
            logits[rows, recent[rows, places]] = penalty * logits[rows, recent[rows, places]]
        return logits

    return rule


def no_repeat_ngram(size: int) -> Rule:
    """No `size` content units in a row twice in a paragraph, punctuation skipped; nor 2·size from an earlier one.

    EOS is never a repetition. A row in which everything would be blocked stays as it was.
    """

    def rule(logits: np.ndarray, history: History) -> np.ndarray:
        repeated, runs = (
            _repeated_units(history, size),
            np.flatnonzero(history.run_lengths >= PUNCTUATION_NGRAM),
        )
        if not repeated and not len(runs):
            return logits
        blocked = np.zeros(logits.shape, dtype=bool)
        for row, unit in repeated:
            token = _completing_token(history, row, unit)
            if token is not None:
                blocked[row, token] = True
        for row in runs:
            run = history.tokens[row, -history.run_lengths[row] :].tolist()
            blocked[
                row,
                list(
                    following([run], PUNCTUATION_NGRAM).get(tuple(run[1 - PUNCTUATION_NGRAM :]), ())
                ),
            ] = True
        if not blocked.any():
            return logits
        result = np.where(blocked, FORBIDDEN, logits)
        stuck = np.isneginf(result).all(axis=-1)
        result[stuck] = logits[stuck]
        return result

    return rule


def _repeated_units(history: History, size: int) -> list[tuple[int, int]]:
    """(row, unit) for every unit that would complete an n-gram which is already there."""
    found = []
    units, counts, context = history.units, history.unit_counts, size - 1
    if units.shape[1] > context:
        places = counts[:, None] - context + np.arange(context)
        last = np.take_along_axis(units, np.maximum(places, 0), axis=1)
        starts = units.shape[1] - context
        same = np.arange(starts) + size <= counts[:, None]
        for place in range(context):
            same &= units[:, place : place + starts] == last[:, place, None]
        rows, starts = np.nonzero(same)
        found += zip(rows.tolist(), units[rows, starts + context].tolist(), strict=True)
    long_context = EARLIER_FACTOR * size - 1
    for row, earlier in enumerate(history.earlier):
        if earlier and counts[row] >= long_context:
            gram = tuple(units[row, counts[row] - long_context : counts[row]].tolist())
            found += [(row, unit) for unit in earlier.get(gram, ())]
    return found


def _completing_token(history: History, row: int, unit: int) -> int | None:
    """The token that would complete a unit now: itself, or the last byte of a character that is nearly spelled."""
    size = history.vocabulary.size
    if unit < size:
        return unit
    spelled = chr(unit - size).encode("utf-8")
    return FIRST_BYTE + spelled[-1] if history.pending[row] == spelled[:-1] else None


def temperature(value: float) -> Rule:
    """Divides the logits; the largest is moved to 0 first, so that a value near 0 is greedy and never overflows."""

    def rule(logits: np.ndarray, history: History) -> np.ndarray:
        with np.errstate(over="ignore"):
            return ((logits - _finite_maximum(logits)) / np.float64(value)).astype(np.float32)

    return rule


def top_k(count: int) -> Rule:
    """Keeps the `count` likeliest tokens (Fan et al., 2018); of equals those that come first in the vocabulary."""

    def rule(logits: np.ndarray, history: History) -> np.ndarray:
        kept, result = largest(logits, count), np.full_like(logits, FORBIDDEN)
        result[kept] = logits[kept]
        return result

    return rule


def top_p(share: float) -> Rule:
    """Keeps the fewest likeliest tokens that reach this share of the probability (Holtzman et al., 2020)."""

    def rule(logits: np.ndarray, history: History) -> np.ndarray:
        result = np.full_like(logits, FORBIDDEN)
        for row, masses in enumerate(np.exp(logits.astype(np.float64) - _finite_maximum(logits))):
            total = masses.sum()
            # Few tokens are likely; where those alone reach the share only they have to be sorted.
            for least in LIKELY:
                tokens = np.flatnonzero(masses >= least * total)
                if masses[tokens].sum() >= share * total:
                    break
            tokens = tokens[np.argsort(-logits[row, tokens], kind="stable")]
            kept = tokens[: np.searchsorted(np.cumsum(masses[tokens]), share * total) + 1]
            result[row, kept] = logits[row, kept]
        return result

    return rule


def min_p(share: float) -> Rule:
    """Drops tokens less likely than `share` times the likeliest one (Nguyen et al., 2024)."""
    margin = np.log(share)

    def rule(logits: np.ndarray, history: History) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.where(logits - _finite_maximum(logits) >= margin, logits, FORBIDDEN)

    return rule


def log_sum_exp(logits: np.ndarray) -> np.ndarray:
    """Log Σ exp over the last axis of float32 logits in float64, to 1e-6; a row of nothing but -inf gives 0, so that it stays."""
    top = logits.max(axis=-1, keepdims=True)
    top[np.isneginf(top)] = 0.0
    with np.errstate(divide="ignore", over="ignore"):
        shares = logits - top
        np.exp(
            shares, out=shares
        )  # in float32, summed in float64: the errors of single terms nearly cancel
        total = np.log(shares.sum(axis=-1, dtype=np.float64)) + top[..., 0]
    return np.where(np.isneginf(total), 0.0, total)


def _finite_maximum(logits: np.ndarray) -> np.ndarray:
    """(B, 1): each row's largest logit; 0 for a row of nothing but -inf, which then stays as it is."""
    top = logits.max(axis=-1, keepdims=True)
    return np.where(np.isneginf(top), np.float32(0), top)


def largest(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the `count` ≥ 1 largest of each row (B, V), exactly; of equal values the first ones.

    Row by row, in a row the largest first. -inf is not among them, so that a row may have fewer.
    """
    blocks, border = values.shape[1] // _BLOCK, np.finfo(np.float32).min
    if count <= blocks:
        # The largest of every block are `count` values that are at least as large as the one at place `count`.
        tops = values[:, : blocks * _BLOCK].reshape(len(values), _BLOCK, blocks).max(axis=1)
        border = np.maximum(np.partition(tops, -count, axis=1)[:, -count, None], border)
    rows, columns = np.divmod(np.flatnonzero(values >= border), values.shape[1])
    order = np.lexsort((-values[rows, columns], rows))
    order = order[places_within(rows[order]) < count]
    return rows[order], columns[order]


def places_within(groups: np.ndarray) -> np.ndarray:
    """For ascending group numbers (N,) the place of each among those of its group, from 0 on."""
    return np.arange(len(groups)) - np.searchsorted(groups, groups)
