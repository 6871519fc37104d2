"""The steps of plain recurrent layers over padded rows.

numba's cache on disk looks at this file alone: after a change in `compiled` or `math_numba`
of what is imported here, touch this file too.

Arrays are as in `compiled`, but all of them time first. Beyond a row's own length nothing moves:
its hiddens stay zero, as they were made, and its gradients wait.
"""

from __future__ import annotations

import numpy as np

from novelgen.models.kernels.compiled import lstm_cell
from novelgen.models.kernels.math_numba import compiled, narrow, sigmoid, tanh, widen


@compiled
def lstm(t, first, last, gates, added, lengths, gate_activations, cells, hiddens):
    """Step t of an LSTM: `lstm_cell` of gates (T, B, 4H) + added (R, 4H), for rows longer than t.

    lengths (B,). Fills gate_activations[t] (B, 4H), cells[t + 1] and hiddens[t + 1] (B, H).
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
    """The gradients of `lstm`: fills d_gates[t] (B, 4H).

    That of h is d_later (R, H), as the next step sees it, plus d_hiddens (T, B, H), or (0, B, H)
    for none, plus at a row's end d_last (B, H). d_cell (B, H) is that of the cell after the step
    and becomes that of the cell before.
    """
    number, size = gate_activations.dtype.type, cells.shape[2]
    one, d_h = number(1), np.empty(size, gate_activations.dtype)
    has_own = d_hiddens.shape[0] > 0
    for row in range(first, last):
        if t >= lengths[row]:
            d_gates[t, row] = 0
            continue
        gate = gate_activations[t, row]
        before = cells[t, row]
        after = cells[t + 1, row]
        d_c = d_cell[row]
        d_gate = d_gates[t, row]
        # 1. The gradient of h.
        for k in range(size):
            d_h[k] = number(widen(d_later[row - first, k]))
        if has_own:
            for k in range(size):
                d_h[k] += number(widen(d_hiddens[t, row, k]))
        if t == lengths[row] - 1:
            for k in range(size):
                d_h[k] += d_last[row, k]
        # 2. Through the cell, as in `compiled.lstm_backward`. It is written out because a
        # function of one unit for both does not run in vectors (measured: six times as slow), and
        # one of a whole row changes the last bits of what models with attention learn in float32.
        for k in range(size):
            i, f = gate[k], gate[size + k]
            g, o = gate[2 * size + k], gate[3 * size + k]
            out = tanh(after[k])
            d_after = d_c[k] + d_h[k] * o * (one - out * out)
            d_gate[k] = narrow(d_after * g * i * (one - i), d_gate)
            d_gate[size + k] = narrow(d_after * before[k] * f * (one - f), d_gate)
            d_gate[2 * size + k] = narrow(d_after * i * (one - g * g), d_gate)
            d_gate[3 * size + k] = narrow(d_h[k] * out * o * (one - o), d_gate)
            d_c[k] = d_after * f


@compiled
def gru(t, first, last, gates, added, bias, lengths, gate_activations, state, hiddens):
    """Step t of a GRU, gates in the order r, z, n of torch.nn.GRU, for rows longer than t.

    r = σ(a_r + u_r);  z = σ(a_z + u_z);  q = u_n + b;  n = tanh(a_n + r q);  h' = n + z (h − n),
    with a the gates (T, B, 3H) and u what is added (R, 3H); bias (H,), lengths (B,). state (B, H)
    holds h unrounded. Fills gate_activations[t] (B, 4H), r, z, n and q, and hiddens[t + 1] (B,
    H).
    """
    number, size = gate_activations.dtype.type, len(bias)
    for row in range(first, last):
        if t < lengths[row]:
            total = gate_activations[t, row]
            gate = gates[t, row]
            add = added[row - first]
            h = state[row]
            hidden = hiddens[t + 1, row]
            for k in range(size):
                r = sigmoid(number(widen(gate[k])) + number(widen(add[k])))
                z = sigmoid(number(widen(gate[size + k])) + number(widen(add[size + k])))
                q = number(widen(add[2 * size + k])) + bias[k]
                n = tanh(number(widen(gate[2 * size + k])) + r * q)
                total[k] = r
                total[size + k] = z
                total[2 * size + k] = n
                total[3 * size + k] = q
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
    """The gradients of `gru`: fills d_gates[t] (B, 3H) and d_added[t] (B, 3H).

    d_later (R, H) is that of h as the next step's product sees it, d_hiddens (T, B, H), or (0, B,
    H) for none, as the layer's readers do. d_state (B, H) is the rest of it, that of a row's last
    h for a start, and becomes that of the h before, but for the part that flows through the
    product.
    """
    number, size = gate_activations.dtype.type, hiddens.shape[2]
    one, has_own = number(1), d_hiddens.shape[0] > 0
    for row in range(first, last):
        if t >= lengths[row]:
            d_gates[t, row], d_added[t, row] = 0, 0
            continue
        gate = gate_activations[t, row]
        before = hiddens[t, row]
        d_h = d_state[row]
        d_gate = d_gates[t, row]
        d_add = d_added[t, row]
        # 1. The whole gradient of h'.
        for k in range(size):
            d_h[k] += number(widen(d_later[row - first, k]))
        if has_own:
            for k in range(size):
                d_h[k] += number(widen(d_hiddens[t, row, k]))
        # 2. Through the gates. Only n's share differs between the two products: r stands before
        # u_n.
        for k in range(size):
            r, z = gate[k], gate[size + k]
            n, q = gate[2 * size + k], gate[3 * size + k]
            d_n = d_h[k] * (one - z) * (one - n * n)
            d_r = d_n * q * r * (one - r)
            d_z = d_h[k] * (number(widen(before[k])) - n) * z * (one - z)
            d_gate[k] = d_add[k] = narrow(d_r, d_gate)
            d_gate[size + k] = d_add[size + k] = narrow(d_z, d_gate)
            d_gate[2 * size + k] = narrow(d_n, d_gate)
            d_add[2 * size + k] = narrow(d_n * r, d_gate)
            d_h[k] *= z
