"""One step of writing, compiled: from tokens to logits for a few rows, as `BahdanauDecoder` has it.

A step reads every weight once, so its speed is that of the memory: weights may be bfloat16, kept
as uint16 and widened by a shift in the register. int8 with a scale a row was measured 5 % faster
than that on an EPYC, where widening and not the memory is then the limit: not worth its error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

# Sums may be reordered, so that they vectorise. Not more: NaN and infinity must stay what they are.
_REORDER = ("reassoc", "contract", "nsz")
_LARGEST = np.float32(87.0)  # exp(±87) is a normal float32
# As in `manual`: exp(2x) of queries and keys stays within exp(±40), so that their product is
# finite.
_LARGEST_SCORED = np.float32(40.0)


def _compiled(*flags: str) -> Any:
    """`njit` with these fast-math flags. A division by 0 is infinite: to look for it would keep loops from vectorising."""
    return njit(nogil=True, error_model="numpy", fastmath=set(flags))


def _cached(function: Any) -> Any:
    """`njit` with a cache on disk where a folder for one can be written: for what Python calls; it holds all that is called from it."""
    try:
        return njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:  # "no locator available": neither beside this file nor in the user's cache
        return njit(nogil=True, error_model="numpy")(function)


@intrinsic
def _widened(typing: Any, value: Any) -> Any:
    """A weight as float32: itself, or the bfloat16 whose bits a uint16 holds."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if value == types.float32:
            return arguments[0]
        word = ir.IntType(32)
        return builder.bitcast(
            builder.shl(builder.zext(arguments[0], word), word(16)), ir.FloatType()
        )

    return types.float32(value), emit


@intrinsic
def _power_of_two(typing: Any, shifted: Any) -> Any:
    """2**n of n + 1.5 · 2**23 (float32), whose lowest bits hold the integer n; -126 ≤ n ≤ 127."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(32)
        biased = builder.add(builder.bitcast(arguments[0], word), word(127))
        return builder.bitcast(builder.shl(biased, word(23)), ir.FloatType())

    return types.float32(types.float32), emit


# The scalar functions below are branch-free, so that a loop over them vectorises (numba brings no
# vector library of its own). They must not be reordered: adding the shift and subtracting it
# again is how exp rounds.
@_compiled("contract")
def exp(x: float) -> float:
    """e**x to 2 units in the last place, for x within ±87; beyond that, as at ±87. NaN stays NaN."""
    x = _LARGEST if x > _LARGEST else (-_LARGEST if x < -_LARGEST else x)
    shifted = x * np.float32(1.44269504) + np.float32(12582912.0)
    n = shifted - np.float32(12582912.0)
    # ln 2 in two parts, the first of which has so few bits that n times it is exact; then the
    # polynomial of Cephes' expf.
    r = (x - n * np.float32(0.693359375)) - n * np.float32(-2.12194440e-4)
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    return (p * r * r + r + np.float32(1.0)) * _power_of_two(shifted)


@_compiled("contract")
def sigmoid(x: float) -> float:
    """1 / (1 + e**-x)."""
    return np.float32(1.0) / (np.float32(1.0) + exp(-x))


@_compiled("contract")
def tanh(x: float) -> float:
    """The hyperbolic tangent; near 0 by Cephes' polynomial, where 1 − 2 / (1 + e**2x) would lose its digits."""
    z = x * x
    p = np.float32(-5.70498872745e-3)
    p = p * z + np.float32(2.06390887954e-2)
    p = p * z + np.float32(-5.37397155531e-2)
    p = p * z + np.float32(1.33314422036e-1)
    p = p * z + np.float32(-3.33332819422e-1)
    far = np.float32(1.0) - np.float32(2.0) / (np.float32(1.0) + exp(x + x))
    return p * z * x + x if z < np.float32(0.390625) else far


