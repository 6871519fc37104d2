"""The attention loop of Bahdanau et al. (2015) on CPUs, its gradients written out.

e_ij = vᵀ tanh(q_i + U h_j), q_i = W s_{i-1} + Y y_{i-1};  α_i = softmax(e_i);  c_i = Σ_j α_ij h_j;
s_i = LSTM(s_{i-1}, [y_{i-1}; c_i]). With r = 1 / (1 + exp(2 q) · exp(2 U h)), tanh(q + U h) is
1 − 2 r, and the softmax cancels vᵀ1: the score needs a division for every position and feature and
no exponential. Its slope is 1 − tanh² = 4 (r − r²). Every weight's gradient is one product behind
the loop (backpropagation through time, Werbos, 1990).

Shapes: B rows, S source positions, A attention size, H hidden size, M memory size, D size of the
inputs, and N real steps of all rows, as in `packed`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from novelgen.models.kernels.api import LoopMemory, LoopOutput, LoopWeights, product_dtype
from novelgen.models.kernels.linear import packed_linear, weight_gradient
from novelgen.models.kernels.math_numba import LARGEST_EXPONENT, compiled, exponential, narrow
from novelgen.models.kernels.packed import PackedRows, pack_rows
from novelgen.models.kernels.products import multiply, run_loop
from novelgen.models.kernels.steps import (
    additive_scores,
    lstm_step,
    lstm_step_backward,
    softmax_context,
    softmax_context_backward,
)


class _Tape(NamedTuple):
    """What the forward pass keeps for the backward pass, as tensors or as arrays."""

    annotations: Any  # (B, S, M): h_j
    exp_keys: Any  # (B, S, A): exp(2 U h_j)
    positions: Any  # (B,) int64: real positions of each source
    score: Any  # (A,): −2 v
    sums: Any  # (N, A + 4H): exp(2 q_i), then the gates i, f, g, o
    hiddens: Any  # (B + N, H): s_0 of every row, then all s_i
    cells: Any  # (B + N, H): likewise
    contexts: Any  # (N, M): c_i
    alphas: Any  # (B, T, S): α_i, 0 at padding


class _Gradients(NamedTuple):
    """Gradients of what the tape names so; those of outputs come with what the outputs get."""

    sums: Any  # (N, A + 4H), in the dtype of products
    hiddens: Any  # (B + N, H)
    cell: Any  # (B, H): of the last cell, and then of the first
    contexts: Any  # (B, T, M), padded
    alphas: Any  # (B, T, S): without what comes through c
    keys: Any  # (B, S, A)
    score: Any  # (B, A): of each row


@compiled
def _attend(t, part, tape):
    """Step t of the attention: e_j, α and c, from q in the tape's sums."""
    size = len(tape.score)
    context = np.empty(tape.contexts.shape[1], tape.score.dtype)
    for n in range(part.offsets[t], part.offsets[t + 1]):
        row = part.rows[n - part.offsets[t]]
        query = tape.sums[n, :size]
        alpha = tape.alphas[row, t, : tape.positions[row]]
        for a in range(size):
            query[a] = exponential(query[a])
        additive_scores(query, tape.exp_keys[row], tape.score, alpha)
        softmax_context(alpha, tape.annotations[row], context)
        for m in range(len(context)):
            tape.contexts[n, m] = narrow(context[m], tape.contexts)


