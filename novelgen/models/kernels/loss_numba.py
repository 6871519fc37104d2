"""The loss over a vocabulary on CPUs: one pass over some rows' logits makes it and their gradient.

C rows of a chunk, N rows, D features, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor

from novelgen.models.kernels.api import product_dtype
from novelgen.models.kernels.math_numba import compiled, exp, largest, narrow, widen
from novelgen.models.kernels.packed import by_rows, numpy_view
from novelgen.models.kernels.products import OneDnn, multiply, pack_weight


@compiled
def cross_entropy(logits, bias, targets, d_bias):
    """Σ −ln softmax(logits + bias)[targets], a float; targets (C,) int64, bias (V,).

    Logits (C, V) become their gradient; adds that of the bias to d_bias (V,).
    """
    number, size = bias.dtype.type, len(bias)
    probs = np.empty(size, bias.dtype)
    total = 0.0
    for row in range(len(targets)):
        # 1. Logits with their bias, and the largest of them.
        for k in range(size):
            probs[k] = number(widen(logits[row, k])) + bias[k]
        top = largest(probs)
        # 2. The loss: ln Σ_k e^(x_k − top) + top − x_target.
        target_logit, mass = probs[targets[row]], number(0)
        for k in range(size):
            probs[k] = exp(probs[k] - top)
            mass += probs[k]
        total += math.log(mass) + (top - target_logit)
        # 3. Its gradient, softmax minus the one-hot target.
        scale = number(1) / mass
        for k in range(size):
            probs[k] *= scale
        probs[targets[row]] -= number(1)
        for k in range(size):
            d_bias[k] += probs[k]
            logits[row, k] = narrow(probs[k], logits)
    return total


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


class _LinearCrossEntropy(torch.autograd.Function):
    """Softmax cross-entropy of a linear layer; forward forms the gradients too.

    So they are formed while a chunk of logits is in the cache.
    """

    @staticmethod
    def forward(
        ctx: Any,
        readout: Tensor,
        weight: Tensor,
        bias: Tensor,
        target: Tensor,
        of_products: torch.dtype,
        chunk: int,
        differentiate: bool,
    ) -> Tensor:
        """`differentiate` is False where no gradient will be asked for: then none is formed."""
        inputs = readout.to(of_products)
        small = weight.to(of_products)  # (V, D)
        forwards, backwards = pack_weight(small, chunk), pack_weight(small.t(), chunk)
        d_readout = torch.empty_like(readout)  # (N, D)

        def run(first: int, last: int) -> tuple[Tensor, ...]:
            nll_sum = bias.new_zeros(())
            d_weight, d_bias = torch.zeros_like(weight), torch.zeros_like(bias)
            for own in _chunks(first, last, chunk):
                errors = _product(inputs[own], forwards, len(small))  # (C, V), logits until now
                arrays = (errors, bias, target[own], d_bias)
                nll_sum += cross_entropy(*map(numpy_view, arrays))
                if differentiate:
                    d_readout[own] = _product(errors, backwards, small.shape[1])
                    _add_outer(errors, inputs[own], d_weight)
            return nll_sum, d_weight, d_bias

        # Rows are shared out between threads; what each adds is summed up in order.
        shares = zip(*by_rows(run, len(readout)), strict=True)
        sums: list[Tensor] = [reduce(torch.add, own) for own in shares]
        ctx.save_for_backward(d_readout, *sums[1:])
        return sums[0]

    @staticmethod
    def backward(ctx: Any, d_total: Tensor) -> tuple[Tensor | None, ...]:
        gradients = [gradient * d_total for gradient in ctx.saved_tensors]
        return *gradients, None, None, None, None


def _product(left: Tensor, weight: Any, size: int) -> Tensor:
    """Left (C, K) times a packed weight (size, K): (C, size), in the dtype of left."""
    if isinstance(weight, OneDnn):
        return weight.product(left)
    out = left.new_zeros(len(left), size)
    multiply(numpy_view(left), weight, numpy_view(out))
    return out


def _add_outer(errors: Tensor, inputs: Tensor, d_weight: Tensor) -> None:
    """d_weight (V, D) += errorsᵀ (V, C) · inputs (C, D)."""
    if errors.dtype == d_weight.dtype:
        d_weight.addmm_(errors.t(), inputs)
    else:
        d_weight.add_(errors.t() @ inputs)


def linear_cross_entropy(
    readout: Tensor, weight: Tensor, bias: Tensor, target: Tensor, chunk: int
) -> Tensor:
    """`loss.linear_cross_entropy` on a CPU, with logits of `chunk` rows at a time."""
    of_products = product_dtype("cpu", weight.dtype)
    differentiate = torch.is_grad_enabled()
    with torch.autocast("cpu", enabled=False):
        loss: Tensor = _LinearCrossEntropy.apply(
            readout.to(weight.dtype),
            weight,
            bias,
            target,
            of_products,
            chunk,
            differentiate,
        )
    return loss
