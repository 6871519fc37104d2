"""One step of writing, compiled; `stepping` is what others call.

numba's cache on disk looks at this file alone: after a change in compiled_stepping_numbers.py,
touch this file too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from novelgen.models.kernels.compiled_stepping_numbers import (
    REORDER,
    compiled,
    exp,
    exponential,
    product,
    sigmoid,
    tanh,
)


def _cached(function: Any) -> Any:
    """`njit` for what Python calls, with a cache on disk where a folder for one can be written.

    The cache holds all that is called from the function.
    """
    try:
        return njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:  # "no locator available": neither beside this file nor in the user's cache
        return njit(nogil=True, error_model="numpy")(function)


@_cached
def exponentials(values):
    """exp(2x) for the scores, clamped: float32 of any shape, C-contiguous."""
    result = np.empty_like(values)
    flat, out = values.ravel(), result.ravel()
    for k in range(flat.size):
        out[k] = exponential(flat[k])
    return result


@compiled(*REORDER)
def _attend(
    query,
    exp_keys,
    score,
    values,
    alpha,
    mixed,
):
    """Attention of one row: fills alpha (n,) and mixed (W,) = Σ_j α_j values_j.

    query (≥ A,), exp_keys (n, A), score (A,): −2v, values (n, W).
    """
    size = len(score)
    exp_query = np.empty(size, np.float32)
    for k in range(size):
        exp_query[k] = exponential(query[k])
    # 1. e_j = Σ_k −2 v_k / (1 + e^2q_k e^2k_jk), and the largest.
    top = np.float32(-np.inf)
    for j in range(len(alpha)):
        total = np.float32(0)
        for k in range(size):
            total += score[k] / (np.float32(1.0) + exp_query[k] * exp_keys[j, k])
        alpha[j] = total
        top = total if total > top else top
    # 2. α = softmax(e).
    total = np.float32(0)
    for j in range(len(alpha)):
        alpha[j] = exp(alpha[j] - top)
        total += alpha[j]
    # 3. What α reads.
    mixed[:] = 0
    for j in range(len(alpha)):
        alpha[j] /= total
        share = alpha[j]
        for k in range(len(mixed)):
            mixed[k] += share * values[j, k]


@compiled("contract")
def _lstm(gates, before, after, place, hidden):
    """A layer's step of one row: gates (4H,) in torch's order i, f, g, o.

    The layer's hidden and cell are at place and place + 1 of the states before and after (2L, H).
    The hidden after is also put into hidden (H,).
    """
    size = len(hidden)
    i = gates[:size]
    f = gates[size : 2 * size]
    g = gates[2 * size : 3 * size]
    o = gates[3 * size :]
    cell = before[place + 1]
    cell_after = after[place + 1]
    hidden_after = after[place]
    for k in range(size):
        cell_after[k] = sigmoid(f[k]) * cell[k] + sigmoid(i[k]) * tanh(g[k])
    for k in range(size):
        hidden[k] = sigmoid(o[k]) * tanh(cell_after[k])
        hidden_after[k] = hidden[k]


# Below, loops and not array expressions: those would take most of the time to compile.
@compiled("contract")
def _read(
    seen,
    rows,
    lengths,
    exp_keys,
    values,
    score,
    from_context,
    alphas,
):
    """Attention with the queries seen[:, :A]: fills alphas (B, S).

    Returns what the contexts add to gates and readout, (B, 4H + E).
    """
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


@compiled("contract")
def _run_layers(
    gates,
    state,
    from_below,
    upper_bias,
    after,
    hidden,
):
    """All layers, given the first one's gates (B, 4H), which later ones overwrite.

    Fills after (B, 2L, H), the state, and hidden (B, H), that of the last layer.
    """
    batch, size = hidden.shape
    below = np.empty((batch, 2 * size), np.float32)
    for layer in range(len(from_below) + 1):
        if layer:
            for b in range(batch):
                for k in range(size):
                    below[b, k] = hidden[b, k]
                    below[b, size + k] = state[b, 2 * layer, k]
            product(from_below[layer - 1], below, gates)
            for b in range(batch):
                for k in range(4 * size):
                    gates[b, k] += upper_bias[layer - 1, k]
        for b in range(batch):
            _lstm(gates[b], state[b], after[b], 2 * layer, hidden[b])


@compiled("contract")
def _project(
    hidden,
    added,
    from_top,
    output,
    output_bias,
):
    """Logits (B, V) of the readouts tanh(from_top · hidden + the last E of added (B, 4H + E))."""
    batch, before = len(hidden), added.shape[1] - len(from_top)
    readout = np.empty((batch, len(from_top)), np.float32)
    logits = np.empty((batch, len(output)), np.float32)
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
    places,
    fixed,
    state,
    rows,
    lengths,
    exp_keys,
    values,
    score,
    from_state,
    from_context,
    from_below,
    upper_bias,
    from_top,
    output,
    output_bias,
):
    """`stepping.step`, which says the shapes."""
    batch = len(places)
    size = state.shape[2]
    attention = len(score)
    hidden, after = state[:, 0].copy(), np.empty_like(state)
    seen = np.empty((batch, attention + 4 * size), np.float32)
    gates = np.empty((batch, 4 * size), np.float32)
    # 1. Queries and the recurrent share of the gates, in one product.
    product(from_state, hidden, seen)
    # 2. Attention, and what the contexts add.
    alphas = np.zeros((batch, values.shape[1]), np.float32)
    shares = _read(seen, rows, lengths, exp_keys, values, score, from_context, alphas)
    # 3. The gates of the first layer: the token's share, the context's and the state's.
    for b in range(batch):
        of_token, of_state = fixed[places[b]], seen[b, attention:]
        for k in range(len(of_token)):
            shares[b, k] += of_token[k]
        for k in range(4 * size):
            gates[b, k] = shares[b, k] + of_state[k]
    # 4. The layers, the readout and the logits.
    _run_layers(gates, state, from_below, upper_bias, after, hidden)
    return _project(hidden, shares, from_top, output, output_bias), after, alphas