@compiled
def _attend_backward(t, part, tape, grads, d_gates_context):
    """The gradients of `_attend`; d_gates_context (R, M) is that of c through the gates."""
    size = len(tape.score)
    number = tape.score.dtype.type
    one = number(1)
    d_scores = np.empty(tape.alphas.shape[2], tape.score.dtype)
    d_query, slope_of = np.empty(size, tape.score.dtype), np.empty(size, tape.score.dtype)
    for a in range(size):
        slope_of[a] = number(-2) * tape.score[a]  # 4 v, as the slope of tanh is 4 (r − r²)
    for n in range(part.offsets[t], part.offsets[t + 1]):
        i = n - part.offsets[t]
        row = part.rows[i]
        query, d_score = tape.sums[n, :size], grads.score[row]
        # 1. The gradients of c and of e.
        d_context = grads.contexts[row, t]
        for m in range(len(d_context)):
            d_context[m] += d_gates_context[i, m]
        alpha = tape.alphas[row, t, : tape.positions[row]]
        d_alpha = grads.alphas[row, t]
        softmax_context_backward(alpha, tape.annotations[row], d_context, d_alpha, d_scores)
        # 2. Through tanh, r computed again.
        d_query[:] = 0
        for j in range(len(alpha)):
            error = d_scores[j]
            key = tape.exp_keys[row, j]
            d_key = grads.keys[row, j]
            for a in range(size):
                r = one / (one + query[a] * key[a])
                slope = error * slope_of[a] * (r - r * r)
                d_score[a] += error * r
                d_query[a] += slope
                d_key[a] += slope
        for a in range(size):
            grads.sums[n, a] = narrow(d_query[a], grads.sums)


@compiled
def _run_forwards(state_weight, context_weight, part, tape):
    """All steps of a part's rows, into the tape's buffers."""
    size = len(tape.score)
    for t in range(len(part.offsets) - 1):
        first, last = part.offsets[t], part.offsets[t + 1]
        seen = tape.sums[first:last]
        befores = tape.hiddens[part.states[t] : part.states[t] + last - first]
        # 1. W s_{i-1} and the recurrent share of the gates, in one product.
        multiply(befores, state_weight, seen)
        # 2. α_i and c_i.
        _attend(t, part, tape)
        # 3. The cell, with the context's share of the gates.
        multiply(tape.contexts[first:last], context_weight, seen[:, size:])
        lstm_step(t, part, tape.sums, size, tape.cells, tape.hiddens)


@compiled
def _run_backwards(state_weight, context_weight, part, tape, grads):
    """All steps of a part's rows, last to first; the weights are transposed ones."""
    size = len(tape.score)
    d_contexts = np.empty((len(part.rows), tape.contexts.shape[1]), tape.cells.dtype)
    for t in range(len(part.offsets) - 2, -1, -1):
        first, last = part.offsets[t], part.offsets[t + 1]
        d_seen = grads.sums[first:last]
        d_context = d_contexts[: last - first]
        # 1. The cell.
        lstm_step_backward(
            t, part, tape.sums, size, tape.cells, grads.hiddens, grads.cell, grads.sums
        )
        # 2. c_i and what it reads.
        d_context[:] = 0
        multiply(d_seen[:, size:], context_weight, d_context)
        _attend_backward(t, part, tape, grads, d_context)
        # 3. s_{i-1}.
        d_befores = grads.hiddens[part.states[t] : part.states[t] + last - first]
        multiply(d_seen, state_weight, d_befores)


