"""Recurrent layers without attention on CPUs, and linear ones, along the real steps of padded rows.

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
from novelgen.models.kernels.math_numba import compiled
from novelgen.models.kernels.packed import (
    Part,
    clear_padding,
    gather,
    in_threads,
    numpy_view,
    pack_rows,
    put_rows,
    scatter,
    scatter_add,
    take_rows,
)
from novelgen.models.kernels.products import (
    add_product,
    bias_gradient,
    multiply,
    pack,
    run_loop,
    weight_gradient,
)
from novelgen.models.kernels.steps import (
    gru_step,
    gru_step_backward,
    lstm_step,
    lstm_step_backward,
)


class _Direction(NamedTuple):
    """What one direction of a layer keeps for the backward pass, as tensors or as arrays."""

    inputs: Any  # (N, D)
    sums: Any  # (N, 4H): gates after their activation, as `steps` has them
    befores: Any  # (N, H): h_{t-1}
    states: Any  # (N, H): c_{t-1} of an LSTM, h_{t-1} unrounded of a GRU
    input_weight: Any  # (4H, D), or (3H, D) with n before r and z
    weight: Any  # (4H, H), or (3H, H)


@compiled
def _run_forwards(weight, is_lstm, part, tape, hiddens, last_state):
    """All steps of a part's rows, into the direction's buffers."""
    skipped = 0 if is_lstm else tape.states.shape[1]
    for t in range(len(part.offsets) - 1):
        first, last = part.offsets[t], part.offsets[t + 1]
        multiply(tape.befores[first:last], weight, tape.sums[first:last, skipped:])
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
    skipped = 0 if is_lstm else tape.states.shape[1]
    d_later = np.empty((len(part.rows), tape.states.shape[1]), tape.states.dtype)
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
        multiply(d_sums[first:last, skipped:], weight, d_later[: last - first])
    put_rows(d_later, part, d_hidden)
    put_rows(d_carried, part, d_state)


class _Layers(torch.autograd.Function):
    """The directions of one layer, each with its own weights, along the same sequence."""

    @staticmethod
    def forward(
        ctx: Any,
        sequence: Tensor,
        lengths: Tensor,
        parts: list[Part],
        is_lstm: bool,
        hidden: Tensor,
        state: Tensor,
        *weights: Tensor,
    ) -> tuple[Tensor, ...]:
        """Hidden and state (directions, B, H); weights: four of each direction, in torch's order.

        `sequence` has the dtype of products, everything else that of sums. Returns outputs (B, T,
        directions · H), and the last hidden and state as given.
        """
        size = hidden.shape[2]
        count = int(parts[-1].offsets[-1])
        directions = [weights[first : first + 4] for first in range(0, len(weights), 4)]
        outputs = sequence.new_empty(*sequence.shape[:2], len(directions) * size)
        last_hidden = torch.empty_like(hidden)
        last_state = torch.empty_like(state)
        tapes = [
            _new_tape(sequence, weight_ih, weight_hh, is_lstm, count)
            for weight_ih, weight_hh, _, _ in directions
        ]

        def run(number: int, part: Part) -> None:
            tape = tapes[number]
            own = part.span
            out = outputs[:, :, number * size : (number + 1) * size]  # (B, T, H)
            # 1. The inputs' share of the gates, of all steps at once.
            gather(numpy_view(sequence), part, numpy_view(tape.inputs))
            _, _, bias_ih, bias_hh = directions[number]
            tape.sums[own] = _gate_bias(bias_ih, bias_hh, is_lstm)
            of_inputs = tape.sums[own, : len(tape.input_weight)]
            add_product(tape.inputs[own], tape.input_weight, of_inputs)
            # 2. The loop.
            tape.befores[part.first_step] = hidden[number, part.rows].to(sequence.dtype)
            tape.states[part.first_step] = state[number, part.rows]
            arrays = _Direction(*map(numpy_view, tape))
            made = (numpy_view(outputs), numpy_view(last_state[number]))
            weight = pack(tape.weight, len(part.rows))
            run_loop(_run_forwards, weight, is_lstm, part, arrays, *made)
            # 3. The last hidden of each row, where its direction ends.
            ends = torch.zeros_like(lengths) if part.is_reversed else lengths - 1
            last_hidden[number, part.rows] = out[part.rows, ends[part.rows]].to(hidden.dtype)

        in_threads(_each(run, len(tapes), parts, size))
        in_threads([partial(clear_padding, part, numpy_view(outputs)) for part in parts])
        ctx.save_for_backward(*(kept for tape in tapes for kept in tape))
        ctx.parts = parts
        ctx.is_lstm = is_lstm
        ctx.shape = sequence.shape
        ctx.set_materialize_grads(False)
        return outputs, last_hidden, last_state

    @staticmethod
    def backward(
        ctx: Any, d_outputs: Tensor | None, d_hidden: Tensor | None, d_state: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        kept = ctx.saved_tensors
        fields = len(_Direction._fields)
        tapes = [_Direction(*kept[first : first + fields]) for first in range(0, len(kept), fields)]
        parts: list[Part] = ctx.parts
        is_lstm: bool = ctx.is_lstm
        rows, steps, width = ctx.shape
        size = tapes[0].states.shape[1]
        first = tapes[0].states.new_empty(len(tapes), rows, size)
        d_first_hidden = own_gradient(d_hidden, first)
        d_first_state = own_gradient(d_state, first)
        if d_outputs is None:
            d_outputs = tapes[0].befores.new_empty(rows, 0, 0)
        d_outs = numpy_view(d_outputs.contiguous())
        d_sums = [tape.befores.new_empty(tape.sums.shape) for tape in tapes]
        d_inputs = [first.new_zeros(tape.inputs.shape) for tape in tapes]
        d_sequence = first.new_empty(rows, steps, width)

        def run(number: int, part: Part) -> None:
            tape = tapes[number]
            own = part.span
            # 1. The way back through time.
            made = (d_sums[number], d_first_hidden[number], d_first_state[number])
            run_loop(
                _run_backwards,
                pack(tape.weight.t(), len(part.rows)),
                is_lstm,
                part,
                _Direction(*map(numpy_view, tape)),
                d_outs,
                *map(numpy_view, made),
            )
            # 2. The inputs, of all steps at once.
            of_inputs = d_sums[number][own, : len(tape.input_weight)]
            add_product(of_inputs, tape.input_weight.t(), d_inputs[number][own])

        def put_back(part: Part) -> None:
            scatter(numpy_view(d_inputs[0]), part, numpy_view(d_sequence))
            if len(tapes) > 1:
                scatter_add(
                    numpy_view(d_inputs[1]), _direction(part, 1, size), numpy_view(d_sequence)
                )

        in_threads(_each(run, len(tapes), parts, size))
        in_threads([partial(put_back, part) for part in parts])
        d_weights: list[Tensor] = []
        for tape, d_gates in zip(tapes, d_sums, strict=True):
            d_weights += _weight_gradients(tape, d_gates, is_lstm)
        return (
            d_sequence.to(tapes[0].inputs.dtype),
            None,
            None,
            None,
            d_first_hidden,
            d_first_state,
            *d_weights,
        )


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


def _new_tape(
    sequence: Tensor, weight_ih: Tensor, weight_hh: Tensor, is_lstm: bool, count: int
) -> _Direction:
    """Buffers for `count` real steps, and the weights in the dtype of products."""
    size = weight_hh.shape[1]
    if not is_lstm:
        weight_ih = weight_ih.roll(size, 0)  # r, z, n → n, r, z
    return _Direction(
        sequence.new_empty(count, sequence.shape[2]),
        weight_hh.new_empty(count, 4 * size),
        sequence.new_empty(count, size),
        weight_hh.new_empty(count, size),
        weight_ih.to(sequence.dtype),
        weight_hh.to(sequence.dtype),
    )


def _gate_bias(bias_ih: Tensor, bias_hh: Tensor, is_lstm: bool) -> Tensor:
    """What is added to the sums (4H,): a GRU's n has one for each of its products."""
    if is_lstm:
        return bias_ih + bias_hh
    size = len(bias_ih) // 3
    both = bias_ih + bias_hh
    return torch.cat([bias_ih[2 * size :], both[: 2 * size], bias_hh[2 * size :]])


