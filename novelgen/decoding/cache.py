"""A neural cache of the text so far: who was named in it is likely to be named again.

p(w)       = (1 − λ) p_network(w) + λ p_cache(w)
p_cache(w) ∝ Σ_i exp(θ cos(h_t, h_i)) [y_i = w]

as in section 3 of Grave, Joulin and Usunier (2017, *Improving Neural Language Models with a
Continuous Cache*), but for the cosine. h_t is the readout of which the network's next prediction is
made; (h_i, y_i) are the readouts before earlier tokens, and those tokens: of the manuscript's
paragraphs, which the network reads by teacher forcing, and of the paragraph that is being written.
While both are without a token, p is p_network.

B rows, S source positions, T tokens of a paragraph, N tokens in a cache, D size of readouts, V
vocabulary.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from novelgen.decoding.protocol import (
    ReadoutModel,
    State,
    padded,
    predict_with_readout,
    select,
    start,
)
from novelgen.text.tokenizers import BOS

Floats = NDArray[np.float32]
Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Rows = Int64s | Tensor
# A source with the target that follows it.
TokenPair = tuple[tuple[int, ...], tuple[int, ...]]

# θ. Of cosines, so that one fits networks of every size. Measured on three corpora, the best is
# between 10 and 12, and a fifth more or less costs 0.02 BPC at most.
THETA = 12.0
# Tokens of the manuscript that are kept, whole paragraphs; 5,000 do no better.
SIZE = 2000
# Paragraphs that are read at the same time.
_READ_TOGETHER = 32


class Cache(NamedTuple):
    """Tokens, and what the network knew before each of them."""

    keys: Floats  # (N, D) readouts, of length 1
    tokens: Int64s  # (N,)


class ReadTarget(NamedTuple):
    """A target that the network has read."""

    cache: Cache  # of its T tokens
    log_probabilities: Float64s  # (T,) of its tokens


@torch.inference_mode()
def read_targets(
    network: ReadoutModel, pairs: Sequence[TokenPair], device: torch.device
) -> list[ReadTarget]:
    """Reads the targets of B pairs of the task "next" by teacher forcing."""
    sources, targets = zip(*pairs, strict=True)
    tokens_by_row = padded(targets)  # (B, T)
    # 1. Step by step, as it would be written.
    memory, state = start(network, sources, device)
    before = np.full(len(pairs), BOS)
    rows = np.arange(len(pairs))
    keys = []
    log_probabilities = []
    for tokens in tokens_by_row.T:
        prediction, readouts, state = predict_with_readout(network, before, memory, state, device)
        keys.append(_of_length_1(readouts))
        log_probabilities.append(prediction.at(rows, tokens))
        before = tokens
    # 2. By target, without the padding.
    by_row = np.stack(keys, axis=1)  # (B, T, D)
    log_probabilities_by_row = np.stack(log_probabilities, axis=1)  # (B, T)
    return [
        ReadTarget(
            Cache(by_row[row, :length], tokens_by_row[row, :length]),
            log_probabilities_by_row[row, :length],
        )
        for row, length in enumerate(map(len, targets))
    ]


def recent(lengths: Sequence[int]) -> int:
    """The place of the first paragraph that is kept, of a manuscript's with so many tokens each."""
    sizes = np.cumsum(lengths[::-1])  # of the last one, the last two and so on
    return max(len(lengths) - 1 - int(np.searchsorted(sizes, SIZE)), 0)


def cache_distribution(query: Floats, caches: Sequence[Cache], size: int) -> Float64s | None:
    """The p_cache (V,) of a readout (D,) of length 1; None where nothing is cached."""
    filled = [cache for cache in caches if len(cache.tokens)]
    if not filled:
        return None
    cosines = np.concatenate([cache.keys @ query for cache in filled])  # (N,)
    tokens = np.concatenate([cache.tokens for cache in filled])
    shares = np.bincount(tokens, _weights(cosines), minlength=size)  # (V,)
    distribution: Float64s = shares / shares.sum()
    return distribution


def mixed_probabilities(target: ReadTarget, caches: Sequence[Cache], weight: float) -> Float64s:
    """The p (T,) of a target's tokens, with what is cached of the text before it; weight is λ.

    As `cache_distribution` has it for one token after the other, all at once.
    """
    cached = [*caches, target.cache]
    keys = np.concatenate([cache.keys for cache in cached])  # (N + T, D)
    tokens = np.concatenate([cache.tokens for cache in cached])
    count = len(target.cache.tokens)
    # Token t sees what stands before it.
    is_before = np.tri(count, len(tokens), len(tokens) - count - 1, dtype=bool)  # (T, N + T)
    weights = _weights(target.cache.keys @ keys.T) * is_before
    total = weights.sum(1)
    same = (weights * (tokens == target.cache.tokens[:, None])).sum(1)
    network = np.exp(target.log_probabilities)
    # Only a first token can have nothing before it.
    mixed = (1 - weight) * network + weight * same / np.where(total > 0, total, 1)
    probabilities: Float64s = np.where(total > 0, mixed, network)
    return probabilities


