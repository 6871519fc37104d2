"""The attention loop on CPUs.

The algebra is that of `manual`. Everything but the matrix products is compiled by numba, and each
thread runs the whole loop for rows of its own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from novelgen.models.kernels import compiled
from novelgen.models.kernels.arrays import numpy_view
from novelgen.models.kernels.autograd import (
    LoopGradients,
    LoopTape,
    apply,
    new_tape,
    own_gradient,
    product_dtype,
    weight_gradient,
)
from novelgen.models.kernels.products import product
from novelgen.models.kernels.reference import LoopMemory, LoopOutput, LoopWeights
from novelgen.models.kernels.rows import by_rows


class _AttentionLoop(torch.autograd.Function):
    """`attention_loop` with its gradients; what goes from forward to backward is a LoopTape."""

    @staticmethod
    def forward(
        ctx: Any,
        gates: Tensor,
        annotations: Tensor,
        keys: Tensor,
        lengths: Tensor,
        hidden: Tensor,
        cell: Tensor,
        state_weight: Tensor,
        context_weight: Tensor,
        score: Tensor,
    ) -> tuple[Tensor, ...]:
        """state_weight (A + 4H, H) is query over recurrent: one product does both.

        gates (B, T, 4H), annotations and the two weights have the dtype of products, everything
        else that of `score`.
        """
        tape = new_tape(
            gates.shape[1],
            annotations,
            torch.empty_like(keys),
            lengths,
            hidden,
            cell,
            state_weight,
            context_weight,
            score,
        )
        _run_forwards(gates, keys, tape)
        ctx.save_for_backward(*tape)
        ctx.set_materialize_grads(False)
        return (
            tape.hiddens[1:].transpose(0, 1),  # (B, T, H)
            tape.cells[-1].clone(),  # (B, H)
            tape.contexts.transpose(0, 1),  # (B, T, M)
            tape.alphas.transpose(0, 1),  # (B, T, S)
        )

    @staticmethod
    def backward(
        ctx: Any,
        d_hiddens: Tensor | None,
        d_cell: Tensor | None,
        d_contexts: Tensor | None,
        d_alphas: Tensor | None,
    ) -> tuple[Tensor | None, ...]:
        tape = LoopTape(*ctx.saved_tensors)
        grads = _run_backwards(tape, d_hiddens, d_cell, d_contexts, d_alphas)
        d_gates = grads.d_states[:, :, len(tape.score) :]  # (T, B, 4H)
        # In single precision: of bfloat16 products oneDNN keeps a kernel for every (T, S) it meets.
        d_annotations = torch.bmm(
            tape.alphas.permute(1, 2, 0),  # (B, S, T)
            grads.d_contexts.transpose(0, 1).to(tape.alphas.dtype),  # (B, T, M)
        )
        return (
            d_gates.transpose(0, 1),
            d_annotations.to(tape.annotations.dtype),
            grads.d_keys.mul_(4 * tape.score),
            None,
            grads.d_hidden,
            grads.d_cell,
            weight_gradient(grads.d_states, tape.hiddens[:-1]),
            weight_gradient(d_gates, tape.contexts),
            -2 * grads.d_score,
        )


def _run_forwards(gates: Tensor, keys: Tensor, tape: LoopTape) -> None:
    """All steps of gates (B, T, 4H) and keys (B, S, A), into the tape's buffers."""
    rows = len(gates)
    size = len(tape.score)
    from_state = product(tape.state_weight, rows)
    from_context = product(tape.context_weight, rows)
    # What the compiled steps read, and what they fill.
    gates_read = numpy_view(gates)
    keys_read = numpy_view(keys)
    exp_keys = numpy_view(tape.exp_keys)
    sources = [
        exp_keys,
        numpy_view(tape.annotations),
        numpy_view(tape.lengths),
        numpy_view(-2 * tape.score),
    ]
    attended = [numpy_view(part) for part in (tape.exp_queries, tape.alphas, tape.contexts)]
    states = [numpy_view(part) for part in (tape.gate_activations, tape.cells, tape.hiddens)]

    def run(first: int, last: int) -> None:
        compiled.exponentials(keys_read, exp_keys, first, last)
        before = tape.hiddens[:-1, first:last].unbind()  # T of (R, H)
        contexts = tape.contexts[:, first:last].unbind()  # T of (R, M)
        for t in range(len(contexts)):
            # 1. W s_{i-1} and the recurrent share of the gates, in one product: (R, A + 4H).
            seen = numpy_view(from_state(before[t]))
            # 2. Attention: α_i and c_i.
            compiled.attend(t, first, last, seen, *sources, *attended)
            # 3. The cell, with the context's share of the gates: (R, 4H).
            more = numpy_view(from_context(contexts[t]))
            compiled.lstm(t, first, last, gates_read, seen, size, more, *states)

    by_rows(run, rows)


