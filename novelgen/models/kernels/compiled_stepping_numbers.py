"""The arithmetic of one step of writing, compiled: exp, sigmoid, tanh and products of a few rows.

numba's cache on disk looks at one file alone: after a change here, touch compiled_stepping.py too.
"""

# ruff: noqa: ARG001 -- numba fixes which arguments an intrinsic has

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

# Sums may be reordered, so that they vectorise. Not more: NaN and infinity must stay what they are.
REORDER = ("reassoc", "contract", "nsz")
_LARGEST = np.float32(87.0)  # exp(±87) is a normal float32
# As in `manual`: exp(2x) of queries and keys stays within exp(±40), so that their product is
# finite.
_LARGEST_SCORED = np.float32(40.0)


def compiled(*flags: str) -> Any:
    """`njit` with these fast-math flags.

    A division by 0 is infinite: to check for it would keep loops from vectorising.
    """
    return njit(nogil=True, error_model="numpy", fastmath=set(flags))


@intrinsic
def _widened(typing, value):
    """A weight as float32: itself, or the bfloat16 whose bits a uint16 holds."""

    def emit(context, builder, signature, arguments):
        if value == types.float32:
            return arguments[0]
        word = ir.IntType(32)
        return builder.bitcast(
            builder.shl(builder.zext(arguments[0], word), word(16)), ir.FloatType()
        )

    return types.float32(value), emit


@intrinsic
def _power_of_two(typing, shifted):
    """2**n of n + 1.5 · 2**23 (float32), whose lowest bits hold the integer n; -126 ≤ n ≤ 127."""

    def emit(context, builder, signature, arguments):
        word = ir.IntType(32)
        biased = builder.add(builder.bitcast(arguments[0], word), word(127))
        return builder.bitcast(builder.shl(biased, word(23)), ir.FloatType())

    return types.float32(types.float32), emit


# The scalar functions below are branch-free, so that a loop over them vectorises (numba brings no
# vector library of its own). They must not be reordered: adding the shift and subtracting it
# again is how exp rounds.
@compiled("contract")
def exp(x):
    """e**x to 2 units in the last place; beyond ±87, as at ±87. NaN stays NaN."""
    x = -_LARGEST if x < -_LARGEST else x
    x = _LARGEST if x > _LARGEST else x
    shifted = x * np.float32(1.44269504) + np.float32(12582912.0)
    n = shifted - np.float32(12582912.0)
    # 1. x = n ln 2 + r; ln 2 is in two parts, the first with so few bits that n times it is exact.
    r = (x - n * np.float32(0.693359375)) - n * np.float32(-2.12194440e-4)
    # 2. e**r by the polynomial of Cephes' expf, times 2**n.
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    return (p * r * r + r + np.float32(1.0)) * _power_of_two(shifted)


@compiled("contract")
def sigmoid(x):
    """1 / (1 + e**-x)."""
    return np.float32(1.0) / (np.float32(1.0) + exp(-x))


@compiled("contract")
def tanh(x):
    """The hyperbolic tangent.

    Near 0 it is Cephes' polynomial, where 1 − 2 / (1 + e**2x) would lose its digits.
    """
    z = x * x
    p = np.float32(-5.70498872745e-3)
    p = p * z + np.float32(2.06390887954e-2)
    p = p * z + np.float32(-5.37397155531e-2)
    p = p * z + np.float32(1.33314422036e-1)
    p = p * z + np.float32(-3.33332819422e-1)
    far = np.float32(1.0) - np.float32(2.0) / (np.float32(1.0) + exp(x + x))
    return p * z * x + x if z < np.float32(0.390625) else far


@compiled("contract")
def exponential(x):
    """exp(2x) of a query or a key, the exponent clamped."""
    x = x + x
    x = -_LARGEST_SCORED if x < -_LARGEST_SCORED else x
    return exp(_LARGEST_SCORED if x > _LARGEST_SCORED else x)


@compiled(*REORDER)
def _dot(weight, n, inputs, b):
    total = np.float32(0)
    for k in range(inputs.shape[1]):
        total += _widened(weight[n, k]) * inputs[b, k]
    return total


