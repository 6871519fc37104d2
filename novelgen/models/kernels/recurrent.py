"""Recurrent layers without attention on CPUs, along the real steps of padded rows.

The equations are those of torch.nn.LSTM and torch.nn.GRU. Directions of one layer run side by side,
a thread each; the backward one is an ordinary layer that begins at each row's own end.

Shapes: B rows, T steps, D inputs, H hidden size, N real steps of all rows, as in `packed`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from novelgen.models.kernels.api import product_dtype
from novelgen.models.kernels.autograd import apply, own_gradient
from novelgen.models.kernels.linear import packed_linear
from novelgen.models.kernels.math_numba import compiled
from novelgen.models.kernels.packed import (
    Part,
    clear_padding,
    in_threads,
    numpy_view,
    pack_rows,
    put_rows,
    take_rows,
)
from novelgen.models.kernels.products import multiply, pack, run_loop, weight_gradient
from novelgen.models.kernels.steps import (
    gru_step,
    gru_step_backward,
    lstm_step,
    lstm_step_backward,
)


class _Direction(NamedTuple):
    """What one direction of a layer keeps for the backward pass, as tensors or as arrays."""

    sums: Any  # (N, 4H): gates after their activation, as `steps` has them
    befores: Any  # (N, H): h_{t-1}
    states: Any  # (N, H): c_{t-1} of an LSTM, h_{t-1} unrounded of a GRU
    weight: Any  # (4H, H), or (3H, H) with n before r and z


@compiled
def _run_forwards(weight, is_lstm, part, tape, hiddens, last_state):
    """All steps of a part's rows, into the direction's buffers."""
    size = tape.states.shape[1]
    columns = 4 * size if is_lstm else 3 * size
    for t in range(len(part.offsets) - 1):
        first, last = part.offsets[t], part.offsets[t + 1]
        multiply(tape.befores[first:last], weight, tape.sums[first:last, :columns])
        kept = (tape.states, tape.befores, hiddens, last_state)
        if is_lstm:
            lstm_step(t, part, tape.sums, 0, *kept)
        else:
            gru_step(t, part, tape.sums, *kept)


@compiled
def _run_backwards(weight, is_lstm, part, tape, d_hiddens, d_sums, d_hidden, d_state):
    """All steps of a part's rows, last to first; the weight is the transposed one.

    d_hidden and d_state (B, H) are the gradients of the last state and become those of the first.
    """
    size = tape.states.shape[1]
    columns = 4 * size if is_lstm else 3 * size
    d_later = np.empty((len(part.rows), size), tape.states.dtype)
    d_carried = np.empty_like(d_later)
    take_rows(d_hidden, part, d_later)
    take_rows(d_state, part, d_carried)
    for t in range(len(part.offsets) - 2, -1, -1):
        first, last = part.offsets[t], part.offsets[t + 1]
        given = (tape.states, d_later, d_hiddens, d_carried, d_sums)
        if is_lstm:
            lstm_step_backward(t, part, tape.sums, 0, *given)
        else:
            gru_step_backward(t, part, tape.sums, *given)
        d_later[: last - first] = 0
        multiply(d_sums[first:last, :columns], weight, d_later[: last - first])
    put_rows(d_later, part, d_hidden)
    put_rows(d_carried, part, d_state)


class _Layers(torch.autograd.Function):
    """The directions of one layer, each with its own weights, along the same rows."""

    @staticmethod
    def forward(
        ctx: Any,
        lengths: Tensor,
        steps: int,
        parts: list[Part],
        is_lstm: bool,
        hidden: Tensor,
        state: Tensor,
        *directions: Tensor,
    ) -> tuple[Tensor, ...]:
        """Hidden and state (directions, B, H); of each direction its sums and its weight.

        The sums (N, 4H), the inputs' share, are written to. Weights have the dtype of products, all
        else that of sums. Returns outputs (B, T, directions · H), and the last hidden and state.
        """
        count, rows, size = hidden.shape
        tapes = [
            _Direction(
                sums,
                weight.new_empty(len(sums), size),
                state.new_empty(len(sums), size),
                weight,
            )
            for sums, weight in zip(directions[::2], directions[1::2], strict=True)
        ]
        outputs = tapes[0].weight.new_empty(rows, steps, count * size)
        last_hidden = torch.empty_like(hidden)
        last_state = torch.empty_like(state)

        def run(number: int, part: Part) -> None:
            tape = tapes[number]
            tape.befores[part.first_step] = hidden[number, part.rows].to(outputs.dtype)
            tape.states[part.first_step] = state[number, part.rows]
            arrays = _Direction(*map(numpy_view, tape))
            made = (numpy_view(outputs), numpy_view(last_state[number]))
            weight = pack(tape.weight, len(part.rows))
            run_loop(_run_forwards, weight, is_lstm, part, arrays, *made)
            # The last hidden of each row is where its direction ends.
            out = outputs[:, :, part.column : part.column + size]  # (B, T, H)
            ends = torch.zeros_like(lengths) if part.is_reversed else lengths - 1
            last_hidden[number, part.rows] = out[part.rows, ends[part.rows]].to(hidden.dtype)

        in_threads(_each(run, count, parts, size))
        in_threads([partial(clear_padding, part, numpy_view(outputs)) for part in parts])
        ctx.save_for_backward(*(kept for tape in tapes for kept in tape))
        ctx.parts = parts
        ctx.is_lstm = is_lstm
        ctx.set_materialize_grads(False)
        return outputs, last_hidden, last_state

    @staticmethod
    def backward(
        ctx: Any, d_outputs: Tensor | None, d_hidden: Tensor | None, d_state: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        kept = ctx.saved_tensors
        fields = len(_Direction._fields)
        tapes = [_Direction(*kept[first : first + fields]) for first in range(0, len(kept), fields)]
        rows = sum(len(part.rows) for part in ctx.parts)
        size = tapes[0].states.shape[1]
        first = tapes[0].states.new_empty(len(tapes), rows, size)
        d_first_hidden = own_gradient(d_hidden, first)
        d_first_state = own_gradient(d_state, first)
        if d_outputs is None:
            d_outputs = tapes[0].befores.new_empty(rows, 0, 0)
        d_outs = numpy_view(d_outputs.contiguous())
        d_sums = [tape.befores.new_empty(tape.sums.shape) for tape in tapes]

        def run(number: int, part: Part) -> None:
            tape = tapes[number]
            made = (d_sums[number], d_first_hidden[number], d_first_state[number])
            arrays = _Direction(*map(numpy_view, tape))
            weight = pack(tape.weight.t(), len(part.rows))
            gradients = (d_outs, *map(numpy_view, made))
            run_loop(_run_backwards, weight, ctx.is_lstm, part, arrays, *gradients)

        in_threads(_each(run, len(tapes), ctx.parts, size))
        of_directions: list[Tensor] = []
        for tape, d_gates in zip(tapes, d_sums, strict=True):
            d_weight = weight_gradient(d_gates[:, : len(tape.weight)], tape.befores)
            of_directions += (d_gates, d_weight)
        return None, None, None, None, d_first_hidden, d_first_state, *of_directions


def _direction(part: Part, number: int, size: int) -> Part:
    """A part of the rows as one direction runs it."""
    return part._replace(is_reversed=number == 1, column=number * size)


def _each(
    run: Callable[[int, Part], None], directions: int, parts: list[Part], size: int
) -> list[Callable[[], None]]:
    """One task for each direction and part."""
    return [
        partial(run, number, _direction(part, number, size))
        for number in range(directions)
        for part in parts
    ]


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
    if lengths is None:
        lengths = torch.full((len(sequence),), sequence.shape[1])
    parts = pack_rows(sequence, lengths, -(-torch.get_num_threads() // len(hidden)))
    directions: list[Tensor] = []
    for number in range(len(hidden)):
        weight_ih, weight_hh, bias_ih, bias_hh = weights[4 * number : 4 * number + 4]
        bias = bias_ih + bias_hh
        if state is None:
            # Gates q, r, z, n: either product is a block of them, and n has a bias for each.
            bias = torch.cat([bias_hh[2 * size :], bias[: 2 * size], bias_ih[2 * size :]])
            weight_hh = weight_hh.roll(size, 0)  # r, z, n → n, r, z
        own_parts = [_direction(part, number, size) for part in parts]
        sums = packed_linear([sequence], own_parts, None, weight_ih, bias)
        directions += (sums, weight_hh.to(of_products))
    with torch.autocast("cpu", enabled=False):
        outputs, last_hidden, last_state = apply(
            _Layers,
            lengths,
            sequence.shape[1],
            parts,
            state is not None,
            hidden,
            hidden if state is None else state,
            *directions,
        )
    if state is None:
        last_hidden = last_state  # unrounded
    return outputs, last_hidden, last_state
