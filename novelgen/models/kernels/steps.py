"""What the time loops share: one step of an LSTM or a GRU, and attention's softmax and context.

Arrays as in `packed`: `part` says which rows of the batch have the step at hand. Layers share
buffers: of sums (N, skipped + 4H) the last 4H are a step's gates, of hiddens (B, T, …) H from the
part's column on are its own. Offsets say so, and not slices of the arrays: of a whole array
compiled code knows that its rows are contiguous; else it would not run in vectors.

bfloat16, which numpy lacks, comes as uint16: `widen` reads it and `narrow` writes it. All sums are
in the dtype of the cells (float32, or float64).
"""

from __future__ import annotations

import numpy as np

from novelgen.models.kernels.math_numba import compiled, exp, narrow, sigmoid, tanh, widen
from novelgen.models.kernels.packed import place_of


@compiled
def _keep(t, part, row, state, out, states, befores, last_state):
    """Hands the state (H,) and the hidden `out` (H,) on to step t + 1, or to the row's end."""
    if part.lengths[row] > t + 1:
        following = part.offsets[t + 1] + row
        states[following] = state
        befores[following, : len(out)] = out
    else:
        last_state[part.rows[row]] = state


@compiled
def lstm_cell(gate, before, cell, hidden):
    """One row's step of an LSTM, gates in the order i, f, g, o of torch.nn.LSTM.

    gate (4H,) holds the sums that the gates take and becomes their activations. Fills cell = f ·
    before + i · g and hidden = o · tanh(cell), (H,) each.
    """
    size = len(before)
    i, f = gate[:size], gate[size : 2 * size]
    g, o = gate[2 * size : 3 * size], gate[3 * size :]
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
def lstm_step(t, part, sums, skipped, cells, befores, hiddens, last_cell):
    """Step t of an LSTM: `lstm_cell` of every row.

    cells and befores (N, H) hold c_{t-1} and h_{t-1} of every step. Fills those of the next step,
    hiddens, and last_cell (B, H) of the rows that end here.
    """
    size = cells.shape[1]
    first = part.offsets[t]
    hidden, cell = np.empty(size, cells.dtype), np.empty(size, cells.dtype)
    for row in range(part.offsets[t + 1] - first):
        lstm_cell(sums[first + row, skipped:], cells[first + row], cell, hidden)
        place = place_of(t, part, row)
        out = hiddens[part.rows[row], place, part.column : part.column + size]
        for k in range(size):
            out[k] = narrow(hidden[k], hiddens)
        _keep(t, part, row, cell, out, cells, befores, last_cell)


@compiled
def _gradient_of_hidden(t, part, row, d_later, d_hiddens, d_hidden):
    """Fills d_hidden (H,): d_later (R, H), as the next step sees it, plus that of the outputs.

    d_hiddens is (B, T, …), or (B, 0, 0) for none.
    """
    number = d_hidden.dtype.type
    for k in range(len(d_hidden)):
        d_hidden[k] = d_later[row, k]
    if d_hiddens.shape[1]:
        place = place_of(t, part, row)
        d_out = d_hiddens[part.rows[row], place, part.column : part.column + len(d_hidden)]
        for k in range(len(d_hidden)):
            d_hidden[k] += number(widen(d_out[k]))


@compiled
def lstm_step_backward(t, part, sums, skipped, cells, d_later, d_hiddens, d_cell, d_sums):
    """The gradients of `lstm_step`: fills d_sums (N, skipped + 4H).

    That of h_t is `_gradient_of_hidden`'s. d_cell (R, H) is that of c_t and becomes that of
    c_{t-1}.
    """
    size = cells.shape[1]
    one = cells.dtype.type(1)
    first = part.offsets[t]
    d_h, out = np.empty(size, cells.dtype), np.empty(size, cells.dtype)
    for row in range(part.offsets[t + 1] - first):
        gate, before = sums[first + row, skipped:], cells[first + row]
        d_gate, d_c = d_sums[first + row, skipped:], d_cell[row]
        i, f = gate[:size], gate[size : 2 * size]
        g, o = gate[2 * size : 3 * size], gate[3 * size :]
        d_i, d_f = d_gate[:size], d_gate[size : 2 * size]
        d_g, d_o = d_gate[2 * size : 3 * size], d_gate[3 * size :]
        _gradient_of_hidden(t, part, row, d_later, d_hiddens, d_h)
        for k in range(size):
            out[k] = tanh(f[k] * before[k] + i[k] * g[k])
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
def gru_step(t, part, sums, states, befores, hiddens, last_state):
    """Step t of a GRU: n = tanh(a + r q);  h' = n + z (h − n), as in torch.nn.GRU.

    sums (N, 4H) are q = W h + b, r, z and a, and become q, r, z and n. states (N, H) hold h_{t-1}
    unrounded, all else is as in `lstm_step`.
    """
    size = states.shape[1]
    first = part.offsets[t]
    state = np.empty(size, states.dtype)
    for row in range(part.offsets[t + 1] - first):
        gate, before = sums[first + row], states[first + row]
        q, r = gate[:size], gate[size : 2 * size]
        z, n = gate[2 * size : 3 * size], gate[3 * size :]
        for k in range(size, 3 * size):
            gate[k] = sigmoid(gate[k])
        for k in range(size):
            n[k] = tanh(n[k] + r[k] * q[k])
        for k in range(size):
            state[k] = n[k] + z[k] * (before[k] - n[k])
        place = place_of(t, part, row)
        out = hiddens[part.rows[row], place, part.column : part.column + size]
        for k in range(size):
            out[k] = narrow(state[k], hiddens)
        _keep(t, part, row, state, out, states, befores, last_state)


@compiled
def gru_step_backward(t, part, sums, states, d_later, d_hiddens, d_state, d_sums):
    """The gradients of `gru_step`: fills d_sums (N, 4H).

    d_state (R, H) is what flows into h_t beside `_gradient_of_hidden`, and becomes what flows into
    h_{t-1} beside the product.
    """
    size = states.shape[1]
    one = states.dtype.type(1)
    first = part.offsets[t]
    d_h, d_sum = np.empty(size, states.dtype), np.empty(size, states.dtype)
    for row in range(part.offsets[t + 1] - first):
        gate, before = sums[first + row], states[first + row]
        d_gate, d_s = d_sums[first + row], d_state[row]
        _gradient_of_hidden(t, part, row, d_later, d_hiddens, d_h)
        q, r = gate[:size], gate[size : 2 * size]
        z, n = gate[2 * size : 3 * size], gate[3 * size :]
        d_q, d_r = d_gate[:size], d_gate[size : 2 * size]
        d_z, d_n = d_gate[2 * size : 3 * size], d_gate[3 * size :]
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

    d_context (M,) is that of c; d_alpha is that of α but for what comes through c, (S,) or (0,).
    """
    number = alpha.dtype.type
    mean = number(0)
    for j in range(len(alpha)):
        total, annotation = number(0), annotations[j]
        for m in range(len(d_context)):
            total += d_context[m] * number(widen(annotation[m]))
        if len(d_alpha):
            total += number(d_alpha[j])
        d_scores[j] = total
        mean += alpha[j] * total
    for j in range(len(alpha)):
        d_scores[j] = alpha[j] * (d_scores[j] - mean)
