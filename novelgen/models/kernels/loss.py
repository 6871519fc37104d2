"""Softmax cross-entropy of a linear layer that never holds all its logits.

They exist a chunk of rows at a time, and their gradients are formed with them while it is in
the cache. N rows, D features, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from novelgen.models.kernels.api import is_fast, product_dtype
from novelgen.models.kernels.autograd import apply

# Of a chunk of logits. On a CPU it should stay in the caches, on a GPU it should fill the device.
_CHUNK_ELEMENTS = {"cpu": 1 << 19, "cuda": 1 << 27}


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


class _Part(NamedTuple):
    """What some rows add to the loss and to its gradients."""

    nll_sum: Tensor  # a scalar
    d_weight: Tensor  # (V, D)
    d_bias: Tensor  # (V,)


class _OutputLayer:
    """The products of an output layer (V, D) with chunks of rows, and their loss."""

    def __init__(self, weight: Tensor) -> None:
        self._weight = weight

    def product(self, inputs: Tensor) -> Tensor:
        """Logits (C, V), without their bias, of inputs (C, D)."""
        return inputs @ self._weight.t()

    def product_back(self, errors: Tensor) -> Tensor:
        """Errors (C, V) → (C, D)."""
        return errors @ self._weight

    def cross_entropy(
        self, logits: Tensor, bias: Tensor, target: Tensor, nll_sum: Tensor, d_bias: Tensor
    ) -> Tensor:
        """Adds Σ −ln softmax(logits + bias)[target] to nll_sum (), and to d_bias (V,).

        Returns the gradient of the logits (C, V), in their dtype.
        """
        target = target.unsqueeze(1)  # (C, 1)
        probs = logits.to(bias.dtype).add_(bias)
        top, place = probs.max(dim=1, keepdim=True)  # (C, 1) each
        target_logit = probs.gather(1, target)  # (C, 1)
        probs = torch.softmax(probs, dim=1, out=probs)
        # The largest share is at least 1/V, so its logarithm is safe; the target's may be −inf.
        nll_sum.add_((top - probs.gather(1, place).log_() - target_logit).sum())
        probs.scatter_add_(1, target, probs.new_full((), -1.0).expand_as(target))
        d_bias.add_(probs.sum(0))
        return probs.to(logits.dtype)


def _add_product(left: Tensor, right: Tensor, out: Tensor) -> None:
    """Out += left · right, whose dtype may be a lower one: bfloat16 beside float32."""
    if left.dtype == out.dtype:
        out.addmm_(left, right)
    else:
        out.add_(left @ right)


class _LinearCrossEntropy(torch.autograd.Function):
    """Softmax cross-entropy of a linear layer; forward forms the gradients too."""

    @staticmethod
    def forward(
        ctx: Any,
        readout: Tensor,
        weight: Tensor,
        bias: Tensor,
        target: Tensor,
        of_products: torch.dtype,
        differentiate: bool,
    ) -> Tensor:
        """`differentiate` is False where no gradient will be asked for: then none is formed."""
        inputs = readout.to(of_products)
        chunk = chunk_rows(weight)
        d_readout = torch.empty_like(readout)  # (N, D)
        on_cpu = is_fast(readout.device)
        layer: Any = _OutputLayer(weight.to(of_products))
        if on_cpu:
            from novelgen.models.kernels.loss_numba import OutputLayer
            from novelgen.models.kernels.packed import by_rows

            layer = OutputLayer(weight.to(of_products), chunk)

        def run(first: int, last: int) -> _Part:
            part = _Part(bias.new_zeros(()), torch.zeros_like(weight), torch.zeros_like(bias))
            for own in _chunks(first, last, chunk):
                logits = layer.product(inputs[own])  # (C, V)
                errors = layer.cross_entropy(
                    logits, bias, target[own], part.nll_sum, part.d_bias
                )  # (C, V)
                if differentiate:
                    d_readout[own] = layer.product_back(errors)
                    _add_product(errors.t(), inputs[own], part.d_weight)
            return part

        # Rows are shared out between threads; their parts are added up in order.
        parts = by_rows(run, len(readout)) if on_cpu else [run(0, len(readout))]
        total = _Part(*(sum(own[1:], own[0]) for own in zip(*parts, strict=True)))
        ctx.save_for_backward(d_readout, total.d_weight, total.d_bias)
        return total.nll_sum

    @staticmethod
    def backward(ctx: Any, d_total: Tensor) -> tuple[Tensor | None, ...]:
        gradients = [gradient * d_total for gradient in ctx.saved_tensors]
        return *gradients, None, None, None


def linear_cross_entropy(readout: Tensor, weight: Tensor, bias: Tensor, target: Tensor) -> Tensor:
    """Σ −ln softmax(readout Wᵀ + b)[target], without ever holding all logits.

    readout (N, D), weight (V, D), bias (V,), target (N,) int64 → a scalar in the weight's dtype.
    Under autocast the products run in its dtype.
    """
    device = readout.device.type
    of_products = product_dtype(device, weight.dtype)
    differentiate = torch.is_grad_enabled()
    readout = readout.to(weight.dtype)
    with torch.autocast(device, enabled=False):
        loss: Tensor = apply(
            _LinearCrossEntropy, readout, weight, bias, target, of_products, differentiate
        )
    return loss
