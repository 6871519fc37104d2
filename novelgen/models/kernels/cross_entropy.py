"""Softmax cross-entropy of a linear layer that never holds all its logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from novelgen.models.kernels.arrays import numpy_view
from novelgen.models.kernels.autograd import apply, product_dtype
from novelgen.models.kernels.backends import is_compiled
from novelgen.models.kernels.rows import by_rows

# Logits exist a chunk at a time. On a CPU a chunk should stay in the caches, on a GPU it should
# fill the device.
_CHUNK_ELEMENTS = {"cpu": 1 << 20, "cuda": 1 << 27}


def chunk_rows(weight: Tensor) -> int:
    """How many rows of logits, as wide as weight (V, D) has rows, exist at a time."""
    return max(1, _CHUNK_ELEMENTS.get(weight.device.type, 1 << 20) // len(weight))


def _chunks(first: int, last: int, rows: int) -> Iterator[slice]:
    """Slices of `rows` rows, and at the end of powers of two.

    So products meet few shapes: oneDNN keeps a compiled kernel for every one.
    """
    while first < last:
        left = last - first
        size = rows
        if left < rows:
            size = 1 << left.bit_length() - 1
        yield slice(first, first + size)
        first += size


def errors_in_place(
    logits: Tensor,
    bias: Tensor,
    target: Tensor,
    d_bias: Tensor,
    counted: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Σ −ln softmax(logits + bias)[target], a scalar, and its gradient for the logits (N, V).

    Adds the gradient for the bias to d_bias (V,). With `counted` (N,) bool only the rows where it
    is True have a share in anything.
    """
    dtype = logits.dtype
    target = target.unsqueeze(1)  # (N, 1)
    logits = logits.to(bias.dtype).add_(bias)
    top, place = logits.max(dim=1, keepdim=True)  # (N, 1) each
    target_logit = logits.gather(1, target)  # (N, 1)
    probs = torch.softmax(logits, dim=1, out=logits)  # (N, V)
    # The largest share is at least 1/V, so its logarithm is safe; that of the target's may be −inf.
    nll_sum = top - probs.gather(1, place).log_() - target_logit
    probs.scatter_add_(1, target, probs.new_full((), -1.0).expand_as(target))
    if counted is not None:
        nll_sum = nll_sum * counted.unsqueeze(1)
        probs = probs.mul_(counted.unsqueeze(1))
    total = nll_sum.sum()
    d_bias += probs.sum(0)
    return total, probs.to(dtype)


def _compiled_errors_in_place(
    logits: Tensor, bias: Tensor, target: Tensor, d_bias: Tensor
) -> tuple[Tensor, Tensor]:
    """`errors_in_place` in one pass over the logits, which become the gradient."""
    from novelgen.models.kernels import compiled_loss

    total = compiled_loss.cross_entropy(
        numpy_view(logits),
        numpy_view(bias),
        numpy_view(target),
        numpy_view(logits),
        numpy_view(d_bias),
    )
    return bias.new_tensor(total), logits


class _Part(NamedTuple):
    """What some rows add to the loss and to its gradients."""

    nll_sum: Tensor  # a scalar
    d_weight: Tensor  # (V, D)
    d_bias: Tensor  # (V,)


class _LinearCrossEntropy(torch.autograd.Function):
    """Softmax cross-entropy of a linear layer.

    Gradients are formed along with the loss, while a chunk of logits is at hand.
    """

    @staticmethod
    def forward(
        ctx: Any,
        readout: Tensor,
        weight: Tensor,
        bias: Tensor,
        target: Tensor,
        of_products: torch.dtype,
        differentiate: bool,
        counted: Tensor | None,
    ) -> Tensor:
        """`differentiate` is False where no gradient will be asked for: then none is formed."""
        small = weight.to(of_products)  # (V, D)
        chunk = chunk_rows(weight)
        d_readout = torch.empty_like(readout)  # (N, D)
        on_cpu = readout.device.type == "cpu" and is_compiled()

        def errors_of(logits: Tensor, own: slice, d_bias: Tensor) -> tuple[Tensor, Tensor]:
            if counted is not None:
                return errors_in_place(logits, bias, target[own], d_bias, counted[own])
            if on_cpu:
                return _compiled_errors_in_place(logits, bias, target[own], d_bias)
            return errors_in_place(logits, bias, target[own], d_bias)

        def run(first: int, last: int) -> _Part:
            part = _Part(bias.new_zeros(()), torch.zeros_like(weight), torch.zeros_like(bias))
            for own in _chunks(first, last, chunk):
                inputs = readout[own].to(of_products)  # (C, D)
                loss, errors = errors_of(inputs @ small.t(), own, part.d_bias)  # errors (C, V)
                part.nll_sum.add_(loss)
                if differentiate:
                    d_readout[own] = errors @ small
                    part.d_weight.add_(errors.t() @ inputs)
            return part

        # Rows are shared out between threads; their parts are added up in order.
        parts = by_rows(run, len(readout)) if on_cpu else [run(0, len(readout))]
        total = _Part(*(sum(own[1:], own[0]) for own in zip(*parts, strict=True)))
        ctx.save_for_backward(d_readout, total.d_weight, total.d_bias)
        return total.nll_sum

    @staticmethod
    def backward(ctx: Any, d_total: Tensor) -> tuple[Tensor | None, ...]:
        gradients = [gradient * d_total for gradient in ctx.saved_tensors]
        return *gradients, None, None, None, None


def linear_cross_entropy(
    readout: Tensor, weight: Tensor, bias: Tensor, target: Tensor, counted: Tensor | None = None
) -> Tensor:
    """Σ −ln softmax(readout Wᵀ + b)[target], without ever holding all logits.

    readout (N, D), weight (V, D), bias (V,), target (N,) int64 → a scalar in the weight's dtype.
    Under autocast the products run in its dtype. With `counted` (N,) bool only the rows where it is
    True are summed, though all are computed.
    """
    device = readout.device.type
    of_products = product_dtype(device, weight.dtype)
    differentiate = torch.is_grad_enabled()
    readout = readout.to(weight.dtype)
    with torch.autocast(device, enabled=False):
        loss: Tensor = apply(
            _LinearCrossEntropy, readout, weight, bias, target, of_products, differentiate, counted
        )
    return loss
