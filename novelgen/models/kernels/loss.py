"""Softmax cross-entropy of a linear layer that never holds all its logits.

N rows, D features, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear
from torch.utils.checkpoint import checkpoint

from novelgen.models.kernels.api import is_fast

# Of logits that exist at a time. On a CPU they should stay in the caches, on a GPU fill the device.
_CHUNK_ELEMENTS = {"cpu": 1 << 19, "cuda": 1 << 27}


def chunk_rows(weight: Tensor) -> int:
    """How many rows of logits, as wide as weight (V, D) has rows, exist at a time."""
    return max(1, _CHUNK_ELEMENTS.get(weight.device.type, 1 << 20) // len(weight))


def linear_cross_entropy(readout: Tensor, weight: Tensor, bias: Tensor, target: Tensor) -> Tensor:
    """Σ −ln softmax(readout Wᵀ + b)[target], without ever holding all logits.

    readout (N, D), weight (V, D), bias (V,), target (N,) int64 → a scalar in the weight's dtype.
    Under autocast the products run in its dtype.
    """
    if is_fast(readout.device):
        from novelgen.models.kernels import loss_numba

        return loss_numba.linear_cross_entropy(readout, weight, bias, target, chunk_rows(weight))
    size = chunk_rows(weight)
    chunks = zip(torch.split(readout, size), torch.split(target, size), strict=True)
    # The logits of a chunk are computed again for the gradients.
    sums = [checkpoint(_nll_sum, *chunk, weight, bias, use_reentrant=False) for chunk in chunks]
    return torch.stack(sums).sum()


def _nll_sum(readout: Tensor, target: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """`linear_cross_entropy` with all logits at once."""
    logits = linear(readout, weight, bias).to(weight.dtype)  # (C, V)
    return cross_entropy(logits, target, reduction="sum")
