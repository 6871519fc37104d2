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
from novelgen.training.distributed import ALONE, Ranks


@dataclass(frozen=True)
class Tally:
    """A sum of losses with what it is divided by, so that parts can be added and divided once."""

    nats: float = 0.0  # Σ −ln p(token), EOS counted
    tokens: int = 0  # EOS counted
    characters: int = 0  # of the targets; EOS is none
    pairs: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.nats + other.nats,
            self.tokens + other.tokens,
            self.characters + other.characters,
            self.pairs + other.pairs,
        )

    def summed(self, ranks: Ranks) -> Tally:
        """The sum of all ranks' tallies."""
        nats, *counts = ranks.sum([self.nats, self.tokens, self.characters, self.pairs])
        return Tally(nats, *map(int, counts))

    @property
    def bits_per_character(self) -> float:
        """Σ −log₂ p(target tokens and EOS) / target characters: comparable across tokenizers."""
        return self.nats / math.log(2) / max(self.characters, 1)

    @property
    def perplexity(self) -> float:
        """exp of the mean loss of a token; inf where that overflows."""
        mean = self.nats / max(self.tokens, 1)
        return math.exp(mean) if mean < 700 else math.inf


def batch_loss(model: nn.Module, batch: Batch, device: torch.device) -> Tensor:
    """Σ −ln p of the batch's real target tokens, EOS included: a scalar to differentiate."""
    tensors = (batch.source, batch.source_lengths, batch.target, batch.target_lengths, batch.first)
    source, source_lengths, target, target_lengths, first = (
        torch.from_numpy(x).to(device, non_blocking=True) for x in tensors
    )
    is_token = torch.arange(target.shape[1], device=device) < target_lengths.unsqueeze(1)
    return model.nats(target, is_token, *model.start(source, source_lengths), first)


def tally(batch: Batch, nats: float) -> Tally:
    """The loss of one batch with its counts."""
    return Tally(
        nats, int(batch.target_lengths.sum()), int(batch.characters.sum()), len(batch.target)
    )


@torch.no_grad()
def measure(
    model: nn.Module,
    pairs: Pairs,
    *,
    batch_tokens: int,
    device: torch.device,
    precision: torch.dtype = torch.float32,
    ranks: Ranks = ALONE,
) -> Tally:
    """The loss of a model over all `pairs`, in evaluation mode; the mode it was in is restored. `ranks` share the work."""
    was_training = model.training
    model.eval()
    total = Tally()
    try:
        for indices in _plan(pairs, batch_tokens)[ranks.rank :: ranks.size]:
            batch = pairs.batch(indices)
            with torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32):
                total += tally(batch, batch_loss(model, batch, device).item())
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
