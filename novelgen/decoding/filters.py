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
from novelgen.decoding.history import History
from novelgen.decoding.lexical import (
    CAST_STRENGTH,
    WordAutomaton,
    ban,
    favour,
    keep,
    name_keeper,
    sparing,
)
from novelgen.decoding.logits import (
    FORBIDDEN,
    Logits,
    Rule,
    finite_maximum,
    largest,
    log_sum_exp,
)
from novelgen.decoding.repetition import dry, no_repeat_ngram, repetition_penalty
from novelgen.decoding.vocabulary import BYTES_TO_GO, Vocabulary
from novelgen.text.tokenizers import EOS
from novelgen.word_lists import word_list


def build_rules(
    config: DecodingConfig,
    vocabulary: Vocabulary,
    text: str = "",
    clean: Callable[[str], str] = str,
) -> list[Rule]:
    """The rules that a configuration asks for, in the order in which they apply.

    As `named_rules`.
    """
    return list(named_rules(config, vocabulary, text, clean).values())


def named_rules(
    config: DecodingConfig,
    vocabulary: Vocabulary,
    text: str = "",
    clean: Callable[[str], str] = str,
) -> dict[str, Rule]:
    """The rules by the options that turn them on, in the order in which they apply.

    Those that are off are left out. `text` is what stands before, for `name_keeper`; `clean` makes
    the words that are banned or wanted look as the text does.
    """
    # 1. What every text must keep to.
    rules = {"max_length": well_formed(vocabulary, config.max_length)}
    if config.min_length > 0:
        rules["min_length"] = minimum_length(config.min_length)
    # 2. What is said of words, then what is against repetition.
    words, names = _word_rules(config, vocabulary, text, clean)
    rules |= words
    for name, rule in _repetition_rules(config).items():
        rules[name] = sparing(names, rule) if names else rule
    # 3. The shape of the distribution that is drawn from. All but `typical_p` keep the likeliest
    # token the likeliest. A beam's pruning, which they would steer, is by the distribution as it
    # is.
    if config.decoder != "sample":
        return rules
    if config.temperature != 1:
        rules["temperature"] = temperature(config.temperature)
    if config.typical_p < 1:
        rules["typical_p"] = typical_p(config.typical_p)
    if config.top_k > 0:
        rules["top_k"] = top_k(config.top_k)
    if config.top_p < 1:
        rules["top_p"] = top_p(config.top_p)
    if config.min_p > 0:
        rules["min_p"] = min_p(config.min_p)
    return rules


def _word_rules(
    config: DecodingConfig, vocabulary: Vocabulary, text: str, clean: Callable[[str], str]
) -> tuple[dict[str, Rule], WordAutomaton | None]:
    """The rules of words, and what keeps the names of the cast, where there is one."""
    rules: dict[str, Rule] = {}
    banned = [clean(word) for word in word_list("--ban", config.ban)]
    cast = [clean(name) for name in word_list("--cast", config.cast)]
    weights = word_list("--favour", config.favour, weighted=True)
    favoured = {
        **dict.fromkeys(cast, CAST_STRENGTH),
        **{clean(word): strength for word, strength in weights.items()},
    }
    if banned:
        rules["ban"] = ban(banned, vocabulary)
    if favoured:
        rules["favour"] = favour(favoured, vocabulary)
    if not cast:
        return rules, None
    names = name_keeper(cast, vocabulary, text)
    return {**rules, "cast": keep(names)}, names


def _repetition_rules(config: DecodingConfig) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    if config.repetition_penalty != 1:
        rules["repetition_penalty"] = repetition_penalty(
            config.repetition_penalty, config.repetition_window
        )
    if config.dry_multiplier > 0:
        length = config.dry_allowed_length
        rules["dry_multiplier"] = dry(
            config.dry_multiplier, config.dry_base, length, config.dry_window
        )
    if config.no_repeat_ngram > 0:
        rules["no_repeat_ngram"] = no_repeat_ngram(config.no_repeat_ngram)
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
    forbidden, to_go = vocabulary.byte_steps

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


def temperature(value: float) -> Rule:
    """Divides the logits by `value`.

    The largest is moved to 0 first, so that a value near 0 is greedy and never overflows.
    """

    def rule(logits: Logits, _: History) -> Logits:
        with np.errstate(over="ignore"):
            divided: NDArray[np.float64] = (logits - finite_maximum(logits)) / np.float64(value)
            return divided.astype(np.float32)

    return rule


def typical_p(share: float) -> Rule:
    """Keeps the fewest most typical tokens whose probabilities reach this share.

    Locally typical sampling (Meister et al., 2023): the more typical, the nearer a token's
    information -log p is to the entropy, which is the one to expect. Of equals the first in the
    vocabulary. The likeliest token may not be among them.
    """

    def rule(logits: Logits, _: History) -> Logits:
        # 1. How far each token's information is from the entropy.
        log_probabilities = logits.astype(np.float64) - log_sum_exp(logits)[:, None]  # (B, V)
        probs = np.exp(log_probabilities)
        information = np.where(probs > 0, -log_probabilities, 0.0)
        entropy = (probs * information).sum(axis=1, keepdims=True)  # (B, 1)
        distance = np.where(np.isneginf(logits), np.inf, np.abs(information - entropy))
        # 2. The nearest, down to the one with which they reach the share.
        order = np.argsort(distance, axis=1, kind="stable")
        cumulative = np.cumsum(np.take_along_axis(probs, order, axis=1), axis=1)
        is_kept = np.ones(logits.shape, dtype=bool)
        is_kept[:, 1:] = cumulative[:, :-1] < share * cumulative[:, -1:]
        kept = np.empty_like(is_kept)
        np.put_along_axis(kept, order, is_kept, axis=1)
        return np.where(kept, logits, FORBIDDEN)

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
        masses = np.exp(descending.astype(np.float64) - finite_maximum(descending))
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
            return np.where(logits - finite_maximum(logits) >= margin, logits, FORBIDDEN)

    return rule
