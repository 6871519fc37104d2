"""What happens to single numbers in the time loops, compiled by numba: no temporaries, one pass over memory, any CPU.

Arrays are numpy views of tensors. bfloat16, which numpy lacks, comes as uint16: `widen` reads it and `narrow` writes it. All sums
are in the dtype of the scores and cells (float32, or float64). Rows first … last - 1 of a batch's B are the caller's, R of them;
several threads may work on one batch, since nothing here holds the interpreter's lock.
"""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

# Sums may be reordered, which is what lets them run in vectors; NaN and infinity stay what they are.
_FAST = {"reassoc", "contract", "arcp", "nsz"}
compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
_exact = njit(error_model="numpy", fastmath={"contract"})

# exp(2x) of queries and keys stays within exp(±40), so that their product is finite in float32; at |x| = 20 every tanh is
# 1 to the last bit of float32 unless the two nearly cancel each other.
LARGEST_EXPONENT = 40.0


@intrinsic
def _as_float(context, bits):
    """The float32 that has the same bits as an int32."""
    return types.float32(types.int32), lambda _, builder, __, args: builder.bitcast(
        args[0], ir.FloatType()
    )


@intrinsic
def _as_bits(context, value):
    """The bits of a float32 as an int32."""
    return types.int32(types.float32), lambda _, builder, __, args: builder.bitcast(
        args[0], ir.IntType(32)
    )


def widen(value):
    """A number as it counts: bfloat16 becomes float32."""


@overload(widen, inline="always")
def _widen(value):
    if value == types.uint16:
        return lambda value: _as_float(np.int32(np.uint32(value) << np.uint32(16)))
    return lambda value: value


def narrow(value, array):
    """A number as `array` holds it, rounded to the nearest; ties to even."""


@overload(narrow, inline="always")
def _narrow(value, array):
    if array.dtype == types.uint16:

        def rounded(value, array):
            bits = np.uint32(_as_bits(np.float32(value)))
            return np.uint16(
                (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1)))
                >> np.uint32(16)
            )

        return rounded
    return lambda value, array: value


@_exact
def clamp(value, limit):
    """`value` within ±limit; NaN stays NaN."""
    value = -limit if value < -limit else value
    return limit if value > limit else value


@_exact
def _exp32(value):
    """Exp of a float32 within 2 units in the last place, of values beyond ±87 as of ±87: branch-free, so that it runs in vectors."""
    value = clamp(value, np.float32(87.0))
    # Adding 1.5 · 2^23 rounds to an integer, which is then found in the lowest bits.
    shifted = value * np.float32(1.4426950408889634) + np.float32(12582912.0)
    power = shifted - np.float32(12582912.0)
    rest = (value - power * np.float32(0.693145751953125)) - power * np.float32(
        1.428606765330187e-06
    )
    series = np.float32(1.9875691500e-4)
    for factor in (
        1.3981999507e-3,
        8.3334519073e-3,
        4.1665795894e-2,
        1.6666665459e-1,
        5.0000001201e-1,
    ):
        series = series * rest + np.float32(factor)
    series = series * rest * rest + rest + np.float32(1.0)
    return series * _as_float((_as_bits(shifted) << np.int32(23)) + np.int32(0x3F800000))


def exp(value):
    """E to the `value`, float32 or float64."""


@overload(exp, inline="always")
def _exp(value):
    if value == types.float32:
        return lambda value: _exp32(value)
    return lambda value: math.exp(clamp(value, 700.0))


@compiled
def sigmoid(value):
    """1 / (1 + e^−x)."""
    one = type(value)(1)
    return one / (one + exp(-value))


@compiled
def tanh(value):
    """1 − 2 / (1 + e^2x)."""
    one = type(value)(1)
    return one - (one + one) / (one + exp(value + value))


@compiled
def exponentials(values, results, first, last):
    """Results = exp(2 · values), with the exponent clamped: (B, S, A) both."""
    limit = results.dtype.type(LARGEST_EXPONENT)
    for row in range(first, last):
        for j in range(values.shape[1]):
            for a in range(values.shape[2]):
                value = widen(values[row, j, a])
                results[row, j, a] = exp(clamp(value + value, limit))


@compiled
def mix(alpha, real, top, annotations, mixed):
    """α = softmax(e) and c = Σ α_j h_j of one row: the first `real` of alpha (S,) are e, of which `top` is the largest, and become α.

    The rest become 0. annotations (S, M); fills mixed (M,).
    """
    number = alpha.dtype.type
    mass = number(0)
    for j in range(real):
        alpha[j] = exp(alpha[j] - top)
        mass += alpha[j]
    mixed[:] = 0
    for j in range(real):
        alpha[j] /= mass
        share, annotation = alpha[j], annotations[j]
        for m in range(len(mixed)):
            mixed[m] += share * number(widen(annotation[m]))
    alpha[real:] = 0


@compiled
def attend(
    t, first, last, seen, exp_keys, annotations, lengths, score, exp_queries, alphas, contexts
):
    """Step t of e_j = vᵀ tanh(q + k_j), α = softmax(e), c = Σ α_j h_j, for annotations of which the first `lengths` are real.

    seen (R, A + …): q first. exp_keys (B, S, A), annotations (B, S, M), lengths (B,), score (A,): −2 v. Fills exp_queries[t] (B, A),
    alphas[t] (B, S) and contexts[t] (B, M). With r = 1 / (1 + e^2q · e^2k), tanh(q + k) = 1 − 2r, and the softmax cancels vᵀ1.
    """
    number = score.dtype.type
    size, width, limit, one = (
        score.shape[0],
        annotations.shape[2],
        number(LARGEST_EXPONENT),
        number(1),
    )
    read = np.empty(width, score.dtype)
    for row in range(first, last):
        query, alpha, real = exp_queries[t, row], alphas[t, row], lengths[row]
        for a in range(size):
            value = number(widen(seen[row - first, a]))
            query[a] = exp(clamp(value + value, limit))
        top = number(-np.inf)
        for j in range(real):
            total, key = number(0), exp_keys[row, j]
            for a in range(size):
                total += score[a] / (one + query[a] * key[a])
            alpha[j] = total
            top = max(top, total)
        mix(alpha, real, top, annotations[row], read)
        for m in range(width):
            contexts[t, row, m] = narrow(read[m], contexts)


