"""How well a network predicts with a cache of the text before each paragraph."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from novelgen.data.pairs import Batch, Pairs
from novelgen.decoding.cache import (
    Cache,
    TokenPair,
    mixed_probabilities,
    read_targets,
    recent,
)
from novelgen.decoding.protocol import ReadoutModel
from novelgen.training.checkpoint import Run
from novelgen.training.interpolation import TokenProbs
from novelgen.training.loss import loss_stats

# Pairs that are read at the same time.
BATCH = 32


def cached_token_probs(
    run: Run, network: ReadoutModel, pairs: Pairs, weight: float
) -> Iterator[TokenProbs]:
    """As `training.interpolation.token_probs`, but the network has a cache, of this weight.

    The pairs are those of the task "next", in reading order: where a source ends with the target
    before it, the manuscript goes on; elsewhere another one begins. Without an n-gram model its
    probabilities are 0.
    """
    caches: list[Cache] = []  # of the manuscript so far
    end: tuple[int, ...] = ()  # its last target
    for first in range(0, len(pairs), BATCH):
        batch = pairs.batch(np.arange(first, min(first + BATCH, len(pairs))))
        token_pairs = _token_pairs(batch)
        probs = []
        for pair, target in zip(
            token_pairs, read_targets(network, token_pairs, run.device), strict=True
        ):
            if not end or pair[0][-len(end) :] != end:
                caches = []
            probs.append(mixed_probabilities(target, caches, weight))
            caches = [*caches, target.cache]
            caches = caches[recent([len(cache.tokens) for cache in caches]) :]
            end = pair[1]
        found = np.concatenate(probs)  # (N,)
        with np.errstate(divide="ignore"):
            counts = loss_stats(batch, -float(np.log(found).sum()))
        yield TokenProbs(found, _ngram_probs(run, token_pairs), counts)


def _token_pairs(batch: Batch) -> list[TokenPair]:
    """The pairs of a batch without their padding."""
    sources = zip(batch.source, batch.source_lengths, strict=True)
    targets = zip(batch.target, batch.target_lengths, strict=True)
    return [
        (tuple(source[:length].tolist()), tuple(target[:target_length].tolist()))
        for (source, length), (target, target_length) in zip(sources, targets, strict=True)
    ]


def _ngram_probs(run: Run, token_pairs: list[TokenPair]) -> np.typing.NDArray[np.float64]:
    """What the run's n-gram model gives to the target tokens (N,)."""
    targets = [target for _, target in token_pairs]
    tokens = np.fromiter(itertools.chain.from_iterable(targets), dtype=np.int64)
    if run.ngram is None:
        return np.zeros(len(tokens))
    contexts = run.ngram.contexts(tokens, np.array([len(target) for target in targets]))
    return run.ngram.probabilities(contexts, tokens)
