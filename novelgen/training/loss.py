"""The training loss, and bits per character."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from novelgen.data.batches import plan_batches
from novelgen.data.pairs import Batch, Pairs
from novelgen.training.distributed import SINGLE_PROCESS, Ranks


@dataclass(frozen=True)
class LossStats:
    """A sum of losses with what it is divided by, so that parts can be added and divided once."""

    nll_sum: float = 0.0  # Σ −ln p(token), EOS counted
    tokens: int = 0  # EOS counted
    characters: int = 0  # of the targets; EOS is none
    pairs: int = 0

    def __add__(self, other: LossStats) -> LossStats:
        return LossStats(
            self.nll_sum + other.nll_sum,
            self.tokens + other.tokens,
            self.characters + other.characters,
            self.pairs + other.pairs,
        )

    def summed(self, ranks: Ranks) -> LossStats:
        """The sum of all ranks' tallies."""
        nll_sum, *counts = ranks.sum([self.nll_sum, self.tokens, self.characters, self.pairs])
        return LossStats(nll_sum, *map(int, counts))

    @property
    def bits_per_character(self) -> float:
        """Σ −log₂ p(target tokens and EOS) / target characters: comparable across tokenizers."""
        return self.nll_sum / math.log(2) / max(self.characters, 1)

    @property
    def perplexity(self) -> float:
        """Exp of the mean loss of a token; inf where that overflows."""
        mean = self.nll_sum / max(self.tokens, 1)
        return math.exp(mean) if mean < 700 else math.inf


def batch_loss(model: nn.Module, batch: Batch, device: torch.device) -> Tensor:
    """Σ −ln p of the batch's real target tokens, EOS included: a scalar to differentiate."""
    tensors = (batch.source, batch.source_lengths, batch.target, batch.target_lengths, batch.first)
    source, source_lengths, target, target_lengths, first = (
        torch.from_numpy(x).to(device, non_blocking=True) for x in tensors
    )
    is_token = torch.arange(target.shape[1], device=device) < target_lengths.unsqueeze(1)
    return model.nll_sum(target, is_token, *model.start(source, source_lengths), first)


def loss_stats(batch: Batch, nll_sum: float) -> LossStats:
    """The loss of one batch with its counts."""
    return LossStats(
        nll_sum, int(batch.target_lengths.sum()), int(batch.characters.sum()), len(batch.target)
    )


@torch.no_grad()
def evaluate_loss(
    model: nn.Module,
    pairs: Pairs,
    *,
    batch_tokens: int,
    device: torch.device,
    precision: torch.dtype = torch.float32,
    ranks: Ranks = SINGLE_PROCESS,
) -> LossStats:
    """The loss of a model over all `pairs`, in evaluation mode; the mode it was in is restored. `ranks` share the work."""
    was_training = model.training
    model.eval()
    total = LossStats()
    try:
        for indices in _plan(pairs, batch_tokens)[ranks.rank :: ranks.size]:
            batch = pairs.batch(indices)
            with torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32):
                total += loss_stats(batch, batch_loss(model, batch, device).item())
    finally:
        model.train(was_training)
    return total.summed(ranks)


def _plan(pairs: Pairs, batch_tokens: int) -> Sequence[np.ndarray]:
    return plan_batches(
        pairs.source_lengths,
        pairs.target_lengths,
        batch_tokens=batch_tokens,
        seed=0,
        epoch=0,
        shuffle=False,
    )
