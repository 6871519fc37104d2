"""Plain recurrent layers on CPUs; the equations are those of torch.nn.LSTM and torch.nn.GRU.

As in `cpu`, everything but the matrix products is compiled, and each thread has rows of its own.

Time runs first in all buffers, so that a step of some rows is one block of memory. Those that large
products read are (N, …), of which the first T · B rows are used and the rest are 0: so the products
meet few shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import linear, pad

from novelgen.models.kernels import compiled_layers
from novelgen.models.kernels.arrays import numpy_view
from novelgen.models.kernels.autograd import apply, own_gradient, product_dtype
from novelgen.models.kernels.products import padded_rows, product
from novelgen.models.kernels.rows import by_rows


class _LstmTape(NamedTuple):
    """What an LSTM keeps for the backward pass."""

    lengths: Tensor  # (B,) int64
    weight: Tensor  # (4H, H)
    gate_activations: Tensor  # (T, B, 4H): i, f, g, o
    buffer: Tensor  # (N + B, H): h_0 … h_T, then zeros
    cells: Tensor  # (T + 1, B, H)


class _GruTape(NamedTuple):
    """What a GRU keeps for the backward pass."""

    lengths: Tensor  # (B,) int64
    weight: Tensor  # (3H, H)
    gate_activations: Tensor  # (T, B, 4H): r, z, n, and u_n + b inside of n
    buffer: Tensor  # (N + B, H): h_0 … h_T, then zeros


def _steps_of(buffer: Tensor, steps: int, rows: int) -> Tensor:
    """The part of a buffer (N, …) that is used, as (T, B, …)."""
    return buffer[: steps * rows].view(steps, rows, buffer.shape[1])


def _of_outputs(d_outputs: Tensor | None, like: Tensor) -> npt.NDArray[Any]:
    """The gradient of outputs (B, T, H) as an array (T, B, H); (0, B, H) for none."""
    if d_outputs is None:
        return numpy_view(like[:0])
    return numpy_view(d_outputs.transpose(0, 1).contiguous())


def _run_backwards(
    step: Callable[..., None], d_products: Tensor, weight: Tensor, *arrays: npt.NDArray[Any]
) -> Tensor:
    """Calls `step` for all steps, last to first, and returns the gradient of the first h (B, H).

    `step` fills d_products (T, B, nH), the gradients of W h_{t-1}.
    """
    rows = d_products.shape[1]
    from_product = product(weight.t(), rows)

    def run(first: int, last: int) -> Tensor:
        d_later = d_products.new_zeros(last - first, weight.shape[1])  # (R, H)
        for t, d_product in reversed(list(enumerate(d_products[:, first:last].unbind()))):
            step(t, first, last, numpy_view(d_later), *arrays)
            d_later = from_product(d_product)
        return d_later

    return torch.cat(by_rows(run, rows))


class _Lstm(torch.autograd.Function):
    """An LSTM over all steps, given its inputs' share of the gates."""

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
        """Gates (N, 4H) and weight (4H, H) have the dtype of products, hidden and cell of sums."""
        rows, size = hidden.shape
        buffer = gates.new_zeros(len(gates) + rows, size)
        hiddens = _steps_of(buffer, steps + 1, rows)  # (T + 1, B, H)
        cells = cell.new_empty(steps + 1, rows, size)
        gate_activations = cell.new_empty(steps, rows, 4 * size)
        hiddens[0] = hidden
        cells[0] = cell
        from_state = product(weight, rows)
        gates_read = numpy_view(_steps_of(gates, steps, rows))
        lengths_read = numpy_view(lengths)
        states = [numpy_view(part) for part in (gate_activations, cells, hiddens)]

        def run(first: int, last: int) -> None:
            for t, before in enumerate(hiddens[:-1, first:last].unbind()):
                added = numpy_view(from_state(before))  # (R, 4H)
                compiled_layers.lstm(t, first, last, gates_read, added, lengths_read, *states)

        by_rows(run, rows)
        ctx.save_for_backward(*_LstmTape(lengths, weight, gate_activations, buffer, cells))
        ctx.set_materialize_grads(False)
        ends = (lengths, torch.arange(rows))  # of each row, the state after its last token
        return hiddens[1:].transpose(0, 1), hiddens[ends].to(cell.dtype), cells[ends]

    @staticmethod
    def backward(
        ctx: Any, d_outputs: Tensor | None, d_hidden: Tensor | None, d_cell: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        tape = _LstmTape(*ctx.saved_tensors)
        steps, rows = tape.gate_activations.shape[:2]
        size = tape.cells.shape[2]
        d_cell = own_gradient(d_cell, tape.cells[0])
        d_hidden = own_gradient(d_hidden, tape.cells[0])
        # Rows behind those of the steps are read by the weight's product: they must be 0.
        d_buffer = tape.buffer.new_empty(len(tape.buffer) - rows, 4 * size)  # (N, 4H)
        d_buffer[steps * rows :] = 0
        d_gates = _steps_of(d_buffer, steps, rows)  # (T, B, 4H)
        parts = (d_hidden, tape.lengths, d_cell, tape.gate_activations, tape.cells, d_gates)
        d_first = _run_backwards(
            compiled_layers.lstm_backward,
            d_gates,
            tape.weight,
            _of_outputs(d_outputs, _steps_of(tape.buffer, steps, rows)),
            *(numpy_view(part) for part in parts),
        )
        d_weight = d_buffer.t() @ tape.buffer[: len(d_buffer)]  # (4H, H)
        return d_buffer, None, None, d_first.to(tape.cells.dtype), d_cell, d_weight


class _Gru(torch.autograd.Function):
    """A GRU over all steps, given its inputs' share of the gates."""

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
        """Bias (H,) is what is added to W h of n.

        Gates (N, 3H) and weight (3H, H) have the dtype of products, hidden and bias that of sums.
        """
        rows, size = hidden.shape
        buffer = gates.new_zeros(len(gates) + rows, size)
        hiddens = _steps_of(buffer, steps + 1, rows)  # (T + 1, B, H)
        state = hidden.clone()  # (B, H): h unrounded, from step to step
        gate_activations = hidden.new_empty(steps, rows, 4 * size)
        hiddens[0] = hidden
        from_state = product(weight, rows)
        gates_read = numpy_view(_steps_of(gates, steps, rows))
        states = [numpy_view(part) for part in (bias, lengths, gate_activations, state, hiddens)]

        def run(first: int, last: int) -> None:
            for t, before in enumerate(hiddens[:-1, first:last].unbind()):
                added = numpy_view(from_state(before))  # (R, 3H)
                compiled_layers.gru(t, first, last, gates_read, added, *states)

        by_rows(run, rows)
        ctx.save_for_backward(*_GruTape(lengths, weight, gate_activations, buffer))
        ctx.set_materialize_grads(False)
        return hiddens[1:].transpose(0, 1), state

    @staticmethod
    def backward(
        ctx: Any, d_outputs: Tensor | None, d_hidden: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        tape = _GruTape(*ctx.saved_tensors)
        steps, rows = tape.gate_activations.shape[:2]
        size = tape.weight.shape[1]
        d_state = own_gradient(d_hidden, tape.gate_activations.new_empty(rows, size))
        # Of the products with x and with h, (N, 3H) each: they differ in n, where r is between.
        d_x = tape.buffer.new_empty(len(tape.buffer) - rows, 3 * size)
        d_h = torch.empty_like(d_x)
        d_x[steps * rows :] = 0
        d_h[steps * rows :] = 0
        d_gates = _steps_of(d_x, steps, rows)  # (T, B, 3H)
        d_added = _steps_of(d_h, steps, rows)  # (T, B, 3H)
        hiddens = _steps_of(tape.buffer, steps, rows)  # (T, B, H)
        parts = (tape.lengths, d_state, tape.gate_activations, hiddens, d_gates, d_added)
        d_state += _run_backwards(
            compiled_layers.gru_backward,
            d_added,
            tape.weight,
            _of_outputs(d_outputs, hiddens),
            *(numpy_view(part) for part in parts),
        )
        d_weight = d_h.t() @ tape.buffer[: len(d_h)]  # (3H, H)
        d_bias = d_h[:, 2 * size :].sum(0, dtype=tape.gate_activations.dtype)  # (H,)
        return d_x, None, None, d_state, d_weight, d_bias


def recurrent_layer(
    sequence: Tensor,
    lengths: Tensor | None,
    state: tuple[Tensor, ...],
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """An LSTM along sequence (B, T, D), or a GRU where the state has but one part (B, H).

    Returns outputs (B, T, H) and the last state. With `lengths` (B,), from 1 to T, it runs as if
    packed: the last state of a row is that after its last token, outputs behind it are 0. The
    weights are those of torch.nn.LSTM and GRU. Under autocast products run in its dtype, which
    outputs then have; sums and the last state keep the dtype of the weights.
    """
    rows, steps = sequence.shape[:2]
    size = weight_hh.shape[1]
    dtype = weight_hh.dtype
    autocast = torch.is_autocast_enabled("cpu")
    of_products = product_dtype("cpu", dtype)
    if lengths is None:
        lengths = torch.full((rows,), steps)
    is_lstm = len(state) == 2
    with torch.autocast("cpu", enabled=False):
        inputs = sequence.to(of_products).transpose(0, 1).flatten(0, 1)  # (T · B, D)
        if autocast:
            inputs = pad(inputs, (0, 0, 0, padded_rows(len(inputs)) - len(inputs)))  # (N, D)
        # Of a GRU's second bias, the part of n is inside of what r scales.
        outside = bias_hh if is_lstm else pad(bias_hh[: 2 * size], (0, size))
        gates = linear(inputs, weight_ih.to(of_products), (bias_ih + outside).to(of_products))
        first = [part.to(dtype).contiguous() for part in state]
        weight = weight_hh.to(of_products)
        if is_lstm:
            outputs, *last = apply(_Lstm, gates, steps, lengths, *first, weight)
        else:
            bias = bias_hh[2 * size :]
            outputs, *last = apply(_Gru, gates, steps, lengths, *first, weight, bias)
    return outputs, tuple(last)
