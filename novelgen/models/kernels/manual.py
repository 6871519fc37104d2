"""The attention loop with its gradients written out: backpropagation through time (Werbos, 1990).

What it saves over autograd: every weight gradient is one large product after the loop instead of T
small ones that each touch the whole weight; what the score computes for every source position, of
size (B, S, A) a step, is computed again instead of kept; products may run in bfloat16 while states,
softmax and sums stay in float32.

The score needs no tanh for every (t, s, a): with r = 1 / (1 + exp(2 W s) · exp(2 U h)),
tanh(W s + U h) = 1 − 2r, and the 1 adds the same vᵀ1 to every position, which the softmax cancels.
Its slope is 1 − tanh² = 4 (r − r²).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from novelgen.models.kernels.autograd import (
    LoopGradients,
    LoopTape,
    apply,
    new_tape,
    product_dtype,
    weight_gradient,
)
from novelgen.models.kernels.reference import LoopMemory, LoopOutput, LoopWeights

# exp(2x) of queries and keys stays within exp(±40), so that their product is finite in float32; at
# |x| = 20 every tanh is 1 to the last bit of float32 unless the two nearly cancel each other.
_LARGEST_EXPONENT = 40.0


def exponential(values: Tensor) -> Tensor:
    """exp(2x), the exponent clamped; NaN stays NaN."""
    return (2 * values).clamp_(-_LARGEST_EXPONENT, _LARGEST_EXPONENT).exp_()


class _AttentionLoop(torch.autograd.Function):
    """`attention_loop` with its gradients; what goes from forward to backward is a LoopTape."""

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
        of_products: torch.dtype,
    ) -> tuple[Tensor, ...]:
        """state_weight (A + 4H, H) is query over recurrent: one product does both.

        gates (T, B, 4H). Everything on the tape has the dtype of states, whatever that of products
        is.
        """
        tape = new_tape(
            len(gates),
            annotations,
            exponential(keys),
            is_token.sum(1),
            hidden,
            cell,
            state_weight,
            context_weight,
            score,
        )
        _run_forwards(gates, is_token, tape, of_products)
        ctx.save_for_backward(*tape)
        ctx.of_products = of_products
        ctx.set_materialize_grads(False)
        return tape.hiddens[1:], tape.cells[-1].clone(), tape.contexts, tape.alphas

    @staticmethod
    def backward(
        ctx: Any,
        d_hiddens: Tensor | None,
        d_cell: Tensor | None,
        d_contexts: Tensor | None,
        d_alphas: Tensor | None,
    ) -> tuple[Tensor | None, ...]:
        tape = LoopTape(*ctx.saved_tensors)
        of_products: torch.dtype = ctx.of_products
        grads = _run_backwards(tape, of_products, d_hiddens, d_cell, d_contexts, d_alphas)
        # In the dtype of products, for those over all steps at once.
        d_states = grads.d_states.to(of_products)  # (T, B, A + 4H)
        hiddens = tape.hiddens[:-1].to(of_products)  # (T, B, H): s_0 … s_{T-1}
        contexts = tape.contexts.to(of_products)  # (T, B, M)
        size = len(tape.score)
        d_annotations = torch.bmm(
            tape.alphas.permute(1, 2, 0).to(of_products),  # (B, S, T)
            grads.d_contexts.transpose(0, 1).to(of_products),  # (B, T, M)
        )
        return (
            grads.d_states[:, :, size:],
            d_annotations.to(tape.annotations.dtype),
            grads.d_keys.mul_(4 * tape.score),
            None,
            grads.d_hidden,
            grads.d_cell,
            weight_gradient(d_states, hiddens).to(tape.state_weight.dtype),
            weight_gradient(d_states[:, :, size:], contexts).to(tape.context_weight.dtype),
            -2 * grads.d_score,
            None,
        )


def _run_forwards(
    gates: Tensor, is_token: Tensor, tape: LoopTape, of_products: torch.dtype
) -> None:
    """All steps of gates (T, B, 4H), into the tape's buffers; is_token (B, S)."""
    score = tape.score
    size = len(score)
    hiddens, cells = tape.hiddens, tape.cells
    blocked = ~is_token
    to_state = tape.state_weight.to(of_products).t()  # (H, A + 4H)
    to_gates = tape.context_weight.to(of_products).t()  # (M, 4H)
    sources = tape.annotations.to(of_products)
    one = gates.new_ones(())
    inverse = torch.empty_like(tape.exp_keys)  # (B, S, A): r
    for t in range(len(gates)):
        # 1. W s_{i-1} and the recurrent share of the gates, in one product.
        seen = hiddens[t].to(of_products) @ to_state  # (B, A + 4H)
        query = seen[:, :size].to(score.dtype)  # (B, A)
        exp_query = exponential(query)  # (B, A)
        tape.exp_queries[t] = exp_query
        # 2. Attention: e_i = −2 vᵀ r, α_i and c_i.
        torch.addcmul(one, exp_query.unsqueeze(1), tape.exp_keys, out=inverse).reciprocal_()
        scores = (inverse @ (-2 * score)).masked_fill_(blocked, -torch.inf)  # (B, S)
        alpha = torch.softmax(scores, dim=-1, out=tape.alphas[t])
        context = torch.bmm(alpha.to(of_products).unsqueeze(1), sources).squeeze(1)  # (B, M)
        tape.contexts[t] = context
        # 3. The cell; the gates' sums become their activations in place.
        activations = torch.add(gates[t], seen[:, size:], out=tape.gate_activations[t])
        activations += tape.contexts[t].to(of_products) @ to_gates
        i, f, g, o = activations.chunk(4, dim=1)  # (B, H) each
        activations[:, : 2 * i.shape[1]].sigmoid_()  # i and f
        torch.mul(f, cells[t], out=cells[t + 1]).addcmul_(i, g.tanh_())
        torch.mul(o.sigmoid_(), torch.tanh(cells[t + 1]), out=hiddens[t + 1])


