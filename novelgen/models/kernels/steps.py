"""What the time loops share: one step of an LSTM or a GRU, and attention's softmax and context.

Buffers as in `packed`: `part` says where in them the step at hand stands. Of sums (N, skipped + 4H)
the last 4H are a step's gates; hiddens may have more columns behind H. An offset says so, and not a
slice of the array: of a whole array compiled code knows that its rows are contiguous; else it would
not run in vectors.

bfloat16, which numpy lacks, comes as uint16: `widen` reads it and `narrow` writes it. All sums are
in the dtype of the cells (float32, or float64).
"""

from __future__ import annotations

import numpy as np

from novelgen.models.kernels.math_numba import compiled, exp, narrow, sigmoid, tanh, widen


@compiled
def _quarters(gates):
    """The four parts (H,) of gates (4H,)."""
    size = len(gates) // 4
    return gates[:size], gates[size : 2 * size], gates[2 * size : 3 * size], gates[3 * size :]


@compiled
def lstm_cell(gate, before, cell, hidden):
    """One row's step of an LSTM, gates in the order i, f, g, o of torch.nn.LSTM.

    gate (4H,) holds the sums that the gates take and becomes their activations. Fills cell = f ·
    before + i · g and hidden = o · tanh(cell), (H,) each.
    """
    size = len(before)
    i, f, g, o = _quarters(gate)
    # Loops that fill one array each: with several, LLVM gives up on telling them apart, and runs
    # none of this in vectors (measured: six times as slow).
    for k in range(2 * size):
        gate[k] = sigmoid(gate[k])
    for k in range(size):
        g[k] = tanh(g[k])
    for k in range(size):
        o[k] = sigmoid(o[k])
    for k in range(size):
        cell[k] = f[k] * before[k] + i[k] * g[k]
    for k in range(size):
        hidden[k] = o[k] * tanh(cell[k])


@compiled
def lstm_step(t, part, sums, skipped, cells, hiddens):
    """Step t of an LSTM: `lstm_cell` of every row.

    cells and hiddens (B + N, H …) hold c_{t-1} and h_{t-1}. Fills those behind the step.
    """
    size = cells.shape[1]
    hidden = np.empty(size, cells.dtype)
    for row in range(part.offsets[t + 1] - part.offsets[t]):
        before, after = cells[part.states[t] + row], part.states[t + 1] + row
        lstm_cell(sums[part.offsets[t] + row, skipped:], before, cells[after], hidden)
        for k in range(size):
            hiddens[after, k] = narrow(hidden[k], hiddens)


@compiled
def lstm_step_backward(t, part, sums, skipped, cells, d_hiddens, d_cell, d_sums):
    """The gradients of `lstm_step`, given d_hiddens (B + N, H …): fills d_sums (N, skipped + 4H).

    d_cell (B, H), rows as in block 0 of the states, is that of c_t and becomes that of c_{t-1}.
    """
    size = cells.shape[1]
    one = cells.dtype.type(1)
    out = np.empty(size, cells.dtype)
    for row in range(part.offsets[t + 1] - part.offsets[t]):
        after = part.states[t + 1] + row
        before, cell, d_h = cells[part.states[t] + row], cells[after], d_hiddens[after]
        d_c = d_cell[part.states[0] + row]
        i, f, g, o = _quarters(sums[part.offsets[t] + row, skipped:])
        d_i, d_f, d_g, d_o = _quarters(d_sums[part.offsets[t] + row, skipped:])
        for k in range(size):
            out[k] = tanh(cell[k])
        for k in range(size):
            d_o[k] = narrow(d_h[k] * out[k] * o[k] * (one - o[k]), d_sums)
        for k in range(size):
            d_c[k] += d_h[k] * o[k] * (one - out[k] * out[k])
        for k in range(size):
            d_i[k] = narrow(d_c[k] * g[k] * i[k] * (one - i[k]), d_sums)
        for k in range(size):
            d_f[k] = narrow(d_c[k] * before[k] * f[k] * (one - f[k]), d_sums)
        for k in range(size):
            d_g[k] = narrow(d_c[k] * i[k] * (one - g[k] * g[k]), d_sums)
        for k in range(size):
            d_c[k] *= f[k]