def _weights(cosines: Floats) -> Floats:
    """The exp(θ cos) but for a factor that all have in common; none overflows."""
    weights: Floats = np.exp(THETA * (cosines - 1))
    return weights


def _of_length_1(readouts: Floats) -> Floats:
    lengths = np.linalg.norm(readouts, axis=-1, keepdims=True)
    scaled: Floats = readouts / np.maximum(lengths, np.finfo(np.float32).tiny)
    return scaled


class ManuscriptReader:
    """Makes the caches of manuscripts that grow; every paragraph is read once."""

    def __init__(
        self, network: ReadoutModel, context_paragraphs: int, device: torch.device
    ) -> None:
        """A source is `context_paragraphs` segments, or as many as there are."""
        self._network = network
        self._context = context_paragraphs
        self._device = device
        self._read: dict[TokenPair, Cache] = {}

    def caches(self, manuscripts: Sequence[Sequence[Sequence[int]]]) -> list[list[Cache]]:
        """The caches of the last paragraphs of each manuscript, which is a list of segments.

        Its first segment is not among them: it has no source.
        """
        wanted = [self._recent_pairs(segments) for segments in manuscripts]
        pairs = dict.fromkeys(itertools.chain.from_iterable(wanted))
        missing = [pair for pair in pairs if pair not in self._read]
        for begin in range(0, len(missing), _READ_TOGETHER):
            batch = missing[begin : begin + _READ_TOGETHER]
            found = read_targets(self._network, batch, self._device)
            self._read |= {pair: each.cache for pair, each in zip(batch, found, strict=True)}
        return [[self._read[pair] for pair in pairs] for pairs in wanted]

    def _recent_pairs(self, segments: Sequence[Sequence[int]]) -> list[TokenPair]:
        first = 1 + recent([len(segment) for segment in segments[1:]])
        pairs = []
        for place in range(first, len(segments)):
            source = segments[max(place - self._context, 0) : place]
            pairs.append((tuple(itertools.chain.from_iterable(source)), tuple(segments[place])))
        return pairs


@dataclass(frozen=True)
class CachedState:
    """The network's state, and the paragraph so far."""

    network: State
    # (B, T + 1, D) the readouts before each token and before the next one; None before the first.
    keys: Floats | None
    tokens: Int64s  # (B, T)

    def select(self, rows: Rows) -> CachedState:
        """The state of the given rows."""
        places = np.asarray(rows)
        keys = self.keys
        if keys is not None:
            keys = keys[places]
        return CachedState(select(self.network, rows), keys, self.tokens[places])


@dataclass(frozen=True)
class CachedMemory:
    """The network's memory, which predicts by `model`."""

    model: CachedModel
    network: Any
    sources: Int64s  # (B,) which caches of the model a row has

    def predict(self, tokens: Int64s, state: CachedState) -> tuple[Floats, Floats, CachedState]:
        """One step after tokens (B,): log-probabilities (B, V), weights (B, S), the next state."""
        model = self.model
        prediction, readouts, network = predict_with_readout(
            model.network, tokens, self.network, state.network, model.device
        )
        # 1. The paragraph goes on. What is read first is no token of it: it names the task.
        queries = _of_length_1(readouts)  # (B, D)
        keys = queries[:, None]
        written = state.tokens
        if state.keys is not None:
            keys = np.concatenate([state.keys, keys], axis=1)  # (B, T + 1, D)
            written = np.concatenate([written, tokens[:, None]], axis=1)  # (B, T)
        # 2. Every row with the cache of its manuscript, and its own paragraph.
        probs = np.exp(prediction.log_probabilities)  # (B, V)
        for row, source in enumerate(self.sources.tolist()):
            caches = [*model.caches[source], Cache(keys[row, :-1], written[row])]
            cached = cache_distribution(queries[row], caches, probs.shape[1])
            if cached is not None:
                probs[row] *= 1 - model.weight
                probs[row] += model.weight * cached
        with np.errstate(divide="ignore"):  # what neither the network nor the cache would write
            log_probabilities: Floats = np.log(probs)
        return log_probabilities, prediction.weights, CachedState(network, keys, written)

    @property
    def best_continuations(self) -> Any:
        """Those of the network's memory; an AttributeError where it has none of its own."""
        return self.network.best_continuations

    def select(self, rows: Rows) -> CachedMemory:
        """The memory of the given rows."""
        sources = self.sources[np.asarray(rows)]
        return dataclasses.replace(self, network=select(self.network, rows), sources=sources)


@dataclass(frozen=True)
class CachedModel:
    """A network with the caches of B manuscripts, one for each source; `weight` is λ."""

    network: ReadoutModel
    caches: Sequence[Sequence[Cache]]
    weight: float
    device: torch.device

    def start_sources(self, sources: Sequence[Sequence[int]]) -> tuple[CachedMemory, CachedState]:
        """As `Wrapper.start_sources`."""
        memory, state = start(self.network, sources, self.device)
        rows = np.arange(len(sources))
        nothing = np.zeros((len(sources), 0), dtype=np.int64)
        return CachedMemory(self, memory, rows), CachedState(state, None, nothing)
