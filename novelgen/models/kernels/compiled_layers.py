"""The steps of plain recurrent layers over padded rows, the arrays time first: unlike the loops with attention, these have no other reader.

numba's cache on disk looks at this file alone: after a change in `compiled` of what is imported here, touch this file too.

Arrays as there. Beyond a row's own length nothing moves: its hiddens stay what they were made as, zeros, and gradients wait.
"""

from __future__ import annotations

import numpy as np

from novelgen.models.kernels.compiled import compiled, lstm_cell, narrow, sigmoid, tanh, widen


@compiled
def lstm(t, first, last, gates, added, lengths, gate_activations, cells, hiddens):
    """Step t of an LSTM: `lstm_cell` of the sums of gates (T, B, 4H) and added (R, 4H), for rows that are longer than t.

    lengths (B,). Fills gate_activations[t] (B, 4H), what the gates became, cells[t + 1] and hiddens[t + 1] (B, H).
    """
    number = gate_activations.dtype.type
    for row in range(first, last):
        if t < lengths[row]:
            total, gate = gate_activations[t, row], gates[t, row]
            for k in range(len(total)):
                total[k] = number(widen(gate[k])) + number(widen(added[row - first, k]))
            lstm_cell(total, cells[t, row], cells[t + 1, row], hiddens[t + 1, row])


@compiled
def lstm_backward(
    t, first, last, d_later, d_hiddens, d_last, lengths, d_cell, gate_activations, cells, d_gates
):
    """The gradients of `lstm`: d_later (R, H) of h as the next step sees it, d_hiddens (T, B, H), or (0, B, H), as others do.

    d_last (B, H) is that of a row's last hidden. d_cell (B, H) is that of the cell after the step and becomes that of the cell before.
    Fills d_gates[t] (B, 4H).
    """
    number, size = gate_activations.dtype.type, cells.shape[2]
    one, d_h = number(1), np.empty(size, gate_activations.dtype)
    has_own = d_hiddens.shape[0] > 0
    for row in range(first, last):
        if t >= lengths[row]:
            d_gates[t, row] = 0
            continue
        squash, before, after, d_c, d_gate = (
            gate_activations[t, row],
            cells[t, row],
            cells[t + 1, row],
            d_cell[row],
            d_gates[t, row],
        )
        for k in range(size):
            d_h[k] = number(widen(d_later[row - first, k]))
        if has_own:
            for k in range(size):
                d_h[k] += number(widen(d_hiddens[t, row, k]))
        if t == lengths[row] - 1:
            for k in range(size):
                d_h[k] += d_last[row, k]
        # As in `compiled.lstm_backward`, written out: measured, a function of one unit for both does not run in vectors, six times as slow,
        # and one of a whole row changes the last bits of what attending models learn in float32.
        for k in range(size):
            i, f, g, o = squash[k], squash[size + k], squash[2 * size + k], squash[3 * size + k]
            out = tanh(after[k])
            d_after = d_c[k] + d_h[k] * o * (one - out * out)
            d_gate[k] = narrow(d_after * g * i * (one - i), d_gate)
            d_gate[size + k] = narrow(d_after * before[k] * f * (one - f), d_gate)
            d_gate[2 * size + k] = narrow(d_after * i * (one - g * g), d_gate)
            d_gate[3 * size + k] = narrow(d_h[k] * out * o * (one - o), d_gate)
            d_c[k] = d_after * f


@compiled
def gru(t, first, last, gates, added, bias, lengths, gate_activations, state, hiddens):
    """Step t of a GRU, in the order r, z, n of torch.nn.GRU, for rows that are longer than t.

    r = σ(a_r + u_r);  z = σ(a_z + u_z);  q = u_n + b;  n = tanh(a_n + r q);  h' = n + z (h − n), with a the gates (T, B, 3H) and u
    what is added (R, 3H); bias (H,), lengths (B,). state (B, H) holds h unrounded. Fills gate_activations[t] (B, 4H), r, z, n and q, and
    hiddens[t + 1] (B, H).
    """
    number, size = gate_activations.dtype.type, len(bias)
    for row in range(first, last):
        if t < lengths[row]:
            total, gate, add, h, hidden = (
                gate_activations[t, row],
                gates[t, row],
                added[row - first],
                state[row],
                hiddens[t + 1, row],
            )
            for k in range(size):
                r = sigmoid(number(widen(gate[k])) + number(widen(add[k])))
                z = sigmoid(number(widen(gate[size + k])) + number(widen(add[size + k])))
                q = number(widen(add[2 * size + k])) + bias[k]
                n = tanh(number(widen(gate[2 * size + k])) + r * q)
                total[k], total[size + k], total[2 * size + k], total[3 * size + k] = r, z, n, q
                h[k] = n + z * (h[k] - n)
                hidden[k] = narrow(h[k], hidden)


@compiled
def gru_backward(
    t,
    first,
    last,
    d_later,
    d_hiddens,
    lengths,
    d_state,
    gate_activations,
    hiddens,
    d_gates,
    d_added,
):
    """The gradients of `gru`: d_later (R, H) of h as the next step's product sees it, d_hiddens (T, B, H), or (0, B, H), as others do.

    d_state (B, H) is what else there is of the h after the step, that of a row's last for a start, and becomes what there is of the
    h before but for the product. Fills d_gates[t] (B, 3H) and d_added[t] (B, 3H).
    """
    number, size = gate_activations.dtype.type, hiddens.shape[2]
    one, has_own = number(1), d_hiddens.shape[0] > 0
    for row in range(first, last):
        if t >= lengths[row]:
            d_gates[t, row], d_added[t, row] = 0, 0
            continue
        squash, before, d_h, d_gate, d_add = (
            gate_activations[t, row],
            hiddens[t, row],
            d_state[row],
            d_gates[t, row],
            d_added[t, row],
        )
        for k in range(size):
            d_h[k] += number(widen(d_later[row - first, k]))
        if has_own:
            for k in range(size):
                d_h[k] += number(widen(d_hiddens[t, row, k]))
        for k in range(size):
            r, z, n, q = squash[k], squash[size + k], squash[2 * size + k], squash[3 * size + k]
            d_n = d_h[k] * (one - z) * (one - n * n)
            d_r = d_n * q * r * (one - r)
            d_z = d_h[k] * (number(widen(before[k])) - n) * z * (one - z)
            d_gate[k] = d_add[k] = narrow(d_r, d_gate)
            d_gate[size + k] = d_add[size + k] = narrow(d_z, d_gate)
            d_gate[2 * size + k], d_add[2 * size + k] = narrow(d_n, d_gate), narrow(d_n * r, d_gate)
            d_h[k] *= z