@_cached
def exponentials(values: np.ndarray) -> np.ndarray:
    """exp(2x) for the scores, clamped: float32 of any shape, C-contiguous."""
    result = np.empty_like(values)
    flat, out = values.ravel(), result.ravel()
    for k in range(flat.size):
        out[k] = _exponential(flat[k])
    return result


@_compiled("contract")
def _exponential(x: float) -> float:
    x = x + x
    return exp(
        _LARGEST_SCORED
        if x > _LARGEST_SCORED
        else (-_LARGEST_SCORED if x < -_LARGEST_SCORED else x)
    )


@_compiled(*_REORDER)
def _dot(weight: np.ndarray, n: int, inputs: np.ndarray, b: int) -> float:
    total = np.float32(0)
    for k in range(inputs.shape[1]):
        total += _widened(weight[n, k]) * inputs[b, k]
    return total


# Four weight rows for one, two or three rows: what is loaded once is used that often, and the
# sums stay in registers. The four are a quarter of the matrix apart: the memory is read in four
# long runs, which it foresees; of neighbours it would not.
@_compiled(*_REORDER)
def _four_by_one(weight: np.ndarray, n: int, inputs: np.ndarray, b: int, out: np.ndarray) -> None:
    m, o, p = n + len(weight) // 4, n + len(weight) // 4 * 2, n + len(weight) // 4 * 3
    p0 = p1 = p2 = p3 = np.float32(0)
    for k in range(inputs.shape[1]):
        s, t, u, v = (
            _widened(weight[n, k]),
            _widened(weight[m, k]),
            _widened(weight[o, k]),
            _widened(weight[p, k]),
        )
        x = inputs[b, k]
        p0, p1, p2, p3 = p0 + s * x, p1 + t * x, p2 + u * x, p3 + v * x
    out[b, n], out[b, m], out[b, o], out[b, p] = p0, p1, p2, p3


@_compiled(*_REORDER)
def _four_by_two(weight: np.ndarray, n: int, inputs: np.ndarray, b: int, out: np.ndarray) -> None:
    m, o, p = n + len(weight) // 4, n + len(weight) // 4 * 2, n + len(weight) // 4 * 3
    p0 = p1 = p2 = p3 = q0 = q1 = q2 = q3 = np.float32(0)
    for k in range(inputs.shape[1]):
        s, t, u, v = (
            _widened(weight[n, k]),
            _widened(weight[m, k]),
            _widened(weight[o, k]),
            _widened(weight[p, k]),
        )
        x, y = inputs[b, k], inputs[b + 1, k]
        p0, p1, p2, p3 = p0 + s * x, p1 + t * x, p2 + u * x, p3 + v * x
        q0, q1, q2, q3 = q0 + s * y, q1 + t * y, q2 + u * y, q3 + v * y
    out[b, n], out[b, m], out[b, o], out[b, p] = p0, p1, p2, p3
    out[b + 1, n], out[b + 1, m], out[b + 1, o], out[b + 1, p] = q0, q1, q2, q3


@_compiled(*_REORDER)
def _four_by_three(weight: np.ndarray, n: int, inputs: np.ndarray, b: int, out: np.ndarray) -> None:
    m, o, p = n + len(weight) // 4, n + len(weight) // 4 * 2, n + len(weight) // 4 * 3
    p0 = p1 = p2 = p3 = q0 = q1 = q2 = q3 = r0 = r1 = r2 = r3 = np.float32(0)
    for k in range(inputs.shape[1]):
        s, t, u, v = (
            _widened(weight[n, k]),
            _widened(weight[m, k]),
            _widened(weight[o, k]),
            _widened(weight[p, k]),
        )
        x, y, z = inputs[b, k], inputs[b + 1, k], inputs[b + 2, k]
        p0, p1, p2, p3 = p0 + s * x, p1 + t * x, p2 + u * x, p3 + v * x
        q0, q1, q2, q3 = q0 + s * y, q1 + t * y, q2 + u * y, q3 + v * y
        r0, r1, r2, r3 = r0 + s * z, r1 + t * z, r2 + u * z, r3 + v * z
    out[b, n], out[b, m], out[b, o], out[b, p] = p0, p1, p2, p3
    out[b + 1, n], out[b + 1, m], out[b + 1, o], out[b + 1, p] = q0, q1, q2, q3
    out[b + 2, n], out[b + 2, m], out[b + 2, o], out[b + 2, p] = r0, r1, r2, r3


