"""Plain recurrent layers on CPUs, built as `cpu` is: compiled but for the products. The equations are those of torch.nn.LSTM and GRU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear, pad

from novelgen.models.kernels import compiled_layers
from novelgen.models.kernels.arrays import numpy_view
from novelgen.models.kernels.products import padded_rows, product
from novelgen.models.kernels.rows import by_rows

# Time runs first in all buffers, so that a step of some rows is one contiguous block. Those that large products read are (N, …), of
# which the first T · B rows are used and the rest 0: so the products meet few shapes.


def _steps_of(buffer: Tensor, steps: int, rows: int) -> Tensor:
    """The part of a buffer (N, …) that is used, as (T, B, …)."""
    return buffer[: steps * rows].view(steps, rows, buffer.shape[1])


def _of_outputs(d_outputs: Tensor | None, like: Tensor) -> Any:
    """The gradient of outputs (B, T, H) as an array time first; (0, B, H) for none."""
    return numpy_view(like[:0] if d_outputs is None else d_outputs.transpose(0, 1).contiguous())


def _back(step: Callable[..., None], d_products: Tensor, weight: Tensor, *arrays: Any) -> Tensor:
    """Runs `step` back through time; it fills d_products (T, B, nH), the gradients of W h. That of the first h (B, H)."""
    of_state = product(weight.t(), d_products.shape[1])

    def run(first: int, last: int) -> Tensor:
        d_later = d_products.new_zeros(last - first, weight.shape[1])
        for t, d_product in reversed(list(enumerate(d_products[:, first:last].unbind()))):
            step(t, first, last, numpy_view(d_later), *arrays)
            d_later = of_state(d_product)
        return d_later

    return torch.cat(by_rows(run, d_products.shape[1]))


class _Lstm(torch.autograd.Function):
    """gates (N, 4H) and weight (4H, H) have the dtype of products, hidden and cell (B, H) that of sums."""

    @staticmethod
    def forward(
        ctx: Any,
        gates: Tensor,
        steps: int,
        lengths: Tensor,
        hidden: Tensor,
        cell: Tensor,
        weight: Tensor,
    ) -> tuple[Tensor, ...]:
        rows, size = hidden.shape
        buffer = gates.new_zeros(len(gates) + rows, size)
        hiddens = _steps_of(buffer, steps + 1, rows)
        cells, gate_activations = (
            cell.new_empty(steps + 1, rows, size),
            cell.new_empty(steps, rows, 4 * size),
        )
        hiddens[0], cells[0] = hidden, cell
        of_state, given, counts = (
            product(weight, rows),
            numpy_view(_steps_of(gates, steps, rows)),
            numpy_view(lengths),
        )
        moving = [numpy_view(x) for x in (gate_activations, cells, hiddens)]

        def run(first: int, last: int) -> None:
            for t, before in enumerate(hiddens[:-1, first:last].unbind()):
                compiled_layers.lstm(
                    t, first, last, given, numpy_view(of_state(before)), counts, *moving
                )

        by_rows(run, rows)
        ctx.save_for_backward(lengths, weight, gate_activations, buffer, cells)
        ctx.set_materialize_grads(False)
        ends = (lengths, torch.arange(rows))
        return hiddens[1:].transpose(0, 1), hiddens[ends].to(cell.dtype), cells[ends]

    @staticmethod
    def backward(
        ctx: Any, d_outputs: Tensor | None, d_hidden: Tensor | None, d_cell: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        lengths, weight, gate_activations, buffer, cells = ctx.saved_tensors
        steps, rows, size = len(gate_activations), *cells.shape[1:]
        d_buffer = buffer.new_empty(len(buffer) - rows, 4 * size)
        d_buffer[steps * rows :] = 0
        d_gates = _steps_of(d_buffer, steps, rows)
        d_cell = torch.zeros_like(cells[0]) if d_cell is None else d_cell.clone()
        d_hidden = torch.zeros_like(cells[0]) if d_hidden is None else d_hidden.contiguous()
        of_others = _of_outputs(d_outputs, _steps_of(buffer, steps, rows))
        moved = [
            numpy_view(x) for x in (d_hidden, lengths, d_cell, gate_activations, cells, d_gates)
        ]
        d_first = _back(compiled_layers.lstm_backward, d_gates, weight, of_others, *moved).to(
            cells.dtype
        )
        return d_buffer, None, None, d_first, d_cell, d_buffer.t() @ buffer[: len(d_buffer)]


class _Gru(torch.autograd.Function):
    """gates (N, 3H) and weight (3H, H) have the dtype of products, hidden (B, H) and bias (H,), what is added to W h of n, that of sums."""

    @staticmethod
    def forward(
        ctx: Any,
        gates: Tensor,
        steps: int,
        lengths: Tensor,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor,
    ) -> tuple[Tensor, ...]:
        rows, size = hidden.shape
        buffer = gates.new_zeros(len(gates) + rows, size)
        hiddens, state = _steps_of(buffer, steps + 1, rows), hidden.clone()
        gate_activations = hidden.new_empty(steps, rows, 4 * size)
        hiddens[0] = hidden
        of_state, given = product(weight, rows), numpy_view(_steps_of(gates, steps, rows))
        moving = [numpy_view(x) for x in (bias, lengths, gate_activations, state, hiddens)]

        def run(first: int, last: int) -> None:
            for t, before in enumerate(hiddens[:-1, first:last].unbind()):
                compiled_layers.gru(t, first, last, given, numpy_view(of_state(before)), *moving)

        by_rows(run, rows)
        ctx.save_for_backward(lengths, weight, gate_activations, buffer)
        ctx.set_materialize_grads(False)
        return hiddens[1:].transpose(0, 1), state

    @staticmethod
    def backward(
        ctx: Any, d_outputs: Tensor | None, d_hidden: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        lengths, weight, gate_activations, buffer = ctx.saved_tensors
        (steps, rows), size = gate_activations.shape[:2], weight.shape[1]
        # Of the products with x and with h: they differ in n, where r is between.
        d_x, d_h = (buffer.new_empty(len(buffer) - rows, 3 * size) for _ in range(2))
        d_x[steps * rows :], d_h[steps * rows :] = 0, 0
        d_gates, d_added, hiddens = (_steps_of(x, steps, rows) for x in (d_x, d_h, buffer))
        d_state = (
            gate_activations.new_zeros(rows, size)
            if d_hidden is None
            else d_hidden.clone(memory_format=torch.contiguous_format)
        )
        of_others = _of_outputs(d_outputs, hiddens)
        moved = [
            numpy_view(x) for x in (lengths, d_state, gate_activations, hiddens, d_gates, d_added)
        ]
        d_state += _back(compiled_layers.gru_backward, d_added, weight, of_others, *moved)
        return (
            d_x,
            None,
            None,
            d_state,
            d_h.t() @ buffer[: len(d_h)],
            d_h[:, 2 * size :].sum(0, dtype=gate_activations.dtype),
        )


def recurrent_layer(
    sequence: Tensor,
    lengths: Tensor | None,
    state: tuple[Tensor, ...],
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """An LSTM or, where the state has but one part, a GRU along sequence (B, T, D): outputs (B, T, H) and the last state.

    With `lengths` (B,), from 1 to T, as if packed: the last state of a row is that after its last token, outputs behind it are 0. The
    weights are those of torch.nn.LSTM and GRU, the state's parts (B, H). Under autocast products run in its dtype, which outputs then
    have; sums and the last state keep the dtype of the weights.
    """
    (rows, steps), size, dtype = sequence.shape[:2], weight_hh.shape[1], weight_hh.dtype
    autocast = torch.is_autocast_enabled("cpu")
    of_products = torch.get_autocast_dtype("cpu") if autocast else dtype
    lengths = torch.full((rows,), steps) if lengths is None else lengths
    with torch.autocast("cpu", enabled=False):
        inputs = sequence.to(of_products).transpose(0, 1).flatten(0, 1)
        if autocast:
            inputs = pad(inputs, (0, 0, 0, padded_rows(len(inputs)) - len(inputs)))
        # Of a GRU's second bias, the part of n is inside of what r scales.
        outside = bias_hh if len(state) == 2 else pad(bias_hh[: 2 * size], (0, size))
        gates = linear(inputs, weight_ih.to(of_products), (bias_ih + outside).to(of_products))
        first = [part.to(dtype).contiguous() for part in state]
        if len(state) == 2:
            outputs, *last = _Lstm.apply(gates, steps, lengths, *first, weight_hh.to(of_products))
        else:
            outputs, *last = _Gru.apply(
                gates, steps, lengths, *first, weight_hh.to(of_products), bias_hh[2 * size :]
            )
    return outputs, tuple(last)
