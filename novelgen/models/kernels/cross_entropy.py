"""Softmax cross-entropy of a linear layer that never holds all its logits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

# Logits exist a chunk at a time. On a CPU a chunk should stay in the caches, on a GPU it should fill the device.
_CHUNK_ELEMENTS = {"cpu": 1 << 21, "cuda": 1 << 27}


def chunk_rows(weight: Tensor) -> int:
    """How many rows of logits, as wide as weight (V, D) has rows, exist at a time."""
    return max(1, _CHUNK_ELEMENTS.get(weight.device.type, 1 << 21) // len(weight))


class _LinearCrossEntropy(torch.autograd.Function):
    """Softmax cross-entropy of a linear layer, gradients formed along with the loss while a chunk is at hand."""

    @staticmethod
    def forward(ctx: Any, readout: Tensor, weight: Tensor, bias: Tensor, target: Tensor, product: torch.dtype,
                differentiate: bool) -> Tensor:
        small = weight.to(product)
        rows = chunk_rows(weight)
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
