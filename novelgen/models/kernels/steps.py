"""What the time loops share: one step of an LSTM or a GRU, and attention's softmax and context.

Arrays as in `packed`: R rows have the step at hand, and `part` says which of the batch they are.
bfloat16, which numpy lacks, comes as uint16: `widen` reads it and `narrow` writes it. All sums are
in the dtype of the cells (float32, or float64).
"""

from __future__ import annotations

import numpy as np

from novelgen.models.kernels.math_numba import compiled, exp, narrow, sigmoid, tanh, widen


@compiled
def _place(t, part, row, is_reversed):
    """Where step t of a part's row stands in its sequence."""
    return part.lengths[row] - 1 - t if is_reversed else t


@compiled
def _keep(t, part, row, state, out, states, befores, last_state):
    """Hands the state (H,) and the hidden `out` (H,) on to step t + 1, or to the row's end."""
    if part.lengths[row] > t + 1:
        following = part.offsets[t + 1] + row
        states[following] = state
        befores[following] = out
    else:
        last_state[part.rows[row]] = state


@compiled
def lstm_step(t, part, is_reversed, gates, cells, befores, hiddens, last_cell):
    """Step t of an LSTM, gates in the order i, f, g, o of torch.nn.LSTM.

    gates (R, 4H) hold the sums that the gates take, and become their activations. cells and befores
    (N, H) hold c_{t-1} and h_{t-1} of every step. Fills those of the next step, hiddens (B, T, H),
    and last_cell (B, H) of the rows that end here.
    """
    size = cells.shape[1]
    first = part.offsets[t]
    hidden, cell = np.empty(size, cells.dtype), np.empty(size, cells.dtype)
    for row in range(part.offsets[t + 1] - first):
        gate, before = gates[row], cells[first + row]
        for k in range(size):
            i, f = sigmoid(gate[k]), sigmoid(gate[size + k])
            g, o = tanh(gate[2 * size + k]), sigmoid(gate[3 * size + k])
            gate[k] = i
            gate[size + k] = f
            gate[2 * size + k] = g
            gate[3 * size + k] = o
            cell[k] = f * before[k] + i * g
            hidden[k] = o * tanh(cell[k])
        out = hiddens[part.rows[row], _place(t, part, row, is_reversed)]
        for k in range(size):
            out[k] = narrow(hidden[k], hiddens)
        _keep(t, part, row, cell, out, cells, befores, last_cell)


@compiled
def _gradient_of_hidden(t, part, row, is_reversed, d_later, d_hiddens, d_hidden):
    """Fills d_hidden (H,): d_later (R, H), as the next step sees it, plus that of the outputs.

    d_hiddens is (B, T, H), or (B, 0, 0) for none.
    """
    number = d_hidden.dtype.type
    for k in range(len(d_hidden)):
        d_hidden[k] = d_later[row, k]
    if d_hiddens.shape[1]:
        d_out = d_hiddens[part.rows[row], _place(t, part, row, is_reversed)]
        for k in range(len(d_hidden)):
            d_hidden[k] += number(widen(d_out[k]))


@compiled
def lstm_step_backward(t, part, is_reversed, gates, cells, d_later, d_hiddens, d_cell, d_gates):
    """The gradients of `lstm_step`: fills d_gates (R, 4H).

    Those of h_t are `_gradient_of_hidden`'s. d_cell (R, H) is that of c_t and becomes that of
    c_{t-1}.
    """
    size = cells.shape[1]
    one = cells.dtype.type(1)
    first = part.offsets[t]
    d_h = np.empty(size, cells.dtype)
    for row in range(part.offsets[t + 1] - first):
        gate, before, d_c, d_gate = gates[row], cells[first + row], d_cell[row], d_gates[row]
        _gradient_of_hidden(t, part, row, is_reversed, d_later, d_hiddens, d_h)
        for k in range(size):
            i, f = gate[k], gate[size + k]
            g, o = gate[2 * size + k], gate[3 * size + k]
            out = tanh(f * before[k] + i * g)
            d_after = d_c[k] + d_h[k] * o * (one - out * out)
            d_gate[k] = narrow(d_after * g * i * (one - i), d_gates)
            d_gate[size + k] = narrow(d_after * before[k] * f * (one - f), d_gates)
            d_gate[2 * size + k] = narrow(d_after * i * (one - g * g), d_gates)
            d_gate[3 * size + k] = narrow(d_h[k] * out * o * (one - o), d_gates)
            d_c[k] = d_after * f


@compiled
def gru_step(t, part, is_reversed, gates, states, befores, hiddens, last_state):
    """Step t of a GRU: n = tanh(a + r q);  h' = n + z (h − n), as in torch.nn.GRU.

    gates (R, 4H) hold the sums a, r, z and q = W h + b, and become n, r, z and q. states (N, H)
    hold h_{t-1} unrounded, all else as in `lstm_step`.
    """
    size = states.shape[1]
    first = part.offsets[t]
    state = np.empty(size, states.dtype)
    for row in range(part.offsets[t + 1] - first):
        gate, before = gates[row], states[first + row]
        for k in range(size):
            r, z = sigmoid(gate[size + k]), sigmoid(gate[2 * size + k])
            n = tanh(gate[k] + r * gate[3 * size + k])
            gate[k] = n
            gate[size + k] = r
            gate[2 * size + k] = z
            state[k] = n + z * (before[k] - n)
        out = hiddens[part.rows[row], _place(t, part, row, is_reversed)]
        for k in range(size):
            out[k] = narrow(state[k], hiddens)
        _keep(t, part, row, state, out, states, befores, last_state)


@compiled
def gru_step_backward(t, part, is_reversed, gates, states, d_later, d_hiddens, d_state, d_gates):
    """The gradients of `gru_step`: fills d_gates (R, 4H).

    d_state (R, H) is what flows into h_t beside `_gradient_of_hidden`, and becomes what flows into
    h_{t-1} beside the product.
    """
    size = states.shape[1]
    one = states.dtype.type(1)
    first = part.offsets[t]
    d_h = np.empty(size, states.dtype)
    for row in range(part.offsets[t + 1] - first):
        gate, before, d_s, d_gate = gates[row], states[first + row], d_state[row], d_gates[row]
        _gradient_of_hidden(t, part, row, is_reversed, d_later, d_hiddens, d_h)
        for k in range(size):
            n, r = gate[k], gate[size + k]
            z, q = gate[2 * size + k], gate[3 * size + k]
            d_after = d_h[k] + d_s[k]
            d_n = d_after * (one - z) * (one - n * n)
            d_gate[k] = narrow(d_n, d_gates)
            d_gate[size + k] = narrow(d_n * q * r * (one - r), d_gates)
            d_gate[2 * size + k] = narrow(d_after * (before[k] - n) * z * (one - z), d_gates)
            d_gate[3 * size + k] = narrow(d_n * r, d_gates)
            d_s[k] = d_after * z


@compiled
def softmax_context(alpha, annotations, context):
    """α = softmax(e) and c = Σ_j α_j h_j of one row and its S real positions.

    alpha (S,) is e and becomes α; annotations (S, M): h. Fills context (M,): c.
    """
    number = alpha.dtype.type
    top, mass = number(-np.inf), number(0)
    for j in range(len(alpha)):
        top = max(top, alpha[j])
    for j in range(len(alpha)):
        alpha[j] = exp(alpha[j] - top)
        mass += alpha[j]
    context[:] = 0
    for j in range(len(alpha)):
        alpha[j] /= mass
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
