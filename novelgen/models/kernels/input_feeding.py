"""The attention loop with input feeding (Luong, Pham and Manning, 2015) on CPUs.

As in `cpu`, everything but the matrix products is compiled, and each thread has rows of its own.
Shapes: B rows, T steps, S source positions, H hidden size, M memory size, D readout size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from novelgen.models.kernels import compiled, compiled_input_feeding
from novelgen.models.kernels.arrays import numpy_view
from novelgen.models.kernels.autograd import (
    apply,
    own_gradient,
    product_dtype,
    weight_gradient,
)
from novelgen.models.kernels.products import product
from novelgen.models.kernels.reference import FeedingOutput, FeedingWeights, LoopMemory
from novelgen.models.kernels.rows import by_rows


class _Tape(NamedTuple):
    """What the forward pass keeps for the backward pass, time first."""

    annotations: Tensor  # (B, S, M): h_j
    keys: Tensor  # (B, S, H): k_j
    lengths: Tensor  # (B,) int: real positions of each source
    drop: Tensor  # (B, M + H): what [c; s] is multiplied by, or (B, 0)
    joint_weight: Tensor  # (4H, H + D): recurrent beside feeding
    readout_weight: Tensor  # (D, M + H)
    gate_activations: Tensor  # (T, B, 4H): i, f, g, o
    joints: Tensor  # (T + 1, B, H + D): [s_t; h̃_t]
    cells: Tensor  # (T + 1, B, H)
    alphas: Tensor  # (T, B, S)
    reads: Tensor  # (T, B, M + H): drop · [c_t; s_t]


class _Gradients(NamedTuple):
    """What the way back through time leaves."""

    d_gates: Tensor  # (T, B, 4H)
    d_made: Tensor  # (T, B, D): of the readout before its tanh
    d_contexts: Tensor  # (T, B, M)
    d_scores: Tensor  # (T, B, S)
    d_joint: Tensor  # (B, H + D): of [s_0; h̃_0]
    d_cell: Tensor  # (B, H): of the first cell


class _FeedingLoop(torch.autograd.Function):
    """`input_feeding_loop` with its gradients."""

    @staticmethod
    def forward(
        ctx: Any,
        gates: Tensor,
        annotations: Tensor,
        keys: Tensor,
        lengths: Tensor,
        hidden: Tensor,
        cell: Tensor,
        fed: Tensor,
        drop: Tensor,
        joint_weight: Tensor,
        readout_weight: Tensor,
    ) -> tuple[Tensor, ...]:
        """joint_weight (4H, H + D) is recurrent beside feeding: one product does both.

        For that [s_{t-1}; h̃_{t-1}] is one buffer. hidden, cell, fed and drop (B, M + H), or (B,
        0), have the dtype of the states, everything else that of products.
        """
        rows, steps = gates.shape[:2]
        hidden_size = hidden.shape[1]
        tape = _Tape(
            annotations,
            keys,
            lengths,
            drop,
            joint_weight,
            readout_weight,
            gate_activations=cell.new_empty(steps, rows, 4 * hidden_size),
            joints=gates.new_empty(steps + 1, rows, joint_weight.shape[1]),
            cells=cell.new_empty(steps + 1, rows, hidden_size),
            alphas=cell.new_empty(steps, rows, annotations.shape[1]),
            reads=gates.new_empty(steps, rows, readout_weight.shape[1]),
        )
        tape.joints[0] = torch.cat([hidden, fed], dim=1)
        tape.cells[0] = cell
        _run_forwards(gates, tape)
        ctx.save_for_backward(*tape)
        ctx.set_materialize_grads(False)
        return (
            tape.joints[1:, :, hidden_size:].transpose(0, 1),  # (B, T, D)
            tape.joints[-1, :, :hidden_size].to(hidden.dtype),  # (B, H)
            tape.cells[-1].clone(),  # (B, H)
            tape.alphas.transpose(0, 1),  # (B, T, S)
        )

    @staticmethod
    def backward(
        ctx: Any,
        d_readouts: Tensor | None,
        d_hidden: Tensor | None,
        d_cell: Tensor | None,
        d_alphas: Tensor | None,
    ) -> tuple[Tensor | None, ...]:
        tape = _Tape(*ctx.saved_tensors)
        grads = _run_backwards(tape, d_readouts, d_hidden, d_cell, d_alphas)
        size = tape.cells.shape[2]
        d_first = grads.d_joint.to(tape.cells.dtype)  # (B, H + D)
        d_annotations = torch.bmm(
            tape.alphas.permute(1, 2, 0).to(grads.d_contexts.dtype),  # (B, S, T)
            grads.d_contexts.transpose(0, 1),  # (B, T, M)
        )
        d_keys = torch.bmm(
            grads.d_scores.permute(1, 2, 0),  # (B, S, T)
            tape.joints[1:, :, :size].transpose(0, 1),  # (B, T, H)
        )
        return (
            grads.d_gates.transpose(0, 1),
            d_annotations,
            d_keys,
            None,
            d_first[:, :size],
            grads.d_cell,
            d_first[:, size:],
            None,
            weight_gradient(grads.d_gates, tape.joints[:-1]),
            weight_gradient(grads.d_made, tape.reads),
        )


def _run_forwards(gates: Tensor, tape: _Tape) -> None:
    """All steps of gates (B, T, 4H), into the tape's buffers."""
    rows = len(gates)
    from_joint = product(tape.joint_weight, rows)
    from_read = product(tape.readout_weight, rows)
    # What the compiled steps read, and what they fill.
    gates_read = numpy_view(gates)
    nothing = numpy_view(gates.new_empty(rows, 0))
    joints = numpy_view(tape.joints)
    states = [numpy_view(tape.gate_activations), numpy_view(tape.cells), joints]
    sources = [numpy_view(part) for part in (tape.keys, tape.annotations, tape.lengths, tape.drop)]
    attended = [numpy_view(tape.alphas), numpy_view(tape.reads)]

    def run(first: int, last: int) -> None:
        before = tape.joints[:-1, first:last].unbind()  # T of (R, H + D)
        reads = tape.reads[:, first:last].unbind()  # T of (R, M + H)
        for t in range(len(reads)):
            # 1. The cell: both shares of the gates in one product, (R, 4H).
            added = numpy_view(from_joint(before[t]))
            compiled.lstm(t, first, last, gates_read, added, 0, nothing, *states)
            # 2. Attention with the new s_t: α_t and drop · [c_t; s_t].
            compiled_input_feeding.attend(t, first, last, joints, *sources, *attended)
            # 3. The readout h̃_t, which the next step is fed: (R, D).
            made = numpy_view(from_read(reads[t]))
            compiled_input_feeding.readout(t, first, last, made, joints)

    by_rows(run, rows)


