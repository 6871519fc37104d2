"""The rules against repetition, of units as `novelgen.decoding.history` has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from novelgen.decoding.history import ContentUnits, Earlier, History, following
from novelgen.decoding.logits import FORBIDDEN, Logits, Rule, log_sum_exp
from novelgen.text.tokenizers import EOS, FIRST_BYTE

# A run of punctuation may not repeat a 4-gram of its own: four exclamation marks pass, a fifth does
# not. In 0.9 M characters of "Dream of the Red Chamber" there are 278 runs of three marks, 10 of
# four, and none that is longer.
PUNCTUATION_NGRAM = 4
# In earlier paragraphs n-grams are longer, for names and phrases come back. In three novels, of the
# 6-grams 1 in 560 stands in one of the ten paragraphs before, of the 8-grams 1 in 2,500 to 6,000;
# of the 6-grams with a break within them, which no name and no set phrase has, 1 in 1,100 to 3,400.
SPAN_FACTOR = 2.0
SENTENCE_FACTOR = 1.5
# A paragraph of fewer units than an n-gram ("Yes.") may come back, but not so soon: of 389 of one
# to three characters in eight novels, 19 are one of the four paragraphs before them.
NEAR_PARAGRAPHS = 4
# DRY compares no more units than this, so that no penalty overflows.
_LONGEST_MATCH = 50


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


def dry(multiplier: float, base: float, allowed_length: int, window: int) -> Rule:
    """Subtracts multiplier · base ** (n - allowed_length) from what would extend a repetition.

    "Don't repeat yourself" (p-e-w, 2024, text-generation-webui): n is how many units at the end of
    the text stand before that unit somewhere in the last `window` units too, earlier paragraphs
    included; below `allowed_length` nothing is subtracted. No repetition goes across a break.
    """

    def rule(logits: Logits, history: History) -> Logits:
        found: dict[tuple[int, int], int] = {}
        for row in range(len(history)):
            for unit, length in _extensions(history, row, window).items():
                token = _completing_token(history, row, unit)
                if length >= allowed_length and token is not None:
                    found[row, token] = length
        if not found:
            return logits
        rows, tokens = np.array(list(found)).T  # (N,)
        excess = np.fromiter(found.values(), dtype=np.float64) - allowed_length
        logits = logits.copy()
        with np.errstate(over="ignore"):
            penalties = (multiplier * base**excess).astype(np.float32)
        logits[rows, tokens] -= penalties
        return logits

    return rule


def _extensions(history: History, row: int, window: int) -> dict[int, int]:
    """For every unit that would extend a repetition: how many units it has so far, at most 50."""
    if history.at_break[row]:
        return {}
    # 1. The text, and where its last unit stands with another unit right behind it.
    text = history.earlier[row].text
    written = history.content(row)
    units = np.concatenate([text.units, written.units])[-window:]  # (N,)
    after_break = np.concatenate([text.after_break, written.after_break])[-window:]
    is_begun = (units[:-1] == units[-1]) & ~after_break[1:]
    # 2. How far each of these agrees with the end of the text.
    end = len(units) - 1
    found: dict[int, int] = {}
    for place in is_begun.nonzero()[0].tolist():
        length = 1
        while (
            length <= min(place, _LONGEST_MATCH - 1)
            and not after_break[place - length + 1]
            and not after_break[end - length + 1]
            and units[place - length] == units[end - length]
        ):
            length += 1
        unit = int(units[place + 1])
        found[unit] = max(found.get(unit, 0), length)
    return found


def no_repeat_ngram(size: int) -> Rule:
    """No `size` units in a row twice in a paragraph, nor what is long of earlier ones.

    What is long says `known_paragraphs`. Punctuation is skipped, but see PUNCTUATION_NGRAM. The end
    is a repetition only where the whole paragraph is an earlier one. A row in which everything
    would be blocked stays as it was.
    """

    def rule(logits: Logits, history: History) -> Logits:
        repeated = _repeated_units(history, size)
        same = _repeated_paragraphs(history, size)  # rows
        runs = np.flatnonzero(history.run_lengths >= PUNCTUATION_NGRAM)  # rows that end in one
        if not repeated and not same and not len(runs):
            return logits
        # 1. What would complete an n-gram that is there already.
        blocked = np.zeros(logits.shape, dtype=bool)  # (B, V)
        for row, unit in repeated:
            token = _completing_token(history, row, unit)
            if token is not None:
                blocked[row, token] = True
        for row in runs.tolist():
            blocked[row, _repeated_marks(history, row)] = True
        blocked[same, EOS] = True
        if not blocked.any():
            return logits
        # 2. Blocked, save in rows where nothing would be left.
        result = np.where(blocked, FORBIDDEN, logits)
        stuck = np.isneginf(result).all(axis=-1)
        result[stuck] = logits[stuck]
        return result

    return rule


def known_paragraphs(
    paragraphs: Sequence[ContentUnits], size: int, with_text: bool = False
) -> Earlier:
    """What `no_repeat_ngram(size)` does not repeat of earlier paragraphs, and the text for DRY.

    Spans of 2 · size units, of 1.5 · size where a break stands within them, and whole paragraphs:
    of at least `size` units all, shorter ones of the last NEAR_PARAGRAPHS. A size of 0 is none of
    these.
    """
    text = Earlier().text
    if with_text and paragraphs:
        text = ContentUnits(*map(np.concatenate, zip(*paragraphs, strict=True)))
    if size == 0:
        return Earlier(text=text)
    span = int(SPAN_FACTOR * size)
    listed = [each.units.tolist() for each in paragraphs]
    far, near = listed[:-NEAR_PARAGRAPHS], listed[-NEAR_PARAGRAPHS:]
    whole = [each for each in far if len(each) >= size] + [each for each in near if each]
    return Earlier(
        following(listed, span),
        _following_across(paragraphs, _sentence_size(size)),
        frozenset(tuple(units) for units in whole if len(units) < span),
        text,
    )


def _sentence_size(size: int) -> int:
    return int(np.ceil(SENTENCE_FACTOR * size))


def _following_across(
    paragraphs: Sequence[ContentUnits], size: int
) -> dict[tuple[int, ...], set[int]]:
    """As `following`, of the n-grams with a break within them."""
    found: dict[tuple[int, ...], set[int]] = {}
    for units, after_break in paragraphs:
        listed = units.tolist()
        breaks = np.cumsum(after_break)
        # An n-gram from i to i + size - 1 has one where the count grows behind i.
        count = max(len(listed) - size + 1, 0)
        (starts,) = (breaks[size - 1 :] > breaks[:count]).nonzero()
        for start in starts.tolist():
            gram = tuple(listed[start : start + size - 1])
            found.setdefault(gram, set()).add(listed[start + size - 1])
    return found


def _repeated_marks(history: History, row: int) -> list[int]:
    """The tokens that would repeat a PUNCTUATION_NGRAM of the run at the end of a row."""
    run = history.tokens[row, -history.run_lengths[row] :].tolist()
    last = tuple(run[1 - PUNCTUATION_NGRAM :])
    return list(following([run], PUNCTUATION_NGRAM).get(last, ()))


def _repeated_paragraphs(history: History, size: int) -> list[int]:
    """The rows whose units are those of a whole earlier paragraph that is known."""
    counts = history.unit_counts
    (short,) = ((counts > 0) & (counts < SPAN_FACTOR * size)).nonzero()
    return [
        row
        for row in short.tolist()
        if tuple(history.content(row).units.tolist()) in history.earlier[row].paragraphs
    ]


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
    span_context = int(SPAN_FACTOR * size) - 1
    sentence_context = _sentence_size(size) - 1
    for row, earlier in enumerate(history.earlier):
        if earlier.spans or earlier.sentences:
            written = units[row, : counts[row]]
            found += [(row, unit) for unit in _after(earlier.spans, written, span_context)]
            found += [(row, unit) for unit in _after(earlier.sentences, written, sentence_context)]
    return found


def _after(
    known: Mapping[tuple[int, ...], set[int]], written: NDArray[np.int64], context: int
) -> set[int]:
    """What followed the last `context` units of a row."""
    if len(written) < context:
        return set()
    return known.get(tuple(written[len(written) - context :].tolist()), set())


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
