"""Recurrent layers without attention on CPUs, along the real steps of padded rows.

The equations are those of torch.nn.LSTM and torch.nn.GRU. Directions of one layer run side by side,
a thread each; the backward one is an ordinary layer that begins at each row's own end.

Shapes: B rows, T steps, D inputs, H hidden size, N real steps of all rows, as in `packed`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from novelgen.models.kernels.api import product_dtype
from novelgen.models.kernels.linear import packed_linear, weight_gradient
from novelgen.models.kernels.math_numba import compiled
from novelgen.models.kernels.packed import PackedRows, pack_rows
from novelgen.models.kernels.products import multiply, run_loop
from novelgen.models.kernels.steps import (
    gru_step,
    gru_step_backward,
    lstm_step,
    lstm_step_backward,
)


class _Tape(NamedTuple):
    """What one direction keeps for the backward pass, as tensors or as arrays."""

    sums: Any  # (N, 4H): gates after their activation, as `steps` has them
    hiddens: Any  # (B + N, H): h of every row before its first step, then behind every step
    states: Any  # (B + N, H): likewise the cells of an LSTM, the unrounded h of a GRU


class _Gradients(NamedTuple):
    """Gradients of what the tape names so; those of outputs come with what the outputs get."""

    sums: Any  # (N, 4H), in the dtype of products
    hiddens: Any  # (B + N, H)
    state: Any  # (B, H): of the last state, and then of the first


@compiled
def _run_forwards(weight, part, is_lstm, tape):
    """All steps of a part's rows; weight (4H, H), or (3H, H) with n before r and z."""
    size = tape.states.shape[1]
    columns = 4 * size if is_lstm else 3 * size
    for t in range(len(part.offsets) - 1):
        first, last = part.offsets[t], part.offsets[t + 1]
        befores = tape.hiddens[part.states[t] : part.states[t] + last - first]
        multiply(befores, weight, tape.sums[first:last, :columns])
        if is_lstm:
            lstm_step(t, part, tape.sums, 0, tape.states, tape.hiddens)
        else:
            gru_step(t, part, tape.sums, tape.states, tape.hiddens)


@compiled
def _run_backwards(weight, part, is_lstm, tape, grads):
    """All steps of a part's rows, last to first; the weight is the transposed one."""
    size = tape.states.shape[1]
    columns = 4 * size if is_lstm else 3 * size
    for t in range(len(part.offsets) - 2, -1, -1):
        first, last = part.offsets[t], part.offsets[t + 1]
        given = (tape.states, grads.hiddens, grads.state, grads.sums)
        if is_lstm:
            lstm_step_backward(t, part, tape.sums, 0, *given)
        else:
            gru_step_backward(t, part, tape.sums, *given)
        d_befores = grads.hiddens[part.states[t] : part.states[t] + last - first]
        multiply(grads.sums[first:last, :columns], weight, d_befores)


class _Layers(torch.autograd.Function):
    """The directions of one layer, each with its own weights, along the same rows."""

    @staticmethod
    def forward(ctx: Any, rows: PackedRows, is_lstm: bool, *given: Tensor) -> tuple[Tensor, ...]:
        """Of each direction its sums and weight, and hidden and state (B, H), in `rows.order`.

        The sums (N, 4H), the inputs' share, are written to. Weights have the dtype of products, all
        else that of sums. Returns of each its outputs (N, H) and the last hidden and state.
        """
        runs = []
        for first in range(0, len(given), 4):
            sums, weight, hidden, state = given[first : first + 4]
            tape = _Tape(sums, rows.new_states(hidden.to(weight.dtype)), rows.new_states(state))
            runs.append(((weight,), is_lstm, tape))
        run_loop(_run_forwards, rows.parts, *runs)
        ctx.save_for_backward(*(kept for (weight,), _, tape in runs for kept in (weight, *tape)))
        ctx.rows = rows
        ctx.is_lstm = is_lstm
        made: list[Tensor] = []
        for _, _, tape in runs:
            last_hidden = tape.hiddens.index_select(0, rows.lasts).to(tape.states.dtype)
            last_state = tape.states.index_select(0, rows.lasts)
            made += (tape.hiddens[len(rows.lengths) :], last_hidden, last_state)
        return tuple(made)

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor | None, ...]:
        rows: PackedRows = ctx.rows
        runs = []
        for number in range(len(given) // 3):
            weight, *tape = ctx.saved_tensors[4 * number : 4 * number + 4]
            d_outputs, d_hidden, d_state = given[3 * number : 3 * number + 3]
            d_hiddens = torch.cat([torch.zeros_like(d_hidden), d_outputs.to(d_hidden.dtype)])
            grads = _Gradients(
                weight.new_empty(tape[0].shape),
                d_hiddens.index_add_(0, rows.lasts, d_hidden),
                d_state.index_select(0, rows.order),
            )
            runs.append(((weight.t(),), ctx.is_lstm, _Tape(*tape), grads))
        run_loop(_run_backwards, rows.parts, *runs)
        gradients: list[Tensor] = []
        for (weight,), _, tape, grads in runs:
            d_sums = grads.sums[:, : weight.shape[1]]
            d_weight = weight_gradient(d_sums, tape.hiddens.index_select(0, rows.befores))
            d_hidden = grads.hiddens[: len(rows.lengths)]
            gradients += (grads.sums, d_weight, d_hidden, grads.state)
        return None, None, *gradients


def recurrent_layers(
    sequence: Tensor,
    lengths: Tensor | None,
    hidden: Tensor,
    state: Tensor | None,
    *weights: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """One or both directions of an LSTM along sequence (B, T, D), or of a GRU where state is None.

    hidden and state (directions, B, H); weights: four of each direction, those of torch.nn.LSTM.
    Returns outputs (B, T, directions · H), 0 at padding, and the last hidden and cell of each row
    (directions, B, H), a GRU's twice. Under autocast products run in its dtype, which outputs then
    have; sums and the last state keep the dtype of the weights.
    """
    of_products = product_dtype("cpu", weights[0].dtype)
    size = hidden.shape[2]
    rows = pack_rows(sequence, lengths, -(-torch.get_num_threads() // len(hidden)))
    own_rows = [rows, rows.reversed()][: len(hidden)]
    # Under autocast a bridge makes the first states in the dtype of products, not in that of sums.
    hidden = hidden.to(weights[0].dtype)
    first_state = hidden if state is None else state.to(weights[0].dtype)
    given: list[Tensor] = []
    for number, own in enumerate(own_rows):
        weight_ih, weight_hh, bias_ih, bias_hh = weights[4 * number : 4 * number + 4]
        bias = bias_ih + bias_hh
        if state is None:
            # Gates q, r, z, n: either product is a block of them, and n has a bias for each.
            bias = torch.cat([bias_hh[2 * size :], bias[: 2 * size], bias_ih[2 * size :]])
            weight_hh = weight_hh.roll(size, 0)  # r, z, n → n, r, z
        sums = packed_linear(own.pack(sequence), weight_ih, bias)
        first = (each[number].index_select(0, rows.order) for each in (hidden, first_state))
        given += (sums, weight_hh.to(of_products), *first)
    with torch.autocast("cpu", enabled=False):
        made = _Layers.apply(rows, state is not None, *given)
    padded = [own.pad(outputs) for own, outputs in zip(own_rows, made[::3], strict=True)]
    last_state = torch.stack(made[2::3])
    # A GRU's state is its hidden state, unrounded.
    last_hidden = last_state if state is None else torch.stack(made[1::3])
    return torch.cat(padded, dim=-1), last_hidden, last_state