def _run_backwards(
    tape: LoopTape,
    of_products: torch.dtype,
    d_hiddens: Tensor | None,
    d_cell: Tensor | None,
    d_contexts: Tensor | None,
    d_alphas: Tensor | None,
) -> LoopGradients:
    """All steps, last to first; the arguments are the gradients of the loop's outputs."""
    steps, rows = tape.alphas.shape[:2]
    score, cells = tape.score, tape.cells
    size = len(score)
    from_state = tape.state_weight.to(of_products)  # (A + 4H, H)
    from_context = tape.context_weight.to(of_products)  # (4H, M)
    sources = tape.annotations.to(of_products).transpose(1, 2)  # (B, M, S)
    # What every step leaves.
    d_states = tape.gate_activations.new_empty(steps, rows, len(tape.state_weight))
    d_read = torch.zeros_like(tape.contexts) if d_contexts is None else d_contexts.clone()
    d_keys = torch.zeros_like(tape.exp_keys)
    d_score = torch.zeros_like(score)
    d_hidden = torch.zeros_like(cells[0])  # of s_i as step i + 1 sees it
    d_cell = torch.zeros_like(cells[0]) if d_cell is None else d_cell
    one = score.new_ones(())
    inverse = torch.empty_like(tape.exp_keys)  # (B, S, A): r
    for t in reversed(range(steps)):
        alpha = tape.alphas[t]
        # 1. The cell.
        if d_hiddens is not None:
            d_hidden = d_hidden + d_hiddens[t]
        d_gates = d_states[t, :, size:]
        activations = tape.gate_activations[t]
        d_cell = _lstm_backward(d_gates, d_hidden, d_cell, activations, cells[t], cells[t + 1])
        # 2. c_i, α_i and e_i.
        d_read[t] += d_gates.to(of_products) @ from_context
        d_context = d_read[t].to(of_products).unsqueeze(1)  # (B, 1, M)
        d_alpha = torch.bmm(d_context, sources).squeeze(1).to(score.dtype)  # (B, S)
        if d_alphas is not None:
            d_alpha = d_alpha + d_alphas[t]
        d_scores = alpha * (d_alpha - (alpha * d_alpha).sum(1, keepdim=True))  # (B, S)
        # 3. v, the query and the keys; r is computed again, its slope is r − r².
        exp_query = tape.exp_queries[t].unsqueeze(1)  # (B, 1, A)
        torch.addcmul(one, exp_query, tape.exp_keys, out=inverse).reciprocal_()
        d_score += d_scores.flatten() @ inverse.flatten(0, 1)
        slope = torch.addcmul(inverse, inverse, inverse, value=-1, out=inverse)
        d_query = torch.bmm(d_scores.unsqueeze(1), slope).squeeze(1)  # (B, A)
        torch.mul(d_query, 4 * score, out=d_states[t, :, :size])
        d_keys.addcmul_(d_scores.unsqueeze(2), slope)
        # 4. s_{i-1}.
        d_hidden = (d_states[t].to(of_products) @ from_state).to(score.dtype)
    return LoopGradients(d_states, d_read, d_keys, d_hidden, d_cell, d_score)


def _lstm_backward(
    d_gates: Tensor,
    d_hidden: Tensor,
    d_cell: Tensor,
    gate_activations: Tensor,
    before: Tensor,
    after: Tensor,
) -> Tensor:
    """One LSTM step backwards: fills d_gates (B, 4H) and returns the gradient of the cell before.

    before and after (B, H) are the cell before and after the step.
    """
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
    """`reference.attention_loop`, faster: the same inputs, outputs and gradients, on any device.

    Under autocast the matrix products run in its dtype; everything else keeps the dtype of the
    weights.
    """
    device = gates.device.type
    dtype = weights.score.dtype
    of_products = product_dtype(device, dtype)
    with torch.autocast(device, enabled=False):
        hiddens, cell, contexts, alphas = apply(
            _AttentionLoop,
            gates.to(dtype).transpose(0, 1).contiguous(),
            memory.annotations.to(dtype),
            memory.keys.to(dtype),
            memory.is_token,
            hidden.to(dtype),
            cell.to(dtype),
            torch.cat([weights.query, weights.recurrent]),
            weights.context,
            weights.score,
            of_products,
        )
    return LoopOutput(
        hiddens.transpose(0, 1), cell, contexts.transpose(0, 1), alphas.transpose(0, 1)
    )
