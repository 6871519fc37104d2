"""What attention looks at, and whether that is what the model uses.

B pairs, S source positions, T target tokens, V vocabulary. A source ends with EOS, the end mark; so
does a target. Weights are those of teacher forcing: α of each true token, before it is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from novelgen.attribution.forced import Floats


class Span(NamedTuple):
    """A name's place among tokens: those from `start` up to `stop`."""

    name: str
    start: int
    stop: int


class Hits(NamedTuple):
    """Of target tokens within a name that the source holds: where the heaviest position is."""

    tokens: int  # how many such tokens there are
    first: int  # it is the first token of that name in the source
    within: int  # it is any token of that name
    any_name: int  # it is in this name or in another one
    expected: float  # as `within`, of a position drawn from all with equal chances


def heaviest_share(weights: Floats) -> float:
    """The mean weight of the one position that gets most, over all steps: weights (T, S)."""
    return float(weights.mean(0).max())


def entropy_bits(weights: Floats) -> Floats:
    """The entropy of every row in bits: (T,) of weights (T, S); log₂ S where they are equal."""
    positive = np.where(weights > 0, weights, 1.0)
    entropy: Floats = -(positive * np.log2(positive)).sum(1)
    return entropy


def find_spans(tokens: Sequence[str], names: Sequence[str]) -> list[Span]:
    """Where `names` stand in a text that is given as tokens; of two that overlap the longer one.

    A name counts where it begins and ends with a token.
    """
    starts = np.cumsum([0, *map(len, tokens)]).tolist()
    token_at = {start: number for number, start in enumerate(starts)}
    text = "".join(tokens)
    taken = np.zeros(len(text), bool)
    spans = []
    for name in sorted(set(names), key=lambda name: (-len(name), name)):
        start = text.find(name)
        while start >= 0:
            stop = start + len(name)
            if start in token_at and stop in token_at and not taken[start:stop].any():
                taken[start:stop] = True
                spans.append(Span(name, token_at[start], token_at[stop]))
            start = text.find(name, start + 1)
    return sorted(spans, key=lambda span: span.start)


def name_hits(weights: Floats, source: Sequence[Span], target: Sequence[Span]) -> Hits:
    """How often the heaviest position of weights (T, S) lies in the name that is being written.

    `source` and `target` are the names there; one that the source does not hold counts nothing.
    """
    heaviest = weights.argmax(1)  # (T,)
    tokens = 0
    first = 0
    within = 0
    any_name = 0
    expected = 0.0
    named = {place for span in source for place in range(span.start, span.stop)}
    for written in target:
        places = [span for span in source if span.name == written.name]
        if not places:
            continue
        inside = {place for span in places for place in range(span.start, span.stop)}
        starts = {span.start for span in places}
        for step in range(written.start, written.stop):
            tokens += 1
            first += int(heaviest[step]) in starts
            within += int(heaviest[step]) in inside
            any_name += int(heaviest[step]) in named
            expected += len(inside) / weights.shape[1]
    return Hits(tokens, first, within, any_name, expected)