@compiled
def gru_step(t, part, sums, states, hiddens):
    """Step t of a GRU: n = tanh(a + r q);  h' = n + z (h − n), as in torch.nn.GRU.

    sums (N, 4H) are q = W h + b, r, z and a, and become q, r, z and n. states (B + N, H) hold
    h_{t-1} unrounded; fills it and hiddens (B + N, H) behind the step.
    """
    size = states.shape[1]
    for row in range(part.offsets[t + 1] - part.offsets[t]):
        after = part.states[t + 1] + row
        gate, before, state = (
            sums[part.offsets[t] + row],
            states[part.states[t] + row],
            states[after],
        )
        q, r, z, n = _quarters(gate)
        for k in range(size, 3 * size):
            gate[k] = sigmoid(gate[k])
        for k in range(size):
            n[k] = tanh(n[k] + r[k] * q[k])
        for k in range(size):
            state[k] = n[k] + z[k] * (before[k] - n[k])
        for k in range(size):
            hiddens[after, k] = narrow(state[k], hiddens)


@compiled
def gru_step_backward(t, part, sums, states, d_hiddens, d_state, d_sums):
    """The gradients of `gru_step`: fills d_sums (N, 4H).

    d_state (B, H), rows as in block 0 of the states, is what flows into h_t beside d_hiddens
    (B + N, H), and becomes what flows into h_{t-1} beside the product.
    """
    size = states.shape[1]
    one = states.dtype.type(1)
    d_sum = np.empty(size, states.dtype)
    for row in range(part.offsets[t + 1] - part.offsets[t]):
        before, d_h = states[part.states[t] + row], d_hiddens[part.states[t + 1] + row]
        d_s = d_state[part.states[0] + row]
        q, r, z, n = _quarters(sums[part.offsets[t] + row])
        d_q, d_r, d_z, d_n = _quarters(d_sums[part.offsets[t] + row])
        for k in range(size):
            d_h[k] += d_s[k]
        for k in range(size):
            d_sum[k] = d_h[k] * (one - z[k]) * (one - n[k] * n[k])
        for k in range(size):
            d_n[k] = narrow(d_sum[k], d_sums)
        for k in range(size):
            d_r[k] = narrow(d_sum[k] * q[k] * r[k] * (one - r[k]), d_sums)
        for k in range(size):
            d_z[k] = narrow(d_h[k] * (before[k] - n[k]) * z[k] * (one - z[k]), d_sums)
        for k in range(size):
            d_q[k] = narrow(d_sum[k] * r[k], d_sums)
        for k in range(size):
            d_s[k] = d_h[k] * z[k]


@compiled
def additive_scores(exp_query, exp_keys, score, scores):
    """e_j = Σ_a −2 v_a / (1 + exp(2 q_a) exp(2 k_ja)), which is vᵀ tanh(q + k_j) − Σ_a v_a.

    exp_query (A,) and exp_keys (S, A): `exponential` of q and k; score (A,): −2 v. Fills scores
    (S,) of one row.
    """
    number = score.dtype.type
    one = number(1)
    for j in range(len(scores)):
        total, key = number(0), exp_keys[j]
        for a in range(len(score)):
            total += score[a] / (one + exp_query[a] * key[a])
        scores[j] = total


@compiled
def softmax(alpha):
    """Turns scores (S,) into their softmax."""
    number = alpha.dtype.type
    top, mass = number(-np.inf), number(0)
    for j in range(len(alpha)):
        top = max(top, alpha[j])
    for j in range(len(alpha)):
        alpha[j] = exp(alpha[j] - top)
        mass += alpha[j]
    for j in range(len(alpha)):
        alpha[j] /= mass


@compiled
def softmax_context(alpha, annotations, context):
    """α = softmax(e) and c = Σ_j α_j h_j of one row and its S real positions.

    alpha (S,) is e and becomes α; annotations (S, M): h. Fills context (M,): c.
    """
    number = alpha.dtype.type
    softmax(alpha)
    context[:] = 0
    for j in range(len(alpha)):
        share, annotation = alpha[j], annotations[j]
        for m in range(len(context)):
            context[m] += share * number(widen(annotation[m]))


@compiled
def softmax_context_backward(alpha, annotations, d_context, d_alpha, d_scores):
    """The gradients of `softmax_context`: fills d_scores (S,), those of e.

    d_context (M,) is that of c; d_alpha (S,) is that of α but for what comes through c.
    """
    number = alpha.dtype.type
    mean = number(0)
    for j in range(len(alpha)):
        total, annotation = number(0), annotations[j]
        for m in range(len(d_context)):
            total += d_context[m] * number(widen(annotation[m]))
        total += d_alpha[j]
        d_scores[j] = total
        mean += alpha[j] * total
    for j in range(len(alpha)):
        d_scores[j] = alpha[j] * (d_scores[j] - mean)
