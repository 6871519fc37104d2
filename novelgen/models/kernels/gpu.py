"""The time loop on CUDA: `manual`'s algebra with everything but the matrix products in Triton kernels.

A step is two products and three kernels, forwards as backwards, into buffers made before the
loop. Nothing waits for the GPU and no shape depends on values, so that a CUDA graph can hold it
all.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from novelgen.models.kernels import gpu_kernels as kernels
from novelgen.models.kernels.manual import exponential
from novelgen.models.kernels.reference import LoopMemory, LoopOutput, LoopWeights

_TILE = {"POSITIONS": kernels.POSITIONS, "FEATURES": kernels.FEATURES}


def _blocks(size: int, block: int = kernels.FEATURES) -> int:
    return -(-size // block)


class _AttentionLoop(torch.autograd.Function):
    """Time runs first in every buffer, so that a step is one contiguous block."""

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

        gates (T, B, 4H), annotations and the two weights have the dtype of products, everything
        else that of `score`.
        """
        (steps, rows), (positions, width) = gates.shape[:2], annotations.shape[1:]
        size, hidden_size = len(score), hidden.shape[1]
        hiddens, cells = (x.new_empty(steps + 1, rows, hidden_size) for x in (gates, score))
        gate_activations, exp_queries = (
            score.new_empty(gates.shape),
            score.new_empty(steps, rows, size),
        )
        alphas, contexts = (
            score.new_empty(steps, rows, positions),
            gates.new_empty(steps, rows, width),
        )
        hiddens[0], cells[0] = hidden, cell
        exp_keys, scores = exponential(keys), torch.empty_like(alphas[0])
        seen, more = gates.new_empty(rows, len(state_weight)), torch.empty_like(gates[0])
        score_positions = kernels.score_positions[rows, _blocks(positions, kernels.POSITIONS)]
        read_positions, lstm = (
            kernels.read_positions[rows, _blocks(width)],
            kernels.lstm[rows, _blocks(hidden_size)],
        )
        given, query, alpha, context, squash, h, c = (
            x.unbind()
            for x in (gates, exp_queries, alphas, contexts, gate_activations, hiddens, cells)
        )
        for t in range(steps):
            torch.mm(h[t], state_weight.t(), out=seen)
            score_positions(
                seen,
                exp_keys,
                lengths,
                score,
                query[t],
                scores,
                positions,
                A=size,
                WIDTH=len(state_weight),
                **_TILE,
            )
            read_positions(
                scores, annotations, lengths, alpha[t], context[t], positions, M=width, **_TILE
            )
            torch.mm(context[t], context_weight.t(), out=more)
            lstm(
                given[t],
                seen,
                more,
                squash[t],
                c[t],
                c[t + 1],
                h[t + 1],
                H=hidden_size,
                SKIPPED=size,
                FEATURES=kernels.FEATURES,
            )
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
        return hiddens[1:], cells[-1].clone(), contexts, alphas

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
        (steps, rows, positions), size, width, hidden_size = (
            alphas.shape,
            len(score),
            contexts.shape[2],
            hiddens.shape[2],
        )
        # Of every step: the gradients of queries and gates side by side, as state_weight has them.
        d_states = hiddens.new_empty(steps, rows, len(state_weight))
        d_read, errors = torch.empty_like(contexts), torch.empty_like(alphas)
        d_context, d_alpha = torch.empty_like(contexts[0]), torch.empty_like(alphas[0])
        d_hidden = torch.zeros_like(hiddens[0])
        d_cell = (
            torch.zeros_like(cells[0])
            if d_cell is None
            else d_cell.clone(memory_format=torch.contiguous_format)
        )
        # What nobody asked for is not read; another tensor of its shape stands in its place.
        own = [
            found if given is None else given.contiguous()
            for given, found in (
                (d_hiddens, hiddens[1:]),
                (d_contexts, contexts),
                (d_alphas, alphas),
            )
        ]
        has_hiddens, has_contexts, has_alphas = (
            given is not None for given in (d_hiddens, d_contexts, d_alphas)
        )
        lstm_backward = kernels.lstm_backward[rows, _blocks(hidden_size)]
        read_backward = kernels.read_backward[rows, _blocks(positions, kernels.POSITIONS)]
        score_backward = kernels.score_backward[rows, _blocks(size)]
        own_hidden, own_context, own_alpha, squash, c, query, alpha, d_state, read, error = (
            x.unbind()
            for x in (*own, gate_activations, cells, exp_queries, alphas, d_states, d_read, errors)
        )
        for t in reversed(range(steps)):
            lstm_backward(
                d_hidden,
                own_hidden[t],
                d_cell,
                squash[t],
                c[t],
                c[t + 1],
                d_state[t],
                H=hidden_size,
                SKIPPED=size,
                HAS_HIDDENS=has_hiddens,
                FEATURES=kernels.FEATURES,
            )
            torch.mm(d_state[t][:, size:], context_weight, out=d_context)
            read_backward(
                d_context,
                own_context[t],
                own_alpha[t],
                annotations,
                lengths,
                read[t],
                d_alpha,
                positions,
                M=width,
                HAS_CONTEXTS=has_contexts,
                HAS_ALPHAS=has_alphas,
                **_TILE,
            )
            score_backward(
                alpha[t],
                d_alpha,
                exp_keys,
                lengths,
                score,
                query[t],
                error[t],
                d_state[t],
                positions,
                A=size,
                WIDTH=len(state_weight),
                **_TILE,
            )
            torch.mm(d_state[t], state_weight, out=d_hidden)
        d_keys, d_score = _of_keys(errors, exp_keys, lengths, score, exp_queries)
        return (
            d_states[:, :, size:],
            torch.bmm(alphas.permute(1, 2, 0).to(d_read.dtype), d_read.transpose(0, 1)),
            d_keys,
            None,
            d_hidden.to(score.dtype),
            d_cell,
            _weight_gradient(d_states, hiddens[:-1]),
            _weight_gradient(d_states[:, :, size:], contexts),
            d_score,
        )


