"""The elementwise parts of the time loops, compiled by numba: no temporaries, one pass over memory.

Arrays are numpy views of tensors. bfloat16, which numpy lacks, comes as uint16: `widen` reads it
and `narrow` writes it. All sums are in the dtype of the scores and cells (float32, or float64).
Rows first … last - 1 of a batch's B are the caller's, R of them; several threads may work on one
batch, since nothing here holds the interpreter's lock.
"""

from __future__ import annotations

import numpy as np

from novelgen.models.kernels.math_numba import (
    LARGEST_EXPONENT,
    clamp,
    compiled,
    exp,
    narrow,
    sigmoid,
    tanh,
    widen,
)


@compiled
def exponentials(values, results, first, last):
    """Fills results (B, S, A) with exp(2 · values), the exponent clamped."""
    limit = results.dtype.type(LARGEST_EXPONENT)
    for row in range(first, last):
        for j in range(values.shape[1]):
            for a in range(values.shape[2]):
                value = widen(values[row, j, a])
                results[row, j, a] = exp(clamp(value + value, limit))


@compiled
def mix(alpha, real, top, annotations, mixed):
    """α = softmax(e) and c = Σ_j α_j h_j of one row.

    The first `real` of alpha (S,) are e, of which `top` is the largest, and become α; the rest
    become
    0. annotations (S, M): h. Fills mixed (M,): c.
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
    """Step t of e_j = vᵀ tanh(q + k_j), α = softmax(e), c = Σ_j α_j h_j (Bahdanau et al., 2015).

    seen (R, A + …): q first. exp_keys (B, S, A), annotations (B, S, M), of which the first
    lengths (B,) are real, score (A,): −2 v. Fills exp_queries[t] (B, A), alphas[t] (B, S) and
    contexts[t] (B, M). With r = 1 / (1 + e^2q · e^2k), tanh(q + k) = 1 − 2r, and the softmax
    cancels vᵀ1.
    """
    number = score.dtype.type
    size = score.shape[0]
    width = annotations.shape[2]
    limit = number(LARGEST_EXPONENT)
    one = number(1)
    read = np.empty(width, score.dtype)
    for row in range(first, last):
        query = exp_queries[t, row]
        alpha = alphas[t, row]
        real = lengths[row]
        # 1. e^2q.
        for a in range(size):
            value = number(widen(seen[row - first, a]))
            query[a] = exp(clamp(value + value, limit))
        # 2. e_j = Σ_a −2 v_a r_a.
        top = number(-np.inf)
        for j in range(real):
            total, key = number(0), exp_keys[row, j]
            for a in range(size):
                total += score[a] / (one + query[a] * key[a])
            alpha[j] = total
            top = max(top, total)
        # 3. α and c.
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
    """The gradients of `attend`, given those of its contexts.

    These are from_gates (R, M) of this step and d_contexts (B, T, M). d_alphas is (B, T, S), or
    (B, 0, 0) for none. Fills d_read[t] (B, M), the gradient of c, and the first A of d_states[t],
    that of q; adds to d_keys (B, S, A), still to be multiplied by 4 v, and to d_score (A,), that
    of −2 v.
    """
    number = score.dtype.type
    size = score.shape[0]
    width = annotations.shape[2]
    one = number(1)
    longest = alphas.shape[2]
    read = np.empty(width, score.dtype)
    errors = np.empty(longest, score.dtype)
    d_query = np.empty(size, score.dtype)
    for row in range(first, last):
        query = exp_queries[t, row]
        alpha = alphas[t, row]
        real = lengths[row]
        # 1. The gradient of c.
        for m in range(width):
            read[m] = number(widen(from_gates[row - first, m])) + number(
                widen(d_contexts[row, t, m])
            )
            d_read[t, row, m] = narrow(read[m], d_read)
        # 2. Those of every α_j, and their mean under α.
        mean = number(0)
        for j in range(real):
            total, annotation = number(0), annotations[row, j]
            for m in range(width):
                total += read[m] * number(widen(annotation[m]))
            if d_alphas.shape[1]:
                total += number(d_alphas[row, t, j])
            errors[j] = total
            mean += alpha[j] * total
        # 3. Through the softmax, and through tanh, whose slope is 4 (r − r²).
        d_query[:] = 0
        for j in range(real):
            error = alpha[j] * (errors[j] - mean)
            key = exp_keys[row, j]
            d_key = d_keys[row, j]
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
    """An LSTM's step of one row, gates in the order i, f, g, o of torch.nn.LSTM.

    total (4H,) holds the sums that the gates take and becomes their activations. before (H,) is the
    cell before; fills after (H,), the cell, and hidden (H,).
    """
    size = len(before)
    for k in range(size):
        i, f = sigmoid(total[k]), sigmoid(total[size + k])
        g, o = tanh(total[2 * size + k]), sigmoid(total[3 * size + k])
        total[k] = i
        total[size + k] = f
        total[2 * size + k] = g
        total[3 * size + k] = o
        after[k] = f * before[k] + i * g
        hidden[k] = narrow(o * tanh(after[k]), hidden)


@compiled
def lstm(t, first, last, gates, added, skipped, more, gate_activations, cells, hiddens):
    """Step t of an LSTM: `lstm_cell` of the sum of up to three shares.

    They are gates (B, T, 4H), added (R, skipped + 4H) and more (R, 4H), or (R, 0) for none. Fills
    gate_activations[t] (B, 4H), cells[t + 1] and hiddens[t + 1] (B, H).
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
    """The gradients of `lstm`.

    That of h is d_later (R, H), as later steps see it, plus d_hiddens (B, T, H), or (B, 0, 0) for
    none. d_cell (B, H) is that of the cell after the step and becomes that of the cell before.
    Fills d_states[t] (B, skipped + 4H) behind the first `skipped`.
    """
    number, size = gate_activations.dtype.type, cells.shape[2]
    one = number(1)
    has_own = d_hiddens.shape[1] > 0
    for row in range(first, last):
        gate = gate_activations[t, row]
        before = cells[t, row]
        after = cells[t + 1, row]
        d_c = d_cell[row]
        d_gate = d_states[t, row, skipped:]
        for k in range(size):
            d_h = number(widen(d_later[row - first, k]))
            if has_own:
                d_h += number(widen(d_hiddens[row, t, k]))
            i, f = gate[k], gate[size + k]
            g, o = gate[2 * size + k], gate[3 * size + k]
            out = tanh(after[k])
            d_after = d_c[k] + d_h * o * (one - out * out)
            d_gate[k] = narrow(d_after * g * i * (one - i), d_states)
            d_gate[size + k] = narrow(d_after * before[k] * f * (one - f), d_states)
            d_gate[2 * size + k] = narrow(d_after * i * (one - g * g), d_states)
            d_gate[3 * size + k] = narrow(d_h * out * o * (one - o), d_states)
            d_c[k] = d_after * f