def _weight_gradients(tape: _Direction, d_sums: Tensor, is_lstm: bool) -> list[Tensor]:
    """The gradients of the four weights of a direction."""
    size = tape.states.shape[1]
    skipped = 0 if is_lstm else size
    d_input_weight = weight_gradient(d_sums[:, : len(tape.input_weight)], tape.inputs)
    d_weight = weight_gradient(d_sums[:, skipped:], tape.befores)
    d_bias = bias_gradient(d_sums)
    if is_lstm:
        return [d_input_weight, d_weight, d_bias, d_bias]
    d_bias_ih = d_bias[: 3 * size].roll(-size, 0)
    return [d_input_weight.roll(-size, 0), d_weight, d_bias_ih, d_bias[size:]]


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
    if lengths is None:
        lengths = torch.full((len(sequence),), sequence.shape[1])
    threads = -(-torch.get_num_threads() // len(hidden))
    parts = pack_rows(sequence, lengths, threads)
    with torch.autocast("cpu", enabled=False):
        outputs, last_hidden, last_state = apply(
            _Layers,
            sequence.to(of_products).contiguous(),
            lengths,
            parts,
            state is not None,
            hidden,
            hidden if state is None else state,
            *weights,
        )
    if state is None:
        last_hidden = last_state  # unrounded
    return outputs, last_hidden, last_state
