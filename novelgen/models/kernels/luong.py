"""The loop of Luong, Pham and Manning (2015) with input feeding on CPUs, its gradients written out.

s_t = LSTM(s_{t-1}, [y_{t-1}; h̃_{t-1}]);  e_tj = s_t · k_j;  α_t = softmax(e_t);  c_t = Σ_j α_tj
h_j;  h̃_t = tanh(W [c_t; s_t]). [s; h̃] is one buffer, so that recurrent and feeding weights are one
product.

Shapes: B rows, S source positions, H hidden size, M memory size, D size of inputs and readouts, and
N real steps of all rows, as in `packed`.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from novelgen.models.kernels.api import FeedingOutput, FeedingWeights, LoopMemory, product_dtype
from novelgen.models.kernels.autograd import apply, own_gradient
from novelgen.models.kernels.linear import packed_linear
from novelgen.models.kernels.math_numba import compiled, narrow, tanh, widen
from novelgen.models.kernels.packed import (
    Part,
    in_threads,
    numpy_view,
    pack_rows,
    put_rows,
    take_rows,
)
from novelgen.models.kernels.products import multiply, pack, run_loop, weight_gradient
from novelgen.models.kernels.steps import (
    lstm_step,
    lstm_step_backward,
    softmax_context,
    softmax_context_backward,
)


class _Tape(NamedTuple):
    """What the forward pass keeps for the backward pass, as tensors or as arrays."""

    annotations: Any  # (B, S, M): h_j
    keys: Any  # (B, S, H): k_j
    positions: Any  # (B,) int64: real positions of each source
    drop: Any  # (B, M + H): what [c; s] is multiplied by, or (B, 0)
    sums: Any  # (N, 4H): the gates i, f, g, o
    joints: Any  # (N, H + D): [s_{t-1}; h̃_{t-1}]
    cells: Any  # (N, H): the cell before
    reads: Any  # (N, M + H): drop · [c_t; s_t]
    hiddens: Any  # (B, T, H): s_t
    readouts: Any  # (B, T, D): h̃_t, 0 at padding
    alphas: Any  # (B, T, S): α_t, 0 at padding


class _Gradients(NamedTuple):
    """What the way back through time leaves, as tensors or as arrays."""

    readouts: Any  # (B, T, D), given, or (B, 0, 0)
    alphas: Any  # (B, T, S), given, or (B, 0, 0)
    sums: Any  # (N, 4H)
    made: Any  # (N, D): of the readout before its tanh
    contexts: Any  # (B, T, M): of c_t
    scores: Any  # (B, T, S): of e_t
    joint: Any  # (B, H + D): of the last [s; h̃], given, and then of the first
    cell: Any  # (B, H): likewise
    no_hiddens: Any  # (B, 0, 0): s_t itself is no output


@compiled
def _attend(t, part, tape):
    """Step t of the attention: e_j = s · k_j, α, and drop · [c; s]."""
    size = tape.keys.shape[2]
    width = tape.annotations.shape[2]
    number = tape.cells.dtype.type
    query, context = np.empty(size, tape.cells.dtype), np.empty(width, tape.cells.dtype)
    for n in range(part.offsets[t], part.offsets[t + 1]):
        row = part.rows[n - part.offsets[t]]
        real = tape.positions[row]
        alpha = tape.alphas[row, t, :real]
        hidden = tape.hiddens[row, t]
        for k in range(size):
            query[k] = number(widen(hidden[k]))
        for j in range(real):
            total, key = number(0), tape.keys[row, j]
            for k in range(size):
                total += query[k] * number(widen(key[k]))
            alpha[j] = total
        softmax_context(alpha, tape.annotations[row], context)
        if tape.drop.shape[1]:
            for m in range(width):
                context[m] *= tape.drop[row, m]
            for k in range(size):
                query[k] *= tape.drop[row, width + k]
        for m in range(width):
            tape.reads[n, m] = narrow(context[m], tape.reads)
        for k in range(size):
            tape.reads[n, width + k] = narrow(query[k], tape.reads)


@compiled
def _attend_backward(t, part, tape, grads, d_reads, d_hidden):
    """The gradients of `_attend`, given d_reads (R, M + H), that of drop · [c; s].

    Adds to d_hidden (R, H), that of s.
    """
    size = tape.keys.shape[2]
    width = tape.annotations.shape[2]
    number = tape.cells.dtype.type
    nothing = np.empty(0, tape.cells.dtype)
    d_scores = np.empty(tape.alphas.shape[2], tape.cells.dtype)
    for i in range(part.offsets[t + 1] - part.offsets[t]):
        row = part.rows[i]
        real = tape.positions[row]
        d_context, d_read = grads.contexts[row, t], d_reads[i]
        if tape.drop.shape[1]:
            for k in range(width + size):
                d_read[k] *= tape.drop[row, k]
        for m in range(width):
            d_context[m] = d_read[m]
        d_alpha = grads.alphas[row, t] if grads.alphas.shape[1] else nothing
        alpha = tape.alphas[row, t, :real]
        softmax_context_backward(alpha, tape.annotations[row], d_context, d_alpha, d_scores)
        for k in range(size):
            d_hidden[i, k] += d_read[width + k]
        for j in range(real):
            error, key = d_scores[j], tape.keys[row, j]
            grads.scores[row, t, j] = narrow(error, grads.scores)
            for k in range(size):
                d_hidden[i, k] += error * number(widen(key[k]))


@compiled
def _read_out(t, part, made, tape):
    """h̃ = tanh(made), made (R, D), into the outputs and what the next step is fed."""
    size = tape.cells.shape[1]
    for i in range(part.offsets[t + 1] - part.offsets[t]):
        readout = tape.readouts[part.rows[i], t]
        for d in range(made.shape[1]):
            readout[d] = narrow(tanh(made[i, d]), tape.readouts)
        if part.lengths[i] > t + 1:
            tape.joints[part.offsets[t + 1] + i, size:] = readout


@compiled
def _read_out_backward(t, part, tape, grads, d_later):
    """The gradients of `_read_out`; d_later (R, D) is that of h̃ as the next step is fed it."""
    number = tape.cells.dtype.type
    for i in range(part.offsets[t + 1] - part.offsets[t]):
        row = part.rows[i]
        d_made = grads.made[part.offsets[t] + i]
        for d in range(len(d_made)):
            error, value = d_later[i, d], number(widen(tape.readouts[row, t, d]))
            if grads.readouts.shape[1]:
                error += number(widen(grads.readouts[row, t, d]))
            d_made[d] = narrow(error * (number(1) - value * value), grads.made)


@compiled
def _run_forwards(joint_weight, readout_weight, part, tape, last_cell):
    """All steps of a part's rows, into the tape's buffers."""
    made = np.empty((len(part.rows), tape.readouts.shape[2]), tape.cells.dtype)
    for t in range(len(part.offsets) - 1):
        first, last = part.offsets[t], part.offsets[t + 1]
        gates = tape.sums[first:last]
        # 1. The cell: what s_{t-1} and h̃_{t-1} add to the gates, in one product.
        multiply(tape.joints[first:last], joint_weight, gates)
        lstm_step(t, part, tape.sums, 0, tape.cells, tape.joints, tape.hiddens, last_cell)
        # 2. α_t and drop · [c_t; s_t].
        _attend(t, part, tape)
        # 3. h̃_t.
        made[: last - first] = 0
        multiply(tape.reads[first:last], readout_weight, made[: last - first])
        _read_out(t, part, made[: last - first], tape)


@compiled
def _run_backwards(joint_weight, readout_weight, part, tape, grads):
    """All steps of a part's rows, last to first; the weights are transposed ones."""
    size = tape.cells.shape[1]
    # Of [s_t; h̃_t], from step t + 1.
    d_later = np.empty((len(part.rows), grads.joint.shape[1]), tape.cells.dtype)
    take_rows(grads.joint, part, d_later)
    d_cell = np.empty((len(part.rows), size), tape.cells.dtype)
    take_rows(grads.cell, part, d_cell)
    d_reads = np.empty((len(part.rows), tape.reads.shape[1]), tape.cells.dtype)
    for t in range(len(part.offsets) - 2, -1, -1):
        first, last = part.offsets[t], part.offsets[t + 1]
        count = last - first
        d_gates = grads.sums[first:last]
        d_hidden = d_later[:count, :size]
        # 1. h̃_t and what it reads.
        _read_out_backward(t, part, tape, grads, d_later[:count, size:])
        d_reads[:count] = 0
        multiply(grads.made[first:last], readout_weight, d_reads[:count])
        _attend_backward(t, part, tape, grads, d_reads, d_hidden)
        # 2. The cell.
        lstm_step_backward(
            t,
            part,
            tape.sums,
            0,
            tape.cells,
            d_later,
            grads.no_hiddens,
            d_cell,
            grads.sums,
        )
        # 3. [s_{t-1}; h̃_{t-1}].
        d_later[:count] = 0
        multiply(d_gates, joint_weight, d_later[:count])
    put_rows(d_later, part, grads.joint)
    put_rows(d_cell, part, grads.cell)


