"""The time loop on CPUs: `manual`'s algebra with everything but the matrix products compiled, and threads that each run the whole loop
for rows of their own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from novelgen.models.kernels import compiled
from novelgen.models.kernels.backends import array
from novelgen.models.kernels.products import product
from novelgen.models.kernels.reference import LoopMemory, LoopOutput, LoopWeights
from novelgen.models.kernels.rows import by_rows


class _AttentionLoop(torch.autograd.Function):
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
        state_weight: Tensor,
        context_weight: Tensor,
        score: Tensor,
    ) -> tuple[Tensor, ...]:
        """state_weight (A + 4H, H) is query over recurrent: both are applied to s_{i-1}, so one product does both.

        gates, annotations and the two weights have the dtype of products, everything else that of `score`.
        """
        (rows, steps), (size, hidden_size, width) = (
            gates.shape[:2],
            (len(score), hidden.shape[1], annotations.shape[2]),
        )
        hiddens = gates.new_empty(steps + 1, rows, hidden_size)
        cells = score.new_empty(steps + 1, rows, hidden_size)
        gate_activations = score.new_empty(steps, rows, 4 * hidden_size)
        exp_keys, exp_queries = torch.empty_like(keys), score.new_empty(steps, rows, size)
        alphas = score.new_empty(steps, rows, annotations.shape[1])
        contexts = gates.new_empty(steps, rows, width)
        hiddens[0], cells[0] = hidden, cell
        doubled = array(-2 * score)
        of_state, of_context = product(state_weight, rows), product(context_weight, rows)
        given, sources, counts, made = (array(x) for x in (gates, annotations, lengths, exp_keys))
        found = [array(x) for x in (exp_queries, alphas, contexts)]
        moving = [array(x) for x in (gate_activations, cells, hiddens)]

        def run(first: int, last: int) -> None:
            own = slice(first, last)
            compiled.exponentials(array(keys), made, first, last)
            for t, (before, context) in enumerate(
                zip(hiddens[:-1, own].unbind(), contexts[:, own].unbind(), strict=True)
            ):
                seen = array(of_state(before))
                compiled.attend(t, first, last, seen, made, sources, counts, doubled, *found)
                compiled.lstm(
                    t, first, last, given, seen, size, array(of_context(context)), *moving
                )

        by_rows(run, rows)
        ctx.save_for_backward(
            annotations,
            exp_keys,
            lengths,
            state_weight,
            context_weight,
            score,
            gate_activations,
            hiddens,
            cells,
            exp_queries,
            alphas,
            contexts,
        )
        ctx.set_materialize_grads(False)
        return (
            hiddens[1:].transpose(0, 1),
            cells[-1].clone(),
            contexts.transpose(0, 1),
            alphas.transpose(0, 1),
        )

    @staticmethod
    def backward(
        ctx: Any,
        d_hiddens: Tensor | None,
        d_cell: Tensor | None,
        d_contexts: Tensor | None,
        d_alphas: Tensor | None,
    ) -> tuple[Tensor | None, ...]:
        (
            annotations,
            exp_keys,
            lengths,
            state_weight,
            context_weight,
            score,
            gate_activations,
            hiddens,
            cells,
            exp_queries,
            alphas,
            contexts,
        ) = ctx.saved_tensors
        (steps, rows, hidden_size), (size, width) = (
            contexts.shape[:2] + hiddens.shape[2:],
            (len(score), contexts.shape[2]),
        )
        none = score.new_empty(rows, 0, 0)
        of_hiddens = array(none if d_hiddens is None else d_hiddens.contiguous())
        of_contexts = array(
            contexts.new_zeros(rows, steps, width)
            if d_contexts is None
            else d_contexts.contiguous()
        )
        of_alphas = array(none if d_alphas is None else d_alphas.contiguous())
        # Of every step: the gradients of queries and gates side by side, as state_weight has them.
        d_states = hiddens.new_empty(steps, rows, size + 4 * hidden_size)
        d_read, d_keys = torch.empty_like(contexts), torch.zeros_like(exp_keys)
        from_gates, from_state = product(context_weight.t(), rows), product(state_weight.t(), rows)
        d_cell = torch.zeros_like(cells[0]) if d_cell is None else d_cell.clone()
        known = [
            array(x) for x in (exp_keys, annotations, lengths, -2 * score, exp_queries, alphas)
        ]
        moved = [array(x) for x in (d_cell, gate_activations, cells)]
        made = [array(x) for x in (d_read, d_states, d_keys)]

        def run(first: int, last: int) -> tuple[Tensor, Tensor]:
            d_later, d_score = hiddens.new_zeros(last - first, hidden_size), torch.zeros_like(score)
            for t, d_state in reversed(list(enumerate(d_states[:, first:last].unbind()))):
                compiled.lstm_backward(
                    t, first, last, array(d_later), of_hiddens, *moved, made[1], size
                )
                d_context = array(from_gates(d_state[:, size:]))
                compiled.attend_backward(
                    t, first, last, d_context, of_contexts, of_alphas, *known, *made, array(d_score)
                )
                d_later = from_state(d_state)
            return d_later, d_score

        d_later, d_score = zip(*by_rows(run, rows), strict=True)

        def weight_gradient(outputs: Tensor, inputs: Tensor) -> Tensor:
            """All steps at once: (T, B, out), (T, B, in) → (out, in)."""
            return outputs.flatten(0, 1).t() @ inputs.flatten(0, 1)

        d_gates = d_states[:, :, size:]
        # In single precision: of bfloat16 products oneDNN keeps a compiled kernel for every (T, S) that it meets.
        d_annotations = torch.bmm(
            alphas.permute(1, 2, 0), d_read.transpose(0, 1).to(alphas.dtype)
        ).to(annotations.dtype)
        return (
            d_gates.transpose(0, 1),
            d_annotations,
            d_keys.mul_(4 * score),
            None,
            torch.cat(d_later).to(score.dtype),
            d_cell,
            weight_gradient(d_states, hiddens[:-1]),
            weight_gradient(d_gates, contexts),
            -2 * sum(d_score),
        )


def attention_loop(
    gates: Tensor, memory: LoopMemory, hidden: Tensor, cell: Tensor, weights: LoopWeights
) -> LoopOutput:
    """The fast twin of `reference.attention_loop` on CPUs: same inputs, outputs and gradients; real tokens must come first.

    Under autocast the matrix products run in its dtype, which `hiddens` and `contexts` then have; everything else keeps the dtype of
    the weights.
    """
    dtype = weights.score.dtype
    product = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else dtype
    with torch.autocast("cpu", enabled=False):
        return LoopOutput(
            *_AttentionLoop.apply(
                gates.to(product).contiguous(),
                memory.annotations.to(product).contiguous(),
                memory.keys.to(dtype).contiguous(),
                memory.is_token.sum(1),
                hidden.to(dtype),
                cell.to(dtype),
                torch.cat([weights.query, weights.recurrent]).to(product),
                weights.context.to(product),
                weights.score,
            )
        )