# Four rows of the weight times one, two or three rows of inputs: a weight that is loaded once is
# used that often, and the sums stay in registers. The four are a quarter of the matrix apart: so
# the memory is read in four long runs, which the prefetcher foresees; with neighbours it would not.
# In each, x, y, z are the inputs and p, q, r the sums of the first, second and third row.
@compiled(*REORDER)
def _four_by_one(weight, n, inputs, b, out):
    m = n + len(weight) // 4
    o = n + len(weight) // 4 * 2
    p = n + len(weight) // 4 * 3
    p0 = p1 = p2 = p3 = np.float32(0)
    for k in range(inputs.shape[1]):
        s = _widened(weight[n, k])
        t = _widened(weight[m, k])
        u = _widened(weight[o, k])
        v = _widened(weight[p, k])
        x = inputs[b, k]
        p0 += s * x
        p1 += t * x
        p2 += u * x
        p3 += v * x
    out[b, n] = p0
    out[b, m] = p1
    out[b, o] = p2
    out[b, p] = p3


@compiled(*REORDER)
def _four_by_two(weight, n, inputs, b, out):
    m = n + len(weight) // 4
    o = n + len(weight) // 4 * 2
    p = n + len(weight) // 4 * 3
    p0 = p1 = p2 = p3 = np.float32(0)
    q0 = q1 = q2 = q3 = np.float32(0)
    for k in range(inputs.shape[1]):
        s = _widened(weight[n, k])
        t = _widened(weight[m, k])
        u = _widened(weight[o, k])
        v = _widened(weight[p, k])
        x, y = inputs[b, k], inputs[b + 1, k]
        p0 += s * x
        p1 += t * x
        p2 += u * x
        p3 += v * x
        q0 += s * y
        q1 += t * y
        q2 += u * y
        q3 += v * y
    out[b, n] = p0
    out[b, m] = p1
    out[b, o] = p2
    out[b, p] = p3
    out[b + 1, n] = q0
    out[b + 1, m] = q1
    out[b + 1, o] = q2
    out[b + 1, p] = q3


@compiled(*REORDER)
def _four_by_three(weight, n, inputs, b, out):
    m = n + len(weight) // 4
    o = n + len(weight) // 4 * 2
    p = n + len(weight) // 4 * 3
    p0 = p1 = p2 = p3 = np.float32(0)
    q0 = q1 = q2 = q3 = np.float32(0)
    r0 = r1 = r2 = r3 = np.float32(0)
    for k in range(inputs.shape[1]):
        s = _widened(weight[n, k])
        t = _widened(weight[m, k])
        u = _widened(weight[o, k])
        v = _widened(weight[p, k])
        x = inputs[b, k]
        y = inputs[b + 1, k]
        z = inputs[b + 2, k]
        p0 += s * x
        p1 += t * x
        p2 += u * x
        p3 += v * x
        q0 += s * y
        q1 += t * y
        q2 += u * y
        q3 += v * y
        r0 += s * z
        r1 += t * z
        r2 += u * z
        r3 += v * z
    out[b, n] = p0
    out[b, m] = p1
    out[b, o] = p2
    out[b, p] = p3
    out[b + 1, n] = q0
    out[b + 1, m] = q1
    out[b + 1, o] = q2
    out[b + 1, p] = q3
    out[b + 2, n] = r0
    out[b + 2, m] = r1
    out[b + 2, o] = r2
    out[b + 2, p] = r3


@compiled()
def product(weight, inputs, out):
    """Fills out (B, N) with inputs (B, K) · weight (N, K)ᵀ; the memory is read once, whatever B."""
    rows = len(inputs)
    threes = rows // 3 * 3  # rows that are multiplied three at a time
    size = len(weight)
    for n in range(size // 4):
        for b in range(0, threes, 3):
            _four_by_three(weight, n, inputs, b, out)
        if rows - threes == 2:
            _four_by_two(weight, n, inputs, threes, out)
        elif rows - threes == 1:
            _four_by_one(weight, n, inputs, threes, out)
    for n in range(size - size % 4, size):
        for b in range(rows):
            out[b, n] = _dot(weight, n, inputs, b)