def _run_backwards(
    tape: _Tape,
    d_readouts: Tensor | None,
    d_hidden: Tensor | None,
    d_cell: Tensor | None,
    d_alphas: Tensor | None,
) -> _Gradients:
    """All steps, last to first; the arguments are the gradients of the loop's outputs."""
    steps, rows = tape.alphas.shape[:2]
    size = tape.cells.shape[2]
    joints = tape.joints
    # 1. Buffers for what every step leaves.
    d_gates = joints.new_empty(steps, rows, 4 * size)
    d_made = joints.new_empty(steps, rows, len(tape.readout_weight))
    d_contexts = joints.new_empty(steps, rows, tape.annotations.shape[2])
    d_scores = joints.new_empty(tape.alphas.shape)
    d_cell = own_gradient(d_cell, tape.cells[0])
    d_last = torch.zeros_like(joints[0])  # (B, H + D): of [s_T; h̃_T] but for the outputs'
    if d_hidden is not None:
        d_last[:, :size] = d_hidden
    # 2. The outputs' gradients as arrays; (B, 0, 0) tells the compiled code that there is none.
    nothing = tape.cells.new_empty(rows, 0, 0)
    no_readouts = joints.new_empty(rows, 0, 0)
    of_readouts = numpy_view(no_readouts if d_readouts is None else d_readouts.contiguous())
    of_alphas = numpy_view(nothing if d_alphas is None else d_alphas.contiguous())
    of_hiddens = numpy_view(nothing)
    # 3. What the compiled steps read, and what they fill.
    from_gates = product(tape.joint_weight.t(), rows)
    from_made = product(tape.readout_weight.t(), rows)
    sources = (tape.keys, tape.annotations, tape.lengths, tape.drop, tape.alphas)
    attended = [numpy_view(part) for part in (*sources, d_contexts, d_scores)]
    moved = [numpy_view(part) for part in (d_cell, tape.gate_activations, tape.cells, d_gates)]
    readouts = numpy_view(joints)
    made = numpy_view(d_made)

    def run(first: int, last: int) -> Tensor:
        own = slice(first, last)
        d_later = d_last[own]  # (R, H + D): of [s_t; h̃_t] as step t + 1 sees it
        d_state = numpy_view(tape.cells.new_empty(last - first, size))
        d_makes = d_made[:, own].unbind()  # T of (R, D)
        d_steps = d_gates[:, own].unbind()  # T of (R, 4H)
        for t in reversed(range(steps)):
            later = numpy_view(d_later)
            compiled_input_feeding.readout_backward(
                t, first, last, later, of_readouts, readouts, made
            )
            d_read = numpy_view(from_made(d_makes[t]))  # (R, M + H)
            compiled_input_feeding.attend_backward(
                t, first, last, later, d_read, of_alphas, *attended, d_state
            )
            compiled.lstm_backward(t, first, last, d_state, of_hiddens, *moved, 0)
            d_later = from_gates(d_steps[t])  # (R, H + D)
        return d_later

    # 4. Each thread has rows of its own.
    d_joint = torch.cat(by_rows(run, rows))
    return _Gradients(d_gates, d_made, d_contexts, d_scores, d_joint, d_cell)


def input_feeding_loop(
    gates: Tensor,
    memory: LoopMemory,
    hidden: Tensor,
    cell: Tensor,
    fed: Tensor,
    drop: Tensor | None,
    weights: FeedingWeights,
) -> FeedingOutput:
    """`reference.input_feeding_loop`, faster, on CPUs: the same inputs, outputs and gradients.

    Real tokens must come first in every row. Under autocast the matrix products run in its dtype,
    which `readouts` then have, and `hidden` is rounded to it; sums, softmax and cells keep the
    dtype of the weights.
    """
    dtype = weights.readout.dtype
    of_products = product_dtype("cpu", dtype)
    if drop is None:
        drop = hidden.new_empty(len(hidden), 0)
    with torch.autocast("cpu", enabled=False):
        outputs = apply(
            _FeedingLoop,
            gates.to(of_products).contiguous(),
            memory.annotations.to(of_products).contiguous(),
            memory.keys.to(of_products).contiguous(),
            memory.is_token.sum(1),
            hidden.to(dtype),
            cell.to(dtype),
            fed.to(dtype),
            drop.to(dtype).contiguous(),
            torch.cat([weights.recurrent, weights.feeding], dim=1).to(of_products),
            weights.readout.to(of_products),
        )
    return FeedingOutput(*outputs)