@_compiled()
def product(weight: np.ndarray, inputs: np.ndarray, out: np.ndarray) -> None:
    """Out (B, N) = inputs (B, K) · weight (N, K)ᵀ; every weight leaves the memory once, whatever B."""
    rows, threes, size = len(inputs), len(inputs) // 3 * 3, len(weight)
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


@_compiled(*_REORDER)
def _attend(
    query: np.ndarray,
    exp_keys: np.ndarray,
    score: np.ndarray,
    values: np.ndarray,
    alpha: np.ndarray,
    mixed: np.ndarray,
) -> None:
    """Of one row: query (≥ A,), exp_keys (n, A), score (A,): −2v, values (n, W) → alpha (n,), mixed (W,): Σ_j α_j values_j."""
    size = len(score)
    exp_query = np.empty(size, np.float32)
    for k in range(size):
        exp_query[k] = _exponential(query[k])
    top = np.float32(-np.inf)
    for j in range(len(alpha)):
        total = np.float32(0)
        for k in range(size):
            total += score[k] / (np.float32(1.0) + exp_query[k] * exp_keys[j, k])
        alpha[j] = total
        top = total if total > top else top
    total = np.float32(0)
    for j in range(len(alpha)):
        alpha[j] = exp(alpha[j] - top)
        total += alpha[j]
    mixed[:] = 0
    for j in range(len(alpha)):
        alpha[j] /= total
        share = alpha[j]
        for k in range(len(mixed)):
            mixed[k] += share * values[j, k]


@_compiled("contract")
def _lstm(
    gates: np.ndarray, before: np.ndarray, after: np.ndarray, place: int, hidden: np.ndarray
) -> None:
    """Of one row: gates (4H,) in torch's order i, f, g, o; a layer's hidden and cell are at place and place + 1 of its state (2L, H).
    The hidden after is also put into hidden (H,).
    """
    size = len(hidden)
    i, f, g, o = gates[:size], gates[size : 2 * size], gates[2 * size : 3 * size], gates[3 * size :]
    cell, cell_after, hidden_after = before[place + 1], after[place + 1], after[place]
    for k in range(size):
        cell_after[k] = sigmoid(f[k]) * cell[k] + sigmoid(i[k]) * tanh(g[k])
    for k in range(size):
        hidden[k] = sigmoid(o[k]) * tanh(cell_after[k])
        hidden_after[k] = hidden[k]


# Below, loops and not array expressions: those would take most of the time to compile.
@_compiled("contract")
def _read(
    seen: np.ndarray,
    rows: np.ndarray,
    lengths: np.ndarray,
    exp_keys: np.ndarray,
    values: np.ndarray,
    score: np.ndarray,
    from_context: np.ndarray,
    alphas: np.ndarray,
) -> np.ndarray:
    """Attention with the queries seen[:, :A]: fills alphas (B, S); what it adds to gates and readout, (B, 4H + E)."""
    batch = len(seen)
    mixed = np.empty((batch, values.shape[2]), np.float32)
    for b in range(batch):
        source, length = rows[b], lengths[rows[b]]
        _attend(
            seen[b],
            exp_keys[source, :length],
            score,
            values[source, :length],
            alphas[b, :length],
            mixed[b],
        )
    if not len(from_context):
        return mixed
    shares = np.empty((batch, len(from_context)), np.float32)
    product(from_context, mixed, shares)
    return shares


