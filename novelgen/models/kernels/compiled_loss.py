"""The loss over the vocabulary, compiled: one pass over the logits makes it and their gradient.

numba's cache on disk looks at this file alone: after a change in `math_numba` of what is
imported here, touch this file too.
"""

from __future__ import annotations

import math

import numpy as np

from novelgen.models.kernels.math_numba import compiled, exp, narrow, widen

_LANES = 64


@compiled
def largest(values):
    """The largest of values (N,).

    In lanes, which run in vectors: in a plain loop every maximum would wait for the one before it.
    """
    lanes = np.full(_LANES, -np.inf, values.dtype)
    whole = len(values) // _LANES * _LANES
    for start in range(0, whole, _LANES):
        for lane in range(_LANES):
            lanes[lane] = max(lanes[lane], values[start + lane])
    top = lanes.max()
    for k in range(whole, len(values)):
        top = max(top, values[k])
    return top


@compiled
def cross_entropy(logits, bias, targets, errors, d_bias):
    """Σ −ln softmax(logits + bias)[targets], a float; targets (N,) int64, bias (V,).

    Logits (N, V). Fills errors (N, V), which may be the logits themselves, with their gradient,
    and adds that of the bias to d_bias (V,).
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
            errors[row, k] = narrow(probs[k], errors)
    return total