class _FeedingLoop(torch.autograd.Function):
    """`input_feeding_loop` with its gradients."""

    @staticmethod
    def forward(
        ctx: Any,
        sums: Tensor,
        annotations: Tensor,
        keys: Tensor,
        joint: Tensor,
        cell: Tensor,
        joint_weight: Tensor,
        readout_weight: Tensor,
        drop: Tensor,
        positions: Tensor,
        parts: list[Part],
        steps: int,
    ) -> tuple[Tensor, ...]:
        """Joint (B, H + D) is [s_0; h̃_0], joint_weight (4H, H + D) recurrent beside feeding.

        sums (N, 4H), y's share of the gates, is written to. It, joint, cell and drop have the
        dtype of sums, everything else that of products.
        """
        rows, size = cell.shape
        count = len(sums)
        tape = _Tape(
            annotations,
            keys,
            positions,
            drop,
            sums,
            keys.new_empty(count, joint.shape[1]),
            cell.new_empty(count, size),
            keys.new_empty(count, readout_weight.shape[1]),
            keys.new_zeros(rows, steps, size),
            keys.new_zeros(rows, steps, len(readout_weight)),
            cell.new_zeros(rows, steps, annotations.shape[1]),
        )
        arrays = _Tape(*map(numpy_view, tape))
        last_cell = torch.empty_like(cell)
        weights = (pack(joint_weight, rows), pack(readout_weight, rows))

        def run(part: Part) -> None:
            tape.joints[part.first_step] = joint[part.rows].to(keys.dtype)
            tape.cells[part.first_step] = cell[part.rows]
            run_loop(_run_forwards, *weights, part, arrays, numpy_view(last_cell))

        in_threads([partial(run, part) for part in parts])
        ctx.save_for_backward(*tape, joint_weight, readout_weight)
        ctx.parts = parts
        ctx.set_materialize_grads(False)
        last_hidden = tape.hiddens[:, -1].to(cell.dtype)
        return tape.readouts, last_hidden, last_cell, tape.alphas

    @staticmethod
    def backward(
        ctx: Any,
        d_readouts: Tensor | None,
        d_hidden: Tensor | None,
        d_cell: Tensor | None,
        d_alphas: Tensor | None,
    ) -> tuple[Tensor | None, ...]:
        *kept, joint_weight, readout_weight = ctx.saved_tensors
        tape = _Tape(*kept)
        parts: list[Part] = ctx.parts
        rows, steps = tape.alphas.shape[:2]
        size = tape.cells.shape[1]
        # 1. The way back through time; (B, 0, 0) tells the compiled code that there is no gradient.
        nothing = tape.cells.new_empty(rows, 0, 0)
        d_joint = tape.cells.new_zeros(rows, joint_weight.shape[1])
        if d_hidden is not None:
            d_joint[:, :size] = d_hidden
        grads = _Gradients(
            tape.joints.new_empty(rows, 0, 0) if d_readouts is None else d_readouts.contiguous(),
            nothing if d_alphas is None else d_alphas.contiguous(),
            tape.joints.new_empty(tape.sums.shape),
            tape.joints.new_empty(len(tape.joints), len(readout_weight)),
            tape.cells.new_zeros(rows, steps, tape.annotations.shape[2]),
            tape.joints.new_zeros(tape.alphas.shape),
            d_joint,
            own_gradient(d_cell, d_joint[:, :size]),
            nothing,
        )
        arrays = _Tape(*map(numpy_view, tape))
        grad_arrays = _Gradients(*map(numpy_view, grads))
        weights = (pack(joint_weight.t(), rows), pack(readout_weight.t(), rows))

        def run(part: Part) -> None:
            run_loop(_run_backwards, *weights, part, arrays, grad_arrays)

        in_threads([partial(run, part) for part in parts])
        # 2. The source and the weights, of all steps at once.
        d_annotations = torch.bmm(tape.alphas.transpose(1, 2), grads.contexts)  # (B, S, M)
        d_keys = torch.bmm(grads.scores.transpose(1, 2), tape.hiddens)  # (B, S, H)
        return (
            grads.sums,
            d_annotations.to(tape.annotations.dtype),
            d_keys,
            grads.joint,
            grads.cell,
            weight_gradient(grads.sums, tape.joints),
            weight_gradient(grads.made, tape.reads),
            None,
            None,
            None,
            None,
        )