@_compiled("contract")
def _run_layers(
    gates: np.ndarray,
    state: np.ndarray,
    from_below: np.ndarray,
    upper_bias: np.ndarray,
    after: np.ndarray,
    hidden: np.ndarray,
) -> None:
    """The cells from the first layer's gates (B, 4H) on: fills after (B, 2L, H) and hidden (B, H), that of the last layer."""
    batch, size = hidden.shape
    below = np.empty((batch, 2 * size), np.float32)
    for layer in range(len(from_below) + 1):
        if layer:
            for b in range(batch):
                for k in range(size):
                    below[b, k], below[b, size + k] = hidden[b, k], state[b, 2 * layer, k]
            product(from_below[layer - 1], below, gates)
            for b in range(batch):
                for k in range(4 * size):
                    gates[b, k] += upper_bias[layer - 1, k]
        for b in range(batch):
            _lstm(gates[b], state[b], after[b], 2 * layer, hidden[b])


@_compiled("contract")
def _project(
    hidden: np.ndarray,
    added: np.ndarray,
    from_top: np.ndarray,
    output: np.ndarray,
    output_bias: np.ndarray,
) -> np.ndarray:
    """Logits (B, V) of readouts (B, E) to which the last E of `added` (B, 4H + E) come."""
    batch, before = len(hidden), added.shape[1] - len(from_top)
    readout, logits = (
        np.empty((batch, len(from_top)), np.float32),
        np.empty((batch, len(output)), np.float32),
    )
    product(from_top, hidden, readout)
    for b in range(batch):
        for k in range(len(from_top)):
            readout[b, k] = tanh(readout[b, k] + added[b, before + k])
    product(output, readout, logits)
    for b in range(batch):
        for k in range(len(output)):
            logits[b, k] += output_bias[k]
    return logits


@_cached
def step(
    places: np.ndarray,
    fixed: np.ndarray,
    state: np.ndarray,
    rows: np.ndarray,
    lengths: np.ndarray,
    exp_keys: np.ndarray,
    values: np.ndarray,
    score: np.ndarray,
    from_state: np.ndarray,
    from_context: np.ndarray,
    from_below: np.ndarray,
    upper_bias: np.ndarray,
    from_top: np.ndarray,
    output: np.ndarray,
    output_bias: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One token on, for B rows: logits (B, V), the next state (B, 2L, H), attention weights (B, S), all float32.

    fixed (N, 4H + E): the token's share in gates and readout, biases included, for row b at
    places[b]. state: hidden and cell of each layer. Row b reads source rows[b] of exp_keys (U, S,
    A) and values (U, S, W), its first lengths[rows[b]] positions; values are the shares of the
    annotations in gates and readout, W = 4H + E, or the annotations themselves, when
    `from_context` (4H + E, W) makes those shares; it has 0 rows otherwise. score (A,): −2v.
    from_state (A + 4H, H): query over recurrent. from_below (L − 1, 4H, 2H): of the layers above
    the first, input beside recurrent; upper_bias (L − 1, 4H). from_top (E, H): the readout of the
    last hidden. output (V, E). Matrices are float32, or bfloat16 as uint16.
    """
    batch, size, attention = len(places), state.shape[2], len(score)
    hidden, after = state[:, 0].copy(), np.empty_like(state)
    seen, gates = (
        np.empty((batch, attention + 4 * size), np.float32),
        np.empty((batch, 4 * size), np.float32),
    )
    product(from_state, hidden, seen)
    alphas = np.zeros((batch, values.shape[1]), np.float32)
    shares = _read(seen, rows, lengths, exp_keys, values, score, from_context, alphas)
    for b in range(batch):
        of_token, of_state = fixed[places[b]], seen[b, attention:]
        for k in range(len(of_token)):
            shares[b, k] += of_token[k]
        for k in range(4 * size):
            gates[b, k] = shares[b, k] + of_state[k]
    _run_layers(gates, state, from_below, upper_bias, after, hidden)
    return _project(hidden, shares, from_top, output, output_bias), after, alphas