def _of_keys(
    errors: Tensor, exp_keys: Tensor, lengths: Tensor, score: Tensor, exp_queries: Tensor
) -> tuple[Tensor, Tensor]:
    """The gradients of keys (B, S, A) and of the score (A,), given those of every e_ij (T, B, S)."""
    (steps, rows, positions), size = errors.shape, len(score)
    grid = (rows, _blocks(positions, kernels.POSITIONS), _blocks(size))
    d_keys, shares = torch.empty_like(exp_keys), score.new_empty(*grid[:2], size)
    kernels.keys_backward[grid](
        errors,
        exp_keys,
        lengths,
        score,
        exp_queries,
        d_keys,
        shares,
        steps,
        positions,
        A=size,
        **_TILE,
    )
    return d_keys, shares.sum((0, 1))


def _weight_gradient(outputs: Tensor, inputs: Tensor) -> Tensor:
    """All steps at once: (T, B, out), (T, B, in) → (out, in)."""
    return outputs.flatten(0, 1).t() @ inputs.flatten(0, 1)


def attention_loop(
    gates: Tensor, memory: LoopMemory, hidden: Tensor, cell: Tensor, weights: LoopWeights
) -> LoopOutput:
    """The fast twin of `reference.attention_loop` on CUDA: same inputs, outputs and gradients; real tokens must come first.

    Under autocast the matrix products run in its dtype, which `hiddens` and `contexts` then have;
    everything else keeps the dtype of the weights.
    """
    device, dtype = gates.device.type, weights.score.dtype
    product = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else dtype
    with torch.autocast(device, enabled=False), torch.cuda.device_of(gates):
        hiddens, cell, contexts, alphas = _AttentionLoop.apply(
            gates.to(product).transpose(0, 1).contiguous(),
            memory.annotations.to(product).contiguous(),
            memory.keys.to(dtype).contiguous(),
            memory.is_token.sum(1, dtype=torch.int32),
            hidden.to(dtype),
            cell.to(dtype),
            torch.cat([weights.query, weights.recurrent]).to(product),
            weights.context.to(product).contiguous(),
            weights.score.contiguous(),
        )
    return LoopOutput(
        hiddens.transpose(0, 1), cell, contexts.transpose(0, 1), alphas.transpose(0, 1)
    )