def input_feeding_loop(
    inputs: Tensor,
    lengths: Tensor | None,
    memory: LoopMemory,
    hidden: Tensor,
    cell: Tensor,
    fed: Tensor,
    drop: Tensor | None,
    weights: FeedingWeights,
) -> FeedingOutput:
    """`reference.input_feeding_loop`, faster, on CPUs: the same inputs, outputs and gradients.

    Under autocast the matrix products run in its dtype, which `readouts` then have, and `hidden` is
    rounded to it; sums, softmax and cells keep the dtype of the weights.
    """
    dtype = weights.readout.dtype
    of_products = product_dtype("cpu", dtype)
    if drop is None:
        drop = hidden.new_empty(len(hidden), 0)
    parts = pack_rows(inputs, lengths, torch.get_num_threads())
    # y's share of the gates, of all steps at once.
    sums = packed_linear([inputs], parts, None, weights.token, weights.bias)
    with torch.autocast("cpu", enabled=False):
        outputs = apply(
            _FeedingLoop,
            sums,
            memory.annotations.to(of_products).contiguous(),
            memory.keys.to(of_products).contiguous(),
            torch.cat([hidden, fed], dim=1).to(dtype),
            cell.to(dtype),
            torch.cat([weights.recurrent, weights.feeding], dim=1).to(of_products),
            weights.readout.to(of_products),
            drop.to(dtype).contiguous(),
            memory.is_token.sum(1),
            parts,
            inputs.shape[1],
        )
    return FeedingOutput(*outputs)