def _run_backwards(
    tape: LoopTape,
    d_hiddens: Tensor | None,
    d_cell: Tensor | None,
    d_contexts: Tensor | None,
    d_alphas: Tensor | None,
) -> LoopGradients:
    """All steps, last to first; the arguments are the gradients of the loop's outputs."""
    steps, rows = tape.alphas.shape[:2]
    size = len(tape.score)
    hidden_size = tape.hiddens.shape[2]
    # 1. Buffers for what every step leaves.
    d_states = tape.hiddens.new_empty(steps, rows, size + 4 * hidden_size)
    d_read = torch.empty_like(tape.contexts)  # (T, B, M)
    d_keys = torch.zeros_like(tape.exp_keys)  # (B, S, A)
    d_cell = own_gradient(d_cell, tape.cells[0])
    # 2. The outputs' gradients as arrays; (B, 0, 0) tells the compiled code that there is none.
    nothing = tape.score.new_empty(rows, 0, 0)
    if d_contexts is None:
        d_contexts = tape.contexts.new_zeros(rows, steps, tape.contexts.shape[2])
    of_hiddens = numpy_view(nothing if d_hiddens is None else d_hiddens.contiguous())
    of_contexts = numpy_view(d_contexts.contiguous())
    of_alphas = numpy_view(nothing if d_alphas is None else d_alphas.contiguous())
    # 3. What the compiled steps read, and what they fill.
    from_gates = product(tape.context_weight.t(), rows)
    from_state = product(tape.state_weight.t(), rows)
    sources = (tape.exp_keys, tape.annotations, tape.lengths, -2 * tape.score)
    known = [numpy_view(part) for part in (*sources, tape.exp_queries, tape.alphas)]
    moved = [numpy_view(part) for part in (d_cell, tape.gate_activations, tape.cells)]
    made = [numpy_view(part) for part in (d_read, d_states, d_keys)]
    d_states_made = made[1]

    def run(first: int, last: int) -> tuple[Tensor, Tensor]:
        d_later = tape.hiddens.new_zeros(last - first, hidden_size)  # of s_i as step i + 1 sees it
        d_score = torch.zeros_like(tape.score)
        d_score_made = numpy_view(d_score)
        for t, d_state in reversed(list(enumerate(d_states[:, first:last].unbind()))):
            later = numpy_view(d_later)
            compiled.lstm_backward(t, first, last, later, of_hiddens, *moved, d_states_made, size)
            d_context = numpy_view(from_gates(d_state[:, size:]))  # (R, M)
            compiled.attend_backward(
                t, first, last, d_context, of_contexts, of_alphas, *known, *made, d_score_made
            )
            d_later = from_state(d_state)  # (R, H)
        return d_later, d_score

    # 4. Each thread has rows of its own, and a share of the score's gradient.
    d_later, d_scores = zip(*by_rows(run, rows), strict=True)
    d_hidden = torch.cat(d_later).to(tape.score.dtype)
    return LoopGradients(d_states, d_read, d_keys, d_hidden, d_cell, sum(d_scores))


def attention_loop(
    gates: Tensor, memory: LoopMemory, hidden: Tensor, cell: Tensor, weights: LoopWeights
) -> LoopOutput:
    """`reference.attention_loop`, faster, on CPUs: the same inputs, outputs and gradients.

    Real tokens must come first in every row. Under autocast the matrix products run in its dtype,
    which `hiddens` and `contexts` then have; everything else keeps the dtype of the weights.
    """
    dtype = weights.score.dtype
    of_products = product_dtype("cpu", dtype)
    with torch.autocast("cpu", enabled=False):
        outputs = apply(
            _AttentionLoop,
            gates.to(of_products).contiguous(),
            memory.annotations.to(of_products).contiguous(),
            memory.keys.to(dtype).contiguous(),
            memory.is_token.sum(1),
            hidden.to(dtype),
            cell.to(dtype),
            torch.cat([weights.query, weights.recurrent]).to(of_products),
            weights.context.to(of_products),
            weights.score,
        )
    return LoopOutput(*outputs)
