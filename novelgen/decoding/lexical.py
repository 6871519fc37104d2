"""The rules of words: some are never written, some are favoured, names are kept.

A word is looked for in the UTF-8 bytes of the text, so that it does not matter in which tokens the
text is written: characters, words, or single bytes. That takes an automaton (Aho and Corasick,
1975) whose states are the openings of the words.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from novelgen.decoding.history import History
from novelgen.decoding.logits import Logits, Rule, log_sum_exp
from novelgen.decoding.vocabulary import Vocabulary

# The first character of a word of several gets this share of its strength: it also begins others.
FIRST_SHARE = 0.25
# What a name of the cast gets as a favoured word, and what its further characters get besides. The
# names of 40 sources as the cast, of 80 paragraphs that "Dream of the Red Chamber" goes on with: 47
# named somebody of the source without, 56 with; of names that had begun 4 went on as no name, then
# none, and at a temperature of 1.1 11, then none.
CAST_STRENGTH = 2.0
KEEPING = 3.0


class Scores(NamedTuple):
    """What N tokens add to their logits."""

    tokens: NDArray[np.int64]  # (N,)
    values: NDArray[np.float32]  # (N,)


class WordAutomaton:
    """Reads a text byte by byte; each byte that goes on with a word has a value.

    Its state is the longest opening of a word that the text ends in. Where several words go on with
    a byte the value is chosen by `choose`: the largest, or the smallest.
    """

    def __init__(
        self,
        words: Mapping[str, Sequence[float]],
        vocabulary: Vocabulary,
        choose: Callable[[float, float], float] = max,
    ) -> None:
        """The values of a word are those of its bytes."""
        children, values = _trie(words, choose)
        # (Q, 256): the state after a byte, row by row from the shortest openings on: a row is that
        # of the longest other opening which the text ends in, but for the bytes that go on.
        self._after = np.zeros((len(children), 256), dtype=np.int64)
        waiting = deque([(0, 0)])  # a state, and that longest other opening
        while waiting:
            state, fallback = waiting.popleft()
            if state:
                self._after[state] = self._after[fallback]
                values[state] = choose(values[state], values[fallback])
            for byte, child in children[state].items():
                waiting.append((child, int(self._after[state, byte]) if state else 0))
                self._after[state, byte] = child
        self._values = np.array(values)  # (Q,)
        self._spelling = vocabulary.spelling
        self._longest = max(len(values) for values in words.values())
        self._table = vocabulary.byte_table
        self._scores: dict[int, Scores] = {}

    def state(self, tokens: NDArray[np.int64]) -> int:
        """The state behind a row of tokens (T,)."""
        state = 0
        # No opening is longer than the longest word, and a token has at least a byte.
        for token in tokens[-self._longest :].tolist():
            for byte in self._spelling[token]:
                state = int(self._after[state, byte])
        return state

    def scores(self, state: int) -> Scores:
        """The tokens that have a value behind a state: the sum over their bytes."""
        known = self._scores.get(state)
        if known is None:
            known = self._scores[state] = self._computed(state)
        return known

    def _computed(self, state: int) -> Scores:
        table = self._table
        states = np.full(len(table.tokens), state)
        sums = np.zeros(len(states))
        # Longest tokens first: of those that have a byte at a place there are ever fewer.
        for place, count in enumerate(table.counts):
            states[:count] = self._after[states[:count], table.bytes[:count, place]]
            sums[:count] += self._values[states[:count]]
        (found,) = sums.nonzero()
        return Scores(table.tokens[found], sums[found].astype(np.float32))


def _trie(
    words: Mapping[str, Sequence[float]], choose: Callable[[float, float], float]
) -> tuple[list[dict[int, int]], list[float]]:
    """By state its children by byte, and its value; state 0 is the empty opening."""
    children: list[dict[int, int]] = [{}]
    values = [0.0]
    for word, gains in words.items():
        state = 0
        for byte, gain in zip(word.encode("utf-8"), gains, strict=True):
            if byte not in children[state]:
                children[state][byte] = len(children)
                children.append({})
                values.append(0.0)
            state = children[state][byte]
            values[state] = choose(values[state], gain)
    return children, values


def ban(words: Iterable[str], vocabulary: Vocabulary) -> Rule:
    """Forbids the tokens that would complete a word, in whatever tokens it has begun."""
    gains = {word: _at_its_end(word, -np.inf) for word in words}
    return _adding(WordAutomaton(gains, vocabulary, min))


def favour(words: Mapping[str, float], vocabulary: Vocabulary) -> Rule:
    """Adds its strength to each character of a word, to the first of several a quarter of it.

    Written in one token or in many, a word gets the same in all.
    """
    gains = {}
    for word, strength in words.items():
        first = strength * FIRST_SHARE
        if len(word) == 1:
            first = strength
        gains[word] = _by_byte(word, [first] + [strength] * (len(word) - 1))
    return _adding(WordAutomaton(gains, vocabulary))


def name_keeper(names: Sequence[str], vocabulary: Vocabulary, text: str = "") -> WordAutomaton:
    """Gives KEEPING to what goes on with a name that has begun.

    Less where the name's first character stands for other things: the share of the times when it
    began a name in `text`, one more time counted.
    """
    gains = {}
    for name in names:
        value = KEEPING * _share_of_names(name[0], names, text)
        gains[name] = _by_byte(name, [0.0] + [value] * (len(name) - 1))
    return WordAutomaton(gains, vocabulary)


def keep(names: WordAutomaton) -> Rule:
    """Adds what `name_keeper` says."""
    return _adding(names)


def sparing(names: WordAutomaton, rule: Rule) -> Rule:
    """The rule, but what goes on with a name that has begun keeps its logit.

    A rule against repetition would else turn a name into another one at its second character.
    """

    def spared(logits: Logits, history: History) -> Logits:
        # Some rules normalise the logits: what is put back must be normal too.
        logits = logits - log_sum_exp(logits).astype(np.float32)[:, None]
        result = rule(logits, history)
        if result is logits:
            return result
        for row, written in enumerate(history.tokens):
            tokens = names.scores(names.state(written)).tokens
            result[row, tokens] = logits[row, tokens]
        return result

    return spared


def _adding(automaton: WordAutomaton) -> Rule:
    def rule(logits: Logits, history: History) -> Logits:
        logits = logits.copy()
        for row, written in enumerate(history.tokens):
            tokens, values = automaton.scores(automaton.state(written))
            logits[row, tokens] += values
        return logits

    return rule


def _at_its_end(word: str, value: float) -> list[float]:
    """Nothing for the bytes of a word but the last one."""
    return [0.0] * (len(word.encode("utf-8")) - 1) + [value]


def _by_byte(word: str, gains: Sequence[float]) -> list[float]:
    """The gains of a word's characters, each in equal parts for its bytes."""
    parts = []
    for character, gain in zip(word, gains, strict=True):
        size = len(character.encode("utf-8"))
        parts += [gain / size] * size
    return parts


def _share_of_names(first: str, names: Sequence[str], text: str) -> float:
    """How often a character of a text begins one of the names, with one such time added."""
    begun = 0
    for name in sorted(names, key=len, reverse=True):
        if name[0] == first:
            begun += text.count(name)
        text = text.replace(name, "\n")
    return (begun + 1) / (begun + text.count(first) + 1)
