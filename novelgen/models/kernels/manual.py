"""The same loop with its gradients written out: backpropagation through time (Werbos, 1990) by hand.

What it saves over autograd: every weight gradient is one large product after the loop instead of
T small ones that each touch the whole weight; what the score computes for every source position,
of size (B, S, A) a step, is computed again instead of kept; products may run in bfloat16 while
states, softmax and sums stay in float32.

The score needs no tanh for every (t, s, a): with r = 1 / (1 + exp(2 W s) · exp(2 U h)), tanh(W s
+ U h) = 1 − 2r, and the 1 adds the same vᵀ1 to every position, which the softmax cancels. Its
slope is 1 − tanh² = 4 (r − r²).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from novelgen.models.kernels.reference import LoopMemory, LoopOutput, LoopWeights

# exp(2x) of queries and keys stays within exp(±40), so that their product is finite in float32;
# at |x| = 20 every tanh is 1 to the last bit of float32 unless the two nearly cancel each other.
_LARGEST_EXPONENT = 40.0


def exponential(values: Tensor) -> Tensor:
    """exp(2x), the exponent clamped; NaN stays NaN."""
    return (2 * values).clamp_(-_LARGEST_EXPONENT, _LARGEST_EXPONENT).exp_()


class _AttentionLoop(torch.autograd.Function):
    """Time runs first in every buffer, so that a step is one contiguous block."""

    @staticmethod
    def forward(
        ctx: Any,
        gates: Tensor,
        annotations: Tensor,
        keys: Tensor,
        is_token: Tensor,
        hidden: Tensor,
        cell: Tensor,
        state_weight: Tensor,
        context_weight: Tensor,
        score: Tensor,
        product: torch.dtype,
    ) -> tuple[Tensor, ...]:
        """state_weight (A + 4H, H) is query over recurrent: both are applied to s_{i-1}, so one product does both."""
        (steps, rows), (hidden_size, size) = gates.shape[:2], (hidden.shape[1], score.shape[0])
        blocked = ~is_token
        state_to, context_to = state_weight.to(product).t(), context_weight.to(product).t()
        sources = annotations.to(product)
        gate_activations = torch.empty_like(gates)
        hiddens, cells = (x.new_empty(steps + 1, rows, hidden_size) for x in (gates, gates))
        one, exp_keys = gates.new_ones(()), exponential(keys)
        exp_queries = gates.new_empty(steps, rows, 1, size)
        alphas = gates.new_empty(steps, rows, annotations.shape[1])
        contexts = gates.new_empty(steps, rows, annotations.shape[2])
        hiddens[0], cells[0] = hidden, cell
        inverse = torch.empty_like(keys)
        for t in range(steps):
            seen = hiddens[t].to(product) @ state_to
            exp_queries[t] = exponential(seen[:, :size].to(score.dtype)).unsqueeze(1)
            torch.addcmul(one, exp_queries[t], exp_keys, out=inverse).reciprocal_()
            scores = (inverse @ (-2 * score)).masked_fill_(blocked, -torch.inf)
            torch.softmax(scores, dim=-1, out=alphas[t])
            contexts[t] = torch.bmm(alphas[t].to(product).unsqueeze(1), sources).squeeze(1)
            torch.add(gates[t], seen[:, size:], out=gate_activations[t])
            gate_activations[t] += contexts[t].to(product) @ context_to
            i_f, g, o = gate_activations[t].split(
                [2 * hidden_size, hidden_size, hidden_size], dim=1
            )
            i, f = i_f.sigmoid_().chunk(2, dim=1)
            torch.mul(f, cells[t], out=cells[t + 1]).addcmul_(i, g.tanh_())
            torch.mul(o.sigmoid_(), torch.tanh(cells[t + 1]), out=hiddens[t + 1])
        ctx.save_for_backward(
            annotations,
            exp_keys,
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
        ctx.product = product
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
        product, (steps, rows, size) = ctx.product, (*alphas.shape[:2], score.shape[0])
        state_from, context_from = state_weight.to(product), context_weight.to(product)
        sources = annotations.to(product).transpose(1, 2)
        # Of every step: the gradients of queries and gates side by side, as state_weight has them.
        d_states = gate_activations.new_empty(steps, rows, state_weight.shape[0])
        d_read = torch.zeros_like(contexts) if d_contexts is None else d_contexts.clone()
        d_keys, d_score = torch.zeros_like(exp_keys), torch.zeros_like(score)
        d_hidden = torch.zeros_like(cells[0])
        d_cell = torch.zeros_like(cells[0]) if d_cell is None else d_cell
        one, inverse = score.new_ones(()), torch.empty_like(exp_keys)
        for t in reversed(range(steps)):
            if d_hiddens is not None:
                d_hidden = d_hidden + d_hiddens[t]
            d_gates = d_states[t, :, size:]
            d_cell = _lstm_backward(
                d_gates, d_hidden, d_cell, gate_activations[t], cells[t], cells[t + 1]
            )
            d_read[t] += d_gates.to(product) @ context_from
            d_alpha = (
                torch.bmm(d_read[t].to(product).unsqueeze(1), sources).squeeze(1).to(score.dtype)
            )
            if d_alphas is not None:
                d_alpha = d_alpha + d_alphas[t]
            d_scores = alphas[t] * (d_alpha - (alphas[t] * d_alpha).sum(1, keepdim=True))
            torch.addcmul(one, exp_queries[t], exp_keys, out=inverse).reciprocal_()
            d_score += d_scores.flatten() @ inverse.flatten(0, 1)
            slope = torch.addcmul(inverse, inverse, inverse, value=-1, out=inverse)
            torch.mul(
                torch.bmm(d_scores.unsqueeze(1), slope).squeeze(1),
                4 * score,
                out=d_states[t, :, :size],
            )
            d_keys.addcmul_(d_scores.unsqueeze(2), slope)
            d_hidden = (d_states[t].to(product) @ state_from).to(score.dtype)

        def weight_gradient(outputs: Tensor, inputs: Tensor) -> Tensor:
            """All steps at once: (T, B, out), (T, B, in) → (out, in)."""
            return (outputs.to(product).flatten(0, 1).t() @ inputs.to(product).flatten(0, 1)).to(
                score.dtype
            )

        d_annotations = torch.bmm(
            alphas.permute(1, 2, 0).to(product), d_read.transpose(0, 1).to(product)
        )
        return (
            d_states[:, :, size:],
            d_annotations.to(annotations.dtype),
            d_keys.mul_(4 * score),
            None,
            d_hidden,
            d_cell,
            weight_gradient(d_states, hiddens[:-1]),
            weight_gradient(d_states[:, :, size:], contexts),
            -2 * d_score,
            None,
        )


def _lstm_backward(
    d_gates: Tensor,
    d_hidden: Tensor,
    d_cell: Tensor,
    gate_activations: Tensor,
    before: Tensor,
    after: Tensor,
) -> Tensor:
    """One LSTM step backwards. Fills d_gates (B, 4H) and returns the gradient of the cell before (B, H)."""
    i, f, g, o = gate_activations.chunk(4, dim=1)
    d_i, d_f, d_g, d_o = d_gates.chunk(4, dim=1)
    out = torch.tanh(after)
    torch.mul(d_hidden * out, o * (1 - o), out=d_o)
    d_cell = d_cell + d_hidden * o * (1 - out * out)
    torch.mul(d_cell * g, i * (1 - i), out=d_i)
    torch.mul(d_cell * before, f * (1 - f), out=d_f)
    torch.mul(d_cell * i, 1 - g * g, out=d_g)
    return d_cell * f


def attention_loop(
    gates: Tensor, memory: LoopMemory, hidden: Tensor, cell: Tensor, weights: LoopWeights
) -> LoopOutput:
    """The fast twin of `reference.attention_loop`: same inputs, outputs and gradients.

    Under autocast the matrix products run in its dtype; everything else keeps the dtype of the
    weights.
    """
    device, dtype = gates.device.type, weights.score.dtype
    product = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else dtype
    with torch.autocast(device, enabled=False):
        hiddens, cell, contexts, alphas = _AttentionLoop.apply(
            gates.to(dtype).transpose(0, 1).contiguous(),
            memory.annotations.to(dtype),
            memory.keys.to(dtype),
            memory.is_token,
            hidden.to(dtype),
            cell.to(dtype),
            torch.cat([weights.query, weights.recurrent]),
            weights.context,
            weights.score,
            product,
        )
    return LoopOutput(
        hiddens.transpose(0, 1), cell, contexts.transpose(0, 1), alphas.transpose(0, 1)
    )
