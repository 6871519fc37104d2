"""The training loss without its logits, and bits per character."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from novelgen.data.batches import plan_batches
from novelgen.data.pairs import Batch, Pairs

# Logits exist a chunk at a time. On a CPU a chunk should stay in the caches, on a GPU it should fill the device.
_CHUNK_ELEMENTS = {"cpu": 1 << 21, "cuda": 1 << 27}


@dataclass(frozen=True)
class Tally:
    """A sum of losses with what it is divided by, so that parts can be added and divided once."""

    nats: float = 0.0  # Σ −ln p(token), EOS counted
    tokens: int = 0  # EOS counted
    characters: int = 0  # of the targets; EOS is none
    pairs: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.nats + other.nats, self.tokens + other.tokens, self.characters + other.characters,
                     self.pairs + other.pairs)

    @property
    def bits_per_character(self) -> float:
        """Σ −log₂ p(target tokens and EOS) / target characters: comparable across tokenizers."""
        return self.nats / math.log(2) / max(self.characters, 1)

    @property
    def perplexity(self) -> float:
        """exp of the mean loss of a token; inf where that overflows."""
        mean = self.nats / max(self.tokens, 1)
        return math.exp(mean) if mean < 700 else math.inf


class _LinearCrossEntropy(torch.autograd.Function):
    """Softmax cross-entropy of a linear layer, gradients formed along with the loss while a chunk is at hand."""

    @staticmethod
    def forward(ctx: Any, readout: Tensor, weight: Tensor, bias: Tensor, target: Tensor, product: torch.dtype,
                differentiate: bool) -> Tensor:
        small = weight.to(product)
        rows = max(1, _CHUNK_ELEMENTS.get(weight.device.type, 1 << 21) // len(weight))
        total = bias.new_zeros(())
        d_readout = torch.empty_like(readout)
        d_weight, d_bias = torch.zeros_like(weight), torch.zeros_like(bias)
        for start in range(0, len(readout), rows):
            inputs, goal = readout[start:start + rows].to(product), target[start:start + rows, None]
            logits = (inputs @ small.t()).to(bias.dtype).add_(bias)
            top, place = logits.max(dim=1, keepdim=True)
            aimed = logits.gather(1, goal)
            shares = torch.softmax(logits, dim=1, out=logits)
            # The largest share is at least 1/V, so its logarithm is safe; that of the target's might be −inf.
            total += (top - shares.gather(1, place).log_() - aimed).sum()
            if differentiate:
                shares.scatter_add_(1, goal, shares.new_full((), -1.0).expand_as(goal))
                d_bias += shares.sum(0)
                errors = shares.to(product)
                d_readout[start:start + rows] = errors @ small
                d_weight += errors.t() @ inputs
        ctx.save_for_backward(d_readout, d_weight, d_bias)
        return total

    @staticmethod
    def backward(ctx: Any, d_total: Tensor) -> tuple[Tensor | None, ...]:
        d_readout, d_weight, d_bias = ctx.saved_tensors
        return d_readout * d_total, d_weight * d_total, d_bias * d_total, None, None, None


def linear_cross_entropy(readout: Tensor, weight: Tensor, bias: Tensor, target: Tensor) -> Tensor:
    """Σ −ln softmax(readout Wᵀ + b)[target], without ever holding all logits.

    readout (N, D), weight (V, D), bias (V,), target (N,) int64 → a scalar in the weight's dtype. Under autocast the products
    run in its dtype.
    """
    device = readout.device.type
    product = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype
    with torch.autocast(device, enabled=False):
        return _LinearCrossEntropy.apply(readout.to(weight.dtype), weight, bias, target, product, torch.is_grad_enabled())


def batch_loss(model: nn.Module, batch: Batch, device: torch.device) -> Tensor:
    """Σ −ln p of the batch's real target tokens, EOS included: a scalar to differentiate."""
    tensors = (batch.source, batch.source_lengths, batch.target, batch.target_lengths)
    source, source_lengths, target, target_lengths = (torch.from_numpy(x).to(device, non_blocking=True) for x in tensors)
    readout, _ = model.read(target, *model.start(source, source_lengths))
    is_token = torch.arange(target.shape[1], device=device) < target_lengths.unsqueeze(1)
    return linear_cross_entropy(readout[is_token], *model.output, target[is_token])


def tally(batch: Batch, nats: float) -> Tally:
    """The loss of one batch with its counts."""
    return Tally(nats, int(batch.target_lengths.sum()), int(batch.characters.sum()), len(batch.target))


@torch.no_grad()
def measure(model: nn.Module, pairs: Pairs, *, batch_tokens: int, device: torch.device,
            precision: torch.dtype = torch.float32) -> Tally:
    """The loss of a model over all `pairs`, in evaluation mode; the mode it was in is restored."""
    was_training = model.training
    model.eval()
    total = Tally()
    try:
        for indices in _plan(pairs, batch_tokens):
            batch = pairs.batch(indices)
            with torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32):
                total += tally(batch, batch_loss(model, batch, device).item())
    finally:
        model.train(was_training)
    return total


def _plan(pairs: Pairs, batch_tokens: int) -> Sequence[np.ndarray]:
    return plan_batches(pairs.source_lengths, pairs.target_lengths, batch_tokens=batch_tokens, seed=0, epoch=0, shuffle=False)
