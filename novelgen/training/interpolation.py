"""A network and an n-gram model together: p(w) = (1 − λ) p_network(w) + λ p_ngram(w).

Both are distributions over the same tokens, and so is p (Jelinek and Mercer, 1980). λ, the weight,
is the one under which the validation pairs are likeliest. N target tokens, EOS included.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from novelgen.data.pairs import Pairs
from novelgen.models.ngram import NgramModel
from novelgen.training.hardware import tune_malloc
from novelgen.training.loss import LossStats, evaluation_plan, loss_stats, token_log_probs

Float64s = NDArray[np.float64]

# Target tokens that are counted, of a larger text a sample of its pairs. Measured, so many take
# 4 seconds of a core and 0.6 GB of memory.
MOST_TOKENS = 10_000_000
# Digits of the weight that are kept; 20 halvings of [0, 1] find more.
_DIGITS = 3
_HALVINGS = 20


def count_ngrams(pairs: Pairs, order: int, vocabulary_size: int) -> NgramModel:
    """The n-gram model of the targets of training pairs."""
    tokens = int(pairs.target_lengths.sum())
    if tokens > MOST_TOKENS:
        pairs = pairs.sample(len(pairs) * MOST_TOKENS // tokens)
    return NgramModel.count(*target_tokens(pairs), vocabulary_size, order)


def target_tokens(pairs: Pairs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The tokens (N,) of all targets, one after the other, and the targets' lengths (n,)."""
    lengths = pairs.target_lengths.astype(np.int64)
    ends = np.cumsum(lengths)
    places = np.arange(lengths.sum()) + np.repeat(pairs.target_starts - (ends - lengths), lengths)
    return pairs.target_ids[places].astype(np.int64), lengths


class TokenProbs(NamedTuple):
    """What the true tokens of some pairs get."""

    network: Float64s  # (N,)
    ngram: Float64s  # (N,)
    counts: LossStats  # of the network


def token_probs(
    model: nn.Module,
    ngram: NgramModel,
    pairs: Pairs,
    *,
    batch_tokens: int,
    device: torch.device,
    precision: torch.dtype = torch.float32,
) -> Iterator[TokenProbs]:
    """The probabilities of all target tokens, batch by batch; `model` is in evaluation mode."""
    tune_malloc()
    uses_autocast = precision != torch.float32
    for indices in evaluation_plan(pairs, batch_tokens):
        batch = pairs.batch(indices)
        # Not around the yield, which would leave it switched on for the caller.
        with torch.autocast(device.type, dtype=precision, enabled=uses_autocast):
            log_probs = token_log_probs(model, batch, device)
        is_token = np.arange(batch.target.shape[1]) < batch.target_lengths[:, None]  # (B, T)
        tokens = batch.target[is_token]  # (N,)
        contexts = ngram.contexts(tokens, batch.target_lengths)
        counts = loss_stats(batch, -float(log_probs.sum()))
        yield TokenProbs(np.exp(log_probs), ngram.probabilities(contexts, tokens), counts)


class MixtureLoss(NamedTuple):
    """The loss of the network alone, of the n-gram model alone, and of both together."""

    network: LossStats
    ngram: LossStats
    mixture: LossStats


def mixture_loss(batches: Iterable[TokenProbs], weight: float) -> MixtureLoss:
    """The losses over all batches; `weight` is that of the n-gram model."""
    total = MixtureLoss(LossStats(), LossStats(), LossStats())
    for batch in batches:
        mixed = (1 - weight) * batch.network + weight * batch.ngram
        total = MixtureLoss(
            total.network + batch.counts,
            total.ngram + batch.counts.with_nll_sum(_nll_sum(batch.ngram)),
            total.mixture + batch.counts.with_nll_sum(_nll_sum(mixed)),
        )
    return total


def _nll_sum(probs: Float64s) -> float:
    # A network may give a token nothing, in float64 too; one such token makes the loss infinite.
    with np.errstate(divide="ignore"):
        return -float(np.log(probs).sum())


def best_weight(network: Float64s, ngram: Float64s) -> float:
    """The λ that maximises L(λ) = Σ ln((1 − λ) network + λ ngram), of probabilities (N,) each.

    L is concave: its maximum is where L' changes its sign, or at an end of [0, 1].
    """
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        slope = ((ngram - network) / ((1 - middle) * network + middle * ngram)).sum()
        if slope > 0:
            low = middle
        else:
            high = middle
    return round((low + high) / 2, _DIGITS)