@compiled
def attend_backward(
    t,
    first,
    last,
    from_gates,
    d_contexts,
    d_alphas,
    exp_keys,
    annotations,
    lengths,
    score,
    exp_queries,
    alphas,
    d_read,
    d_states,
    d_keys,
    d_score,
):
    """The gradients of `attend`, given those of its contexts: from_gates (R, M) of this step and d_contexts (B, T, M).

    d_alphas is (B, T, S), or (B, 0, 0) for none. Fills d_read[t] (B, M), the gradient of c, and the first A of d_states[t], that of q;
    adds to d_keys (B, S, A), still to be multiplied by 4 v, and to d_score (A,), that of −2 v.
    """
    number = score.dtype.type
    size, width, one, longest = score.shape[0], annotations.shape[2], number(1), alphas.shape[2]
    read, errors, d_query = (
        np.empty(width, score.dtype),
        np.empty(longest, score.dtype),
        np.empty(size, score.dtype),
    )
    for row in range(first, last):
        query, alpha, real = exp_queries[t, row], alphas[t, row], lengths[row]
        for m in range(width):
            read[m] = number(widen(from_gates[row - first, m])) + number(
                widen(d_contexts[row, t, m])
            )
            d_read[t, row, m] = narrow(read[m], d_read)
        mean = number(0)
        for j in range(real):
            total, annotation = number(0), annotations[row, j]
            for m in range(width):
                total += read[m] * number(widen(annotation[m]))
            if d_alphas.shape[1]:
                total += number(d_alphas[row, t, j])
            errors[j] = total
            mean += alpha[j] * total
        d_query[:] = 0
        for j in range(real):
            error, key, d_key = alpha[j] * (errors[j] - mean), exp_keys[row, j], d_keys[row, j]
            for a in range(size):
                r = one / (one + query[a] * key[a])
                slope = error * (r - r * r)
                d_score[a] += error * r
                d_query[a] += slope
                d_key[a] += slope
        for a in range(size):
            d_states[t, row, a] = narrow(number(-2) * score[a] * d_query[a], d_states)


@compiled
def lstm_cell(total, before, after, hidden):
    """An LSTM's step of one row: total (4H,), in the order i, f, g, o of torch.nn.LSTM, becomes what the gates are.

    before (H,) is the cell before; fills after (H,), the cell, and hidden (H,).
    """
    size = len(before)
    for k in range(size):
        i, f = sigmoid(total[k]), sigmoid(total[size + k])
        g, o = tanh(total[2 * size + k]), sigmoid(total[3 * size + k])
        total[k], total[size + k], total[2 * size + k], total[3 * size + k] = i, f, g, o
        after[k] = f * before[k] + i * g
        hidden[k] = narrow(o * tanh(after[k]), hidden)


@compiled
def lstm(t, first, last, gates, added, skipped, more, gate_activations, cells, hiddens):
    """Step t of an LSTM: `lstm_cell` of the sum of gates (B, T, 4H), added (R, skipped + 4H) and more (R, 4H), or (R, 0) for nothing.

    Fills gate_activations[t] (B, 4H), what the gates became, cells[t + 1] and hiddens[t + 1] (B, H).
    """
    number, size = gate_activations.dtype.type, cells.shape[2]
    for row in range(first, last):
        total, gate = gate_activations[t, row], gates[row, t]
        for k in range(4 * size):
            total[k] = number(widen(gate[k])) + number(widen(added[row - first, skipped + k]))
        if more.shape[1]:
            for k in range(4 * size):
                total[k] += number(widen(more[row - first, k]))
        lstm_cell(total, cells[t, row], cells[t + 1, row], hiddens[t + 1, row, :size])


@compiled
def lstm_backward(
    t, first, last, d_later, d_hiddens, d_cell, gate_activations, cells, d_states, skipped
):
    """The gradients of `lstm`: d_later (R, H) of h as later steps see it, d_hiddens (B, T, H), or (B, 0, 0), as others do.

    d_cell (B, H) is that of the cell after the step and becomes that of the cell before. Fills d_states[t] (B, skipped + 4H) behind
    the first `skipped`.
    """
    number, size = gate_activations.dtype.type, cells.shape[2]
    one = number(1)
    has_own = d_hiddens.shape[1] > 0
    for row in range(first, last):
        squash, before, after, d_c, d_gate = (
            gate_activations[t, row],
            cells[t, row],
            cells[t + 1, row],
            d_cell[row],
            d_states[t, row, skipped:],
        )
        for k in range(size):
            d_h = number(widen(d_later[row - first, k]))
            if has_own:
                d_h += number(widen(d_hiddens[row, t, k]))
            i, f, g, o = squash[k], squash[size + k], squash[2 * size + k], squash[3 * size + k]
            out = tanh(after[k])
            d_after = d_c[k] + d_h * o * (one - out * out)
            d_gate[k] = narrow(d_after * g * i * (one - i), d_states)
            d_gate[size + k] = narrow(d_after * before[k] * f * (one - f), d_states)
            d_gate[2 * size + k] = narrow(d_after * i * (one - g * g), d_states)
            d_gate[3 * size + k] = narrow(d_h * out * o * (one - o), d_states)
            d_c[k] = d_after * f
