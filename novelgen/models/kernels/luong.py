"""The loop of Luong, Pham and Manning (2015) with input feeding on CPUs, its gradients written out.

s_t = LSTM(s_{t-1}, [y_{t-1}; h̃_{t-1}]);  e_tj = s_t · k_j;  α_t = softmax(e_t);  c_t = Σ_j α_tj
h_j;  h̃_t = tanh(W [c_t; s_t]). [s; h̃] is one buffer, so that recurrent and feeding weights are one
product.

Shapes: B rows, S source positions, H hidden size, M memory size, D size of inputs and readouts, and
N real steps of all rows, as in `packed`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from novelgen.models.kernels.api import FeedingOutput, FeedingWeights, LoopMemory, product_dtype
from novelgen.models.kernels.linear import packed_linear, weight_gradient
from novelgen.models.kernels.math_numba import compiled, narrow, tanh, widen
from novelgen.models.kernels.packed import PackedRows, pack_rows
from novelgen.models.kernels.products import multiply, run_loop
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
    drop: Any  # (B, M + H): what [c; s] is multiplied by
    sums: Any  # (N, 4H): the gates i, f, g, o
    joints: Any  # (B + N, H + D): [s_0; h̃_0] of every row, then all [s_t; h̃_t]
    cells: Any  # (B + N, H): likewise
    reads: Any  # (N, M + H): drop · [c_t; s_t]
    alphas: Any  # (B, T, S): α_t, 0 at padding


class _Gradients(NamedTuple):
    """Gradients of what the tape names so; those of outputs come with what the outputs get."""

    sums: Any  # (N, 4H), in the dtype of products
    joints: Any  # (B + N, H + D)
    cell: Any  # (B, H): of the last cell, and then of the first
    made: Any  # (N, D): of the readout before its tanh, in the dtype of products
    contexts: Any  # (B, T, M): of c_t
    alphas: Any  # (B, T, S): without what comes through c
    scores: Any  # (B, T, S): of e_t, in the dtype of products


@compiled
def _attend(t, part, tape):
    """Step t of the attention: e_j = s · k_j, α, and drop · [c; s]."""
    size = tape.keys.shape[2]
    width = tape.annotations.shape[2]
    number = tape.cells.dtype.type
    query, context = np.empty(size, tape.cells.dtype), np.empty(width, tape.cells.dtype)
    for n in range(part.offsets[t], part.offsets[t + 1]):
        i = n - part.offsets[t]
        row, joint = part.rows[i], tape.joints[part.states[t + 1] + i]
        alpha, drop = tape.alphas[row, t, : tape.positions[row]], tape.drop[row]
        for k in range(size):
            query[k] = number(widen(joint[k]))
        for j in range(len(alpha)):
            total, key = number(0), tape.keys[row, j]
            for k in range(size):
                total += query[k] * number(widen(key[k]))
            alpha[j] = total
        softmax_context(alpha, tape.annotations[row], context)
        for m in range(width):
            tape.reads[n, m] = narrow(context[m] * drop[m], tape.reads)
        for k in range(size):
            tape.reads[n, width + k] = narrow(query[k] * drop[width + k], tape.reads)


@compiled
def _attend_backward(t, part, tape, grads, d_reads):
    """The gradients of `_attend`, given d_reads (R, M + H), that of drop · [c; s].

    Adds to that of s.
    """
    size = tape.keys.shape[2]
    width = tape.annotations.shape[2]
    number = tape.cells.dtype.type
    d_scores = np.empty(tape.alphas.shape[2], tape.cells.dtype)
    for i in range(part.offsets[t + 1] - part.offsets[t]):
        row, d_hidden = part.rows[i], grads.joints[part.states[t + 1] + i]
        alpha, drop = tape.alphas[row, t, : tape.positions[row]], tape.drop[row]
        d_context, d_read = grads.contexts[row, t], d_reads[i]
        for m in range(width):
            d_context[m] = d_read[m] * drop[m]
        d_alpha = grads.alphas[row, t]
        softmax_context_backward(alpha, tape.annotations[row], d_context, d_alpha, d_scores)
        for k in range(size):
            d_hidden[k] += d_read[width + k] * drop[width + k]
        for j in range(len(alpha)):
            error, key = d_scores[j], tape.keys[row, j]
            grads.scores[row, t, j] = narrow(error, grads.scores)
            for k in range(size):
                d_hidden[k] += error * number(widen(key[k]))


@compiled
def _read_out(t, part, made, tape):
    """h̃ = tanh(made), made (R, D), beside s."""
    size = tape.cells.shape[1]
    for i in range(len(made)):
        joint = tape.joints[part.states[t + 1] + i]
        for d in range(made.shape[1]):
            joint[size + d] = narrow(tanh(made[i, d]), tape.joints)


@compiled
def _read_out_backward(t, part, tape, grads):
    """The gradients of `_read_out`."""
    size = tape.cells.shape[1]
    number = tape.cells.dtype.type
    for i in range(part.offsets[t + 1] - part.offsets[t]):
        after = part.states[t + 1] + i
        joint, d_joint = tape.joints[after], grads.joints[after]
        d_made = grads.made[part.offsets[t] + i]
        for d in range(len(d_made)):
            value = number(widen(joint[size + d]))
            d_made[d] = narrow(d_joint[size + d] * (number(1) - value * value), grads.made)


@compiled
def _run_forwards(joint_weight, readout_weight, part, tape):
    """All steps of a part's rows, into the tape's buffers."""
    size = tape.joints.shape[1] - tape.cells.shape[1]
    all_made = np.empty((len(part.rows), size), tape.cells.dtype)
    for t in range(len(part.offsets) - 1):
        first, last = part.offsets[t], part.offsets[t + 1]
        befores = tape.joints[part.states[t] : part.states[t] + last - first]
        made = all_made[: last - first]
        # 1. The cell: what s_{t-1} and h̃_{t-1} add to the gates, in one product.
        multiply(befores, joint_weight, tape.sums[first:last])
        lstm_step(t, part, tape.sums, 0, tape.cells, tape.joints)
        # 2. α_t and drop · [c_t; s_t].
        _attend(t, part, tape)
        # 3. h̃_t.
        made[:] = 0
        multiply(tape.reads[first:last], readout_weight, made)
        _read_out(t, part, made, tape)


@compiled
def _run_backwards(joint_weight, readout_weight, part, tape, grads):
    """All steps of a part's rows, last to first; the weights are transposed ones."""
    all_d_reads = np.empty((len(part.rows), tape.reads.shape[1]), tape.cells.dtype)
    for t in range(len(part.offsets) - 2, -1, -1):
        first, last = part.offsets[t], part.offsets[t + 1]
        d_reads = all_d_reads[: last - first]
        # 1. h̃_t and what it reads.
        _read_out_backward(t, part, tape, grads)
        d_reads[:] = 0
        multiply(grads.made[first:last], readout_weight, d_reads)
        _attend_backward(t, part, tape, grads, d_reads)
        # 2. The cell.
        lstm_step_backward(t, part, tape.sums, 0, tape.cells, grads.joints, grads.cell, grads.sums)
        # 3. [s_{t-1}; h̃_{t-1}].
        d_befores = grads.joints[part.states[t] : part.states[t] + last - first]
        multiply(grads.sums[first:last], joint_weight, d_befores)