class _AttentionLoop(torch.autograd.Function):
    """`attention_loop` with its gradients, from packed sums to packed hiddens."""

    @staticmethod
    def forward(
        ctx: Any,
        rows: PackedRows,
        sums: Tensor,
        annotations: Tensor,
        keys: Tensor,
        positions: Tensor,
        hidden: Tensor,
        cell: Tensor,
        state_weight: Tensor,
        context_weight: Tensor,
        score: Tensor,
    ) -> tuple[Tensor, ...]:
        """state_weight (A + 4H, H) is query over recurrent: one product does both.

        sums (N, A + 4H), y's share of the queries and gates, is written to. hidden and cell (B, H)
        are in the order of `rows`. Annotations and the two weights have the dtype of products, all
        else that of `score`.
        """
        batch, source, width = annotations.shape
        exponents = (2 * keys).clamp_(-LARGEST_EXPONENT, LARGEST_EXPONENT)
        tape = _Tape(
            annotations,
            exponents.exp_(),
            positions,
            -2 * score,
            sums,
            rows.new_states(hidden.to(annotations.dtype)),
            rows.new_states(cell),
            annotations.new_empty(len(sums), width),
            score.new_zeros(batch, rows.steps, source),
        )
        run_loop(_run_forwards, rows.parts, ((state_weight, context_weight), tape))
        ctx.save_for_backward(*tape, state_weight, context_weight)
        ctx.rows = rows
        last_cell = tape.cells.index_select(0, rows.lasts)
        return tape.hiddens[batch:], last_cell, rows.pad(tape.contexts), tape.alphas

    @staticmethod
    def backward(
        ctx: Any, d_hiddens: Tensor, d_cell: Tensor, d_contexts: Tensor, d_alphas: Tensor
    ) -> tuple[Tensor | None, ...]:
        *kept, state_weight, context_weight = ctx.saved_tensors
        rows: PackedRows = ctx.rows
        tape = _Tape(*kept)
        dtype = tape.score.dtype
        batch, size = len(d_cell), len(tape.score)
        # 1. The way back through time.
        d_contexts = d_contexts.to(dtype, copy=True, memory_format=torch.contiguous_format)
        d_contexts.flatten(0, 1).index_fill_(0, rows.gaps, 0.0)
        grads = _Gradients(
            tape.contexts.new_empty(tape.sums.shape),
            torch.cat([torch.zeros_like(d_cell), d_hiddens.to(dtype)]),
            d_cell.index_select(0, rows.order),
            d_contexts,
            d_alphas.contiguous(),
            torch.zeros_like(tape.exp_keys),
            tape.score.new_zeros(batch, size),
        )
        weights = (state_weight.t(), context_weight.t())
        run_loop(_run_backwards, rows.parts, (weights, tape, grads))
        # 2. The annotations and the weights, of all steps at once.
        d_annotations = torch.bmm(tape.alphas.transpose(1, 2), grads.contexts)  # (B, S, M)
        befores = tape.hiddens.index_select(0, rows.befores)
        return (
            None,
            grads.sums,
            d_annotations.to(tape.annotations.dtype),
            grads.keys,
            None,
            grads.hiddens[:batch],
            grads.cell,
            weight_gradient(grads.sums, befores),
            weight_gradient(grads.sums[:, size:], tape.contexts),
            -2 * grads.score.sum(0),
        )


def attention_loop(
    inputs: Tensor,
    lengths: Tensor | None,
    memory: LoopMemory,
    hidden: Tensor,
    cell: Tensor,
    weights: LoopWeights,
) -> LoopOutput:
    """`reference.attention_loop`, faster, on CPUs: the same inputs, outputs and gradients.

    Real tokens must come first in every row. Under autocast the matrix products run in its dtype,
    which `hiddens` and `contexts` then have; everything else keeps the dtype of the weights.
    """
    dtype = weights.score.dtype
    of_products = product_dtype("cpu", dtype)
    rows = pack_rows(inputs, lengths, torch.get_num_threads())
    # y's share of the queries and gates, of all steps at once.
    bias = torch.cat([weights.bias.new_zeros(len(weights.score)), weights.bias])  # (A + 4H,)
    sums = packed_linear(rows.pack(inputs), weights.token, bias)
    with torch.autocast("cpu", enabled=False):
        hiddens, last_cell, contexts, alphas = _AttentionLoop.apply(
            rows,
            sums,
            memory.annotations.to(of_products).contiguous(),
            memory.keys.to(dtype).contiguous(),
            memory.is_token.sum(1),
            hidden.to(dtype).index_select(0, rows.order),
            cell.to(dtype).index_select(0, rows.order),
            torch.cat([weights.query, weights.recurrent]).to(of_products),
            weights.context.to(of_products),
            weights.score,
        )
    return LoopOutput(rows.pad(hiddens), last_cell, contexts, alphas)
