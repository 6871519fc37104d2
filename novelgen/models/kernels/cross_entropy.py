"""Softmax cross-entropy of a linear layer that never holds all its logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from novelgen.models.kernels.arrays import numpy_view
from novelgen.models.kernels.backends import is_compiled
from novelgen.models.kernels.rows import by_rows

# Logits exist a chunk at a time. On a CPU a chunk should stay in the caches, on a GPU it should fill the device.
_CHUNK_ELEMENTS = {"cpu": 1 << 20, "cuda": 1 << 27}


def chunk_rows(weight: Tensor) -> int:
    """How many rows of logits, as wide as weight (V, D) has rows, exist at a time."""
    return max(1, _CHUNK_ELEMENTS.get(weight.device.type, 1 << 20) // len(weight))


def _chunks(first: int, last: int, rows: int) -> Iterator[slice]:
    """Slices of `rows` rows, and of powers of two at the end: oneDNN keeps a compiled kernel for every shape that it meets."""
    while first < last:
        size = rows if rows <= last - first else 1 << (last - first).bit_length() - 1
        yield slice(first, first + size)
        first += size


def errors_in_place(
    logits: Tensor,
    bias: Tensor,
    target: Tensor,
    d_bias: Tensor,
    counted: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Σ −ln softmax(logits + bias)[target], a scalar, and its gradient for the logits (N, V); adds that for the bias to d_bias.

    With `counted` (N,) bool only the rows where it is True have a share in anything.
    """
    dtype, target = logits.dtype, target.unsqueeze(1)
    logits = logits.to(bias.dtype).add_(bias)
    top, place = logits.max(dim=1, keepdim=True)
    target_logit = logits.gather(1, target)
    probs = torch.softmax(logits, dim=1, out=logits)
    # The largest share is at least 1/V, so its logarithm is safe; that of the target's might be −inf.
    nll_sum = top - probs.gather(1, place).log_() - target_logit
    probs.scatter_add_(1, target, probs.new_full((), -1.0).expand_as(target))
    if counted is not None:
        nll_sum, probs = nll_sum * counted.unsqueeze(1), probs.mul_(counted.unsqueeze(1))
    total = nll_sum.sum()
    d_bias += probs.sum(0)
    return total, probs.to(dtype)


def _compiled_errors_in_place(
    logits: Tensor, bias: Tensor, target: Tensor, d_bias: Tensor
) -> tuple[Tensor, Tensor]:
    """The same in one pass over the logits, which become the gradient."""
    from novelgen.models.kernels import compiled_loss

    total = compiled_loss.cross_entropy(
        numpy_view(logits),
        numpy_view(bias),
        numpy_view(target),
        numpy_view(logits),
        numpy_view(d_bias),
    )
    return bias.new_tensor(total), logits


class _LinearCrossEntropy(torch.autograd.Function):
    """Softmax cross-entropy of a linear layer, gradients formed along with the loss while a chunk is at hand."""

    @staticmethod
    def forward(
        ctx: Any,
        readout: Tensor,
        weight: Tensor,
        bias: Tensor,
        target: Tensor,
        product: torch.dtype,
        differentiate: bool,
        counted: Tensor | None,
    ) -> Tensor:
        small, chunk, d_readout = weight.to(product), chunk_rows(weight), torch.empty_like(readout)
        on_cpu = readout.device.type == "cpu" and is_compiled()
        errors_of = _compiled_errors_in_place if on_cpu and counted is None else errors_in_place

        def run(first: int, last: int) -> tuple[Tensor, Tensor, Tensor]:
            total, d_weight, d_bias = (
                bias.new_zeros(()),
                torch.zeros_like(weight),
                torch.zeros_like(bias),
            )
            for own in _chunks(first, last, chunk):
                inputs = readout[own].to(product)
                some = () if counted is None else (counted[own],)
                loss, errors = errors_of(inputs @ small.t(), bias, target[own], d_bias, *some)
                total += loss
                if differentiate:
                    d_readout[own] = errors @ small
                    d_weight += errors.t() @ inputs
            return total, d_weight, d_bias

        parts = by_rows(run, len(readout)) if on_cpu else [run(0, len(readout))]
        total, d_weight, d_bias = (sum(part[1:], part[0]) for part in zip(*parts, strict=True))
        ctx.save_for_backward(d_readout, d_weight, d_bias)
        return total

    @staticmethod
    def backward(ctx: Any, d_total: Tensor) -> tuple[Tensor | None, ...]:
        d_readout, d_weight, d_bias = ctx.saved_tensors
        return d_readout * d_total, d_weight * d_total, d_bias * d_total, None, None, None, None


def linear_cross_entropy(
    readout: Tensor, weight: Tensor, bias: Tensor, target: Tensor, counted: Tensor | None = None
) -> Tensor:
    """Σ −ln softmax(readout Wᵀ + b)[target], without ever holding all logits.

    readout (N, D), weight (V, D), bias (V,), target (N,) int64 → a scalar in the weight's dtype. Under autocast the products
    run in its dtype. With `counted` (N,) bool only the rows where it is True are summed, though all are computed.
    """
    device = readout.device.type
    product = (
        torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype
    )
    with torch.autocast(device, enabled=False):
        return _LinearCrossEntropy.apply(
            readout.to(weight.dtype),
            weight,
            bias,
            target,
            product,
            torch.is_grad_enabled(),
            counted,
        )