class _FeedingLoop(torch.autograd.Function):
    """`input_feeding_loop` with its gradients, from packed sums to packed readouts."""

    @staticmethod
    def forward(
        ctx: Any,
        rows: PackedRows,
        sums: Tensor,
        annotations: Tensor,
        keys: Tensor,
        positions: Tensor,
        joint: Tensor,
        cell: Tensor,
        joint_weight: Tensor,
        readout_weight: Tensor,
        drop: Tensor,
    ) -> tuple[Tensor, ...]:
        """Joint (B, H + D) is [s_0; h̃_0], joint_weight (4H, H + D) recurrent beside feeding.

        sums (N, 4H), y's share of the gates, is written to. Joint and cell are in the order of
        `rows`. Sums, joint, cell and drop have the dtype of sums, all else that of products.
        """
        batch, source, _ = annotations.shape
        size = cell.shape[1]
        tape = _Tape(
            annotations,
            keys,
            positions,
            drop,
            sums,
            rows.new_states(joint.to(keys.dtype)),
            rows.new_states(cell),
            keys.new_empty(len(sums), readout_weight.shape[1]),
            cell.new_zeros(batch, rows.steps, source),
        )
        run_loop(_run_forwards, rows.parts, ((joint_weight, readout_weight), tape))
        ctx.save_for_backward(*tape, joint_weight, readout_weight)
        ctx.rows = rows
        last_hidden = tape.joints[:, :size].index_select(0, rows.lasts)
        last_cell = tape.cells.index_select(0, rows.lasts)
        return tape.joints[batch:, size:], last_hidden, last_cell, tape.alphas

    @staticmethod
    def backward(
        ctx: Any, d_readouts: Tensor, d_hidden: Tensor, d_cell: Tensor, d_alphas: Tensor
    ) -> tuple[Tensor | None, ...]:
        *kept, joint_weight, readout_weight = ctx.saved_tensors
        rows: PackedRows = ctx.rows
        tape = _Tape(*kept)
        batch, size = d_cell.shape
        # 1. The way back through time.
        d_joints = tape.cells.new_zeros(tape.joints.shape)
        d_joints[batch:, size:] = d_readouts
        d_joints[:, :size].index_add_(0, rows.lasts, d_hidden.to(d_joints.dtype))
        grads = _Gradients(
            tape.joints.new_empty(tape.sums.shape),
            d_joints,
            d_cell.index_select(0, rows.order),
            tape.joints.new_empty(d_readouts.shape),
            tape.cells.new_zeros(batch, rows.steps, tape.annotations.shape[2]),
            d_alphas.contiguous(),
            tape.joints.new_zeros(tape.alphas.shape),
        )
        weights = (joint_weight.t(), readout_weight.t())
        run_loop(_run_backwards, rows.parts, (weights, tape, grads))
        # 2. The source and the weights, of all steps at once.
        d_annotations = torch.bmm(tape.alphas.transpose(1, 2), grads.contexts)  # (B, S, M)
        hiddens = rows.pad(tape.joints[batch:, :size])  # (B, T, H)
        d_keys = torch.bmm(grads.scores.transpose(1, 2), hiddens)  # (B, S, H)
        befores = tape.joints.index_select(0, rows.befores)
        return (
            None,
            grads.sums,
            d_annotations.to(tape.annotations.dtype),
            d_keys,
            None,
            grads.joints[:batch],
            grads.cell,
            weight_gradient(grads.sums, befores),
            weight_gradient(grads.made, tape.reads),
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
        drop = weights.readout.new_ones(len(hidden), weights.readout.shape[1])
    rows = pack_rows(inputs, lengths, torch.get_num_threads())
    # y's share of the gates, of all steps at once.
    sums = packed_linear(rows.pack(inputs), weights.token, weights.bias)
    joint = torch.cat([hidden, fed], dim=1).to(dtype)
    with torch.autocast("cpu", enabled=False):
        readouts, last_hidden, last_cell, alphas = _FeedingLoop.apply(
            rows,
            sums,
            memory.annotations.to(of_products).contiguous(),
            memory.keys.to(of_products).contiguous(),
            memory.is_token.sum(1),
            joint.index_select(0, rows.order),
            cell.to(dtype).index_select(0, rows.order),
            torch.cat([weights.recurrent, weights.feeding], dim=1).to(of_products),
            weights.readout.to(of_products),
            drop.to(dtype).contiguous(),
        )
    return FeedingOutput(rows.pad(readouts), last_hidden.to(dtype), last_cell, alphas)
