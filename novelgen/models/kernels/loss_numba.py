"""The loss over a chunk of rows, compiled: one pass over the logits makes it and their gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch import Tensor

from novelgen.models.kernels.math_numba import compiled, exp, narrow, widen
from novelgen.models.kernels.packed import numpy_view
from novelgen.models.kernels.products import OneDnn, multiply, pack

_LANES = 64


@compiled
def _largest(values):
    """The largest of values (N,).

    In lanes, which run in vectors: in a plain loop every maximum would wait for the one before it.
    """
    lanes = np.empty(_LANES, values.dtype)
    lanes[:] = values[0]
    whole = len(values) // _LANES * _LANES
    for start in range(0, whole, _LANES):
        for lane in range(_LANES):
            lanes[lane] = max(lanes[lane], values[start + lane])
    top = values[0]
    for lane in range(_LANES):
        top = max(top, lanes[lane])
    for k in range(whole, len(values)):
        top = max(top, values[k])
    return top


@compiled
def cross_entropy(logits, bias, targets, errors, d_bias):
    """Σ −ln softmax(logits + bias)[targets], a float; targets (C,) int64, bias (V,).

    Logits (C, V). Fills errors (C, V), which may be the logits themselves, with their gradient,
    and adds that of the bias to d_bias (V,).
    """
    number, size = bias.dtype.type, len(bias)
    probs = np.empty(size, bias.dtype)
    total = 0.0
    for row in range(len(targets)):
        # 1. Logits with their bias, and the largest of them.
        for k in range(size):
            probs[k] = number(widen(logits[row, k])) + bias[k]
        top = _largest(probs)
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
            errors[row, k] = narrow(probs[k], errors)
    return total


class OutputLayer:
    """The products of an output layer (V, D) with chunks of rows, and their loss; as in `loss`."""

    def __init__(self, weight: Tensor, rows: int) -> None:
        self._size, self._width = weight.shape
        self._forwards = pack(weight, rows)
        self._backwards = pack(weight.t(), rows)

    def product(self, inputs: Tensor) -> Tensor:
        """Logits (C, V), without their bias, of inputs (C, D)."""
        return _product(inputs, self._forwards, self._size)

    def product_back(self, errors: Tensor) -> Tensor:
        """Errors (C, V) → (C, D)."""
        return _product(errors, self._backwards, self._width)

    def cross_entropy(
        self, logits: Tensor, bias: Tensor, target: Tensor, nll_sum: Tensor, d_bias: Tensor
    ) -> Tensor:
        """As `loss._OutputLayer.cross_entropy`, in the place of the logits."""
        arrays = (numpy_view(part) for part in (logits, bias, target, logits, d_bias))
        nll_sum.add_(cross_entropy(*arrays))
        return logits


def _product(left: Tensor, weight: Any, size: int) -> Tensor:
    if isinstance(weight, OneDnn):
        return weight.product(left)
    out = left.new_zeros(len(left), size)
    multiply(numpy_view(left), weight, numpy_view(out))
    return out
