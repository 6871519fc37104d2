"""The time loop with input feeding (Luong, Pham and Manning, 2015) on CPUs, built as `cpu` is: compiled but for the products."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from novelgen.models.kernels import compiled, compiled_input_feeding
from novelgen.models.kernels.arrays import numpy_view
from novelgen.models.kernels.products import product
from novelgen.models.kernels.reference import FeedingOutput, FeedingWeights, LoopMemory
from novelgen.models.kernels.rows import by_rows


class _FeedingLoop(torch.autograd.Function):
    """Time runs first in the loop's own buffers, so that a step of some rows is one contiguous block."""

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
        """joint_weight (4H, H + D) is recurrent beside feeding: [s_{t-1}; h̃_{t-1}] is one buffer, so one product does both.

        hidden, cell, fed and drop (B, M + H), or (B, 0), have the dtype of the states, everything else that of products.
        """
        (rows, steps), hidden_size = gates.shape[:2], hidden.shape[1]
        joints = gates.new_empty(steps + 1, rows, joint_weight.shape[1])
        cells = cell.new_empty(steps + 1, rows, hidden_size)
        gate_activations = cell.new_empty(steps, rows, 4 * hidden_size)
        alphas = cell.new_empty(steps, rows, annotations.shape[1])
        reads = gates.new_empty(steps, rows, readout_weight.shape[1])
        joints[0], cells[0] = torch.cat([hidden, fed], dim=1), cell
        of_joint, of_read = product(joint_weight, rows), product(readout_weight, rows)
        given, nothing = numpy_view(gates), numpy_view(gates.new_empty(rows, 0))
        moving = [numpy_view(x) for x in (gate_activations, cells, joints)]
        known = [numpy_view(x) for x in (joints, keys, annotations, lengths, drop, alphas, reads)]

        def run(first: int, last: int) -> None:
            own = slice(first, last)
            for t, (before, read) in enumerate(
                zip(joints[:-1, own].unbind(), reads[:, own].unbind(), strict=True)
            ):
                compiled.lstm(
                    t, first, last, given, numpy_view(of_joint(before)), 0, nothing, *moving
                )
                compiled_input_feeding.attend(t, first, last, *known)
                compiled_input_feeding.readout(t, first, last, numpy_view(of_read(read)), moving[2])

        by_rows(run, rows)
        ctx.save_for_backward(
            annotations,
            keys,
            lengths,
            drop,
            joint_weight,
            readout_weight,
            gate_activations,
            joints,
            cells,
            alphas,
            reads,
        )
        ctx.set_materialize_grads(False)
        return (
            joints[1:, :, hidden_size:].transpose(0, 1),
            joints[-1, :, :hidden_size].to(hidden.dtype),
            cells[-1].clone(),
            alphas.transpose(0, 1),
        )

    @staticmethod
    def backward(
        ctx: Any,
        d_readouts: Tensor | None,
        d_hidden: Tensor | None,
        d_cell: Tensor | None,
        d_alphas: Tensor | None,
    ) -> tuple[Tensor | None, ...]:
        (
            annotations,
            keys,
            lengths,
            drop,
            joint_weight,
            readout_weight,
            gate_activations,
            joints,
            cells,
            alphas,
            reads,
        ) = ctx.saved_tensors
        (steps, rows), (size, width) = alphas.shape[:2], (cells.shape[2], annotations.shape[2])
        of_readouts = numpy_view(
            joints.new_empty(rows, 0, 0) if d_readouts is None else d_readouts.contiguous()
        )
        of_alphas = numpy_view(
            cells.new_empty(rows, 0, 0) if d_alphas is None else d_alphas.contiguous()
        )
        nothing = numpy_view(cells.new_empty(rows, 0, 0))
        d_gates = joints.new_empty(steps, rows, 4 * size)
        d_made = joints.new_empty(steps, rows, len(readout_weight))
        d_contexts, d_scores = joints.new_empty(steps, rows, width), joints.new_empty(alphas.shape)
        from_gates, from_made = product(joint_weight.t(), rows), product(readout_weight.t(), rows)
        d_cell = torch.zeros_like(cells[0]) if d_cell is None else d_cell.clone()
        d_joint = torch.zeros_like(joints[0])
        if d_hidden is not None:
            d_joint[:, :size] = d_hidden
        known = [
            numpy_view(x) for x in (keys, annotations, lengths, drop, alphas, d_contexts, d_scores)
        ]
        moved = [numpy_view(x) for x in (d_cell, gate_activations, cells, d_gates)]
        out, made = numpy_view(joints), numpy_view(d_made)

        def run(first: int, last: int) -> Tensor:
            own = slice(first, last)
            d_later, d_state = d_joint[own], cells.new_empty(last - first, size)
            for t, d_make, d_gate in reversed(
                list(
                    zip(
                        range(steps), d_made[:, own].unbind(), d_gates[:, own].unbind(), strict=True
                    )
                )
            ):
                later = numpy_view(d_later)
                compiled_input_feeding.readout_backward(
                    t, first, last, later, of_readouts, out, made
                )
                compiled_input_feeding.attend_backward(
                    t,
                    first,
                    last,
                    later,
                    numpy_view(from_made(d_make)),
                    of_alphas,
                    *known,
                    numpy_view(d_state),
                )
                compiled.lstm_backward(t, first, last, numpy_view(d_state), nothing, *moved, 0)
                d_later = from_gates(d_gate)
            return d_later

        d_hidden, d_fed = (
            torch.cat(by_rows(run, rows))
            .to(cells.dtype)
            .split([size, joints.shape[2] - size], dim=1)
        )

        def weight_gradient(outputs: Tensor, inputs: Tensor) -> Tensor:
            """All steps at once: (T, B, out), (T, B, in) → (out, in)."""
            return outputs.flatten(0, 1).t() @ inputs.flatten(0, 1)

        d_annotations = torch.bmm(
            alphas.permute(1, 2, 0).to(d_contexts.dtype), d_contexts.transpose(0, 1)
        )
        d_keys = torch.bmm(d_scores.permute(1, 2, 0), joints[1:, :, :size].transpose(0, 1))
        return (
            d_gates.transpose(0, 1),
            d_annotations,
            d_keys,
            None,
            d_hidden,
            d_cell,
            d_fed,
            None,
            weight_gradient(d_gates, joints[:-1]),
            weight_gradient(d_made, reads),
        )


def input_feeding_loop(
    gates: Tensor,
    memory: LoopMemory,
    hidden: Tensor,
    cell: Tensor,
    fed: Tensor,
    drop: Tensor | None,
    weights: FeedingWeights,
) -> FeedingOutput:
    """The fast twin of `reference.input_feeding_loop` on CPUs: same inputs, outputs and gradients; real tokens must come first.

    Under autocast the matrix products run in its dtype, which `readouts` then have, and `hidden` its precision; sums, softmax and cells
    keep the dtype of the weights.
    """
    dtype = weights.readout.dtype
    of_products = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else dtype
    with torch.autocast("cpu", enabled=False):
        read_by_products = [
            x.to(of_products).contiguous() for x in (gates, memory.annotations, memory.keys)
        ]
        drop = hidden.new_empty(len(hidden), 0) if drop is None else drop
        return FeedingOutput(
            *_FeedingLoop.apply(
                *read_by_products,
                memory.is_token.sum(1),
                hidden.to(dtype),
                cell.to(dtype),
                fed.to(dtype),
                drop.to(dtype).contiguous(),
                torch.cat([weights.recurrent, weights.feeding], dim=1).to(of_products),
                weights.readout.to(of_products),
            )
        )
