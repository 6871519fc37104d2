"""The attention loop of Bahdanau et al. (2015) on CPUs, its gradients written out.

e_ij = vᵀ tanh(W s_{i-1} + U h_j);  α_i = softmax(e_i);  c_i = Σ_j α_ij h_j;  s_i = LSTM(s_{i-1},
[y_{i-1}; c_i]). With r = 1 / (1 + exp(2 W s) · exp(2 U h)), tanh(W s + U h) is 1 − 2 r, and the
softmax cancels vᵀ1: the score needs a division for every position and feature and no exponential.
Its slope is 1 − tanh² = 4 (r − r²). Every weight's gradient is one product behind the loop
(backpropagation through time, Werbos, 1990).

Shapes: B rows, S source positions, A attention size, H hidden size, M memory size, D size of the
inputs, and N real steps of all rows, as in `packed`.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from novelgen.models.kernels.api import LoopMemory, LoopOutput, LoopWeights, product_dtype
from novelgen.models.kernels.autograd import apply, own_gradient
from novelgen.models.kernels.linear import packed_linear
from novelgen.models.kernels.math_numba import compiled, exponential, narrow, widen
from novelgen.models.kernels.packed import (
    Part,
    clear_padding,
    in_threads,
    numpy_view,
    pack_rows,
    put_rows,
    scatter,
    take_rows,
)
from novelgen.models.kernels.products import multiply, pack, run_loop, weight_gradient
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
    exp_keys: Any  # (B, S, A): exp(2 U h_j) at real positions
    positions: Any  # (B,) int64: real positions of each source
    score: Any  # (A,): −2 v
    sums: Any  # (N, A + 4H): exp(2 W s_{i-1}), then the gates i, f, g, o
    befores: Any  # (N, H): s_{i-1}
    cells: Any  # (N, H): the cell before
    contexts: Any  # (N, M): c_i
    alphas: Any  # (B, T, S): α_i, 0 at padding


class _Gradients(NamedTuple):
    """What the way back through time leaves, as tensors or as arrays."""

    hiddens: Any  # (B, T, H), given, or (B, 0, 0)
    contexts: Any  # (B, T, M), given, or (B, 0, 0)
    alphas: Any  # (B, T, S), given, or (B, 0, 0)
    sums: Any  # (N, A + 4H): of queries and gates
    reads: Any  # (B, T, M): of c_i
    keys: Any  # (B, S, A)
    hidden: Any  # (B, H): of s_0
    cell: Any  # (B, H): of its cell


@compiled
def _exponentials(keys, part, positions, exp_keys):
    """Fills exp_keys (B, S, A) with exp(2 · keys) at the real positions of a part's rows."""
    for row in part.rows:
        for j in range(positions[row]):
            for a in range(keys.shape[2]):
                exp_keys[row, j, a] = exponential(keys[row, j, a])


@compiled
def _attend(t, part, tape):
    """Step t of the attention: e_j, α and c, from W s in the tape's sums."""
    size = len(tape.score)
    context = np.empty(tape.contexts.shape[1], tape.score.dtype)
    for n in range(part.offsets[t], part.offsets[t + 1]):
        row = part.rows[n - part.offsets[t]]
        real = tape.positions[row]
        query = tape.sums[n, :size]
        alpha = tape.alphas[row, t, :real]
        tape.alphas[row, t, real:] = 0
        for a in range(size):
            query[a] = exponential(query[a])
        additive_scores(query, tape.exp_keys[row], tape.score, alpha)
        softmax_context(alpha, tape.annotations[row], context)
        for m in range(len(context)):
            tape.contexts[n, m] = narrow(context[m], tape.contexts)


@compiled
def _attend_backward(t, part, tape, grads, d_gates_context, d_score):
    """The gradients of `_attend`; d_gates_context (R, M) is that of c through the gates.

    Adds to d_score (A,), that of −2 v.
    """
    size = len(tape.score)
    number = tape.score.dtype.type
    one = number(1)
    nothing = np.empty(0, tape.score.dtype)
    d_scores = np.empty(tape.alphas.shape[2], tape.score.dtype)
    d_query, slope_of = np.empty(size, tape.score.dtype), np.empty(size, tape.score.dtype)
    for a in range(size):
        slope_of[a] = number(-2) * tape.score[a]  # 4 v, as the slope of tanh is 4 (r − r²)
    for n in range(part.offsets[t], part.offsets[t + 1]):
        row = part.rows[n - part.offsets[t]]
        real = tape.positions[row]
        query = tape.sums[n, :size]
        # 1. The gradients of c and of e.
        d_context = grads.reads[row, t]
        for m in range(len(d_context)):
            d_context[m] = d_gates_context[n - part.offsets[t], m]
        if grads.contexts.shape[1]:
            for m in range(len(d_context)):
                d_context[m] += number(widen(grads.contexts[row, t, m]))
        d_alpha = grads.alphas[row, t] if grads.alphas.shape[1] else nothing
        alpha = tape.alphas[row, t, :real]
        softmax_context_backward(alpha, tape.annotations[row], d_context, d_alpha, d_scores)
        # 2. Through tanh, r computed again.
        d_query[:] = 0
        for j in range(real):
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
def _run_forwards(state_weight, context_weight, part, tape, hiddens, last_cell):
    """All steps of a part's rows, into the tape's buffers."""
    size = len(tape.score)
    for t in range(len(part.offsets) - 1):
        first, last = part.offsets[t], part.offsets[t + 1]
        seen = tape.sums[first:last]
        gates = seen[:, size:]
        # 1. W s_{i-1} and the recurrent share of the gates, in one product.
        multiply(tape.befores[first:last], state_weight, seen)
        # 2. α_i and c_i.
        _attend(t, part, tape)
        # 3. The cell, with the context's share of the gates.
        multiply(tape.contexts[first:last], context_weight, gates)
        lstm_step(t, part, tape.sums, size, tape.cells, tape.befores, hiddens, last_cell)


@compiled
def _run_backwards(state_weight, context_weight, part, tape, grads, d_score):
    """All steps of a part's rows, last to first; the weights are transposed ones."""
    size = len(tape.score)
    rows = len(part.rows)
    d_later = np.zeros((rows, tape.cells.shape[1]), tape.cells.dtype)  # of s_i, from step i + 1
    d_context = np.empty((rows, tape.contexts.shape[1]), tape.cells.dtype)
    d_cell = np.empty_like(d_later)
    take_rows(grads.cell, part, d_cell)
    for row in part.rows:
        grads.keys[row] = 0
    for t in range(len(part.offsets) - 2, -1, -1):
        first, last = part.offsets[t], part.offsets[t + 1]
        d_seen = grads.sums[first:last]
        d_gates = d_seen[:, size:]
        # 1. The cell.
        lstm_step_backward(
            t,
            part,
            tape.sums,
            size,
            tape.cells,
            d_later,
            grads.hiddens,
            d_cell,
            grads.sums,
        )
        # 2. c_i and what it reads.
        d_context[: last - first] = 0
        multiply(d_gates, context_weight, d_context[: last - first])
        _attend_backward(t, part, tape, grads, d_context, d_score)
        # 3. s_{i-1}.
        d_later[: last - first] = 0
        multiply(d_seen, state_weight, d_later[: last - first])
    put_rows(d_later, part, grads.hidden)
    put_rows(d_cell, part, grads.cell)


class _AttentionLoop(torch.autograd.Function):
    """`attention_loop` with its gradients."""

    @staticmethod
    def forward(
        ctx: Any,
        sums: Tensor,
        annotations: Tensor,
        keys: Tensor,
        hidden: Tensor,
        cell: Tensor,
        state_weight: Tensor,
        context_weight: Tensor,
        score: Tensor,
        positions: Tensor,
        parts: list[Part],
        steps: int,
    ) -> tuple[Tensor, ...]:
        """state_weight (A + 4H, H) is query over recurrent: one product does both.

        sums (N, A + 4H), 0 and y's share of the gates, is written to. annotations and the two
        weights have the dtype of products, all else that of `score`.
        """
        rows = len(annotations)
        count = len(sums)
        tape = _Tape(
            annotations,
            torch.empty_like(keys),
            positions,
            -2 * score,
            sums,
            annotations.new_empty(count, hidden.shape[1]),
            score.new_empty(count, hidden.shape[1]),
            annotations.new_empty(count, annotations.shape[2]),
            score.new_empty(rows, steps, annotations.shape[1]),
        )
        arrays = _Tape(*map(numpy_view, tape))
        hiddens = annotations.new_empty(rows, steps, hidden.shape[1])
        contexts = annotations.new_empty(rows, steps, annotations.shape[2])
        last_cell = torch.empty_like(cell)
        packs = [partial(pack, weight, rows) for weight in (state_weight, context_weight)]
        from_state, from_context = in_threads(packs)
        first_hidden = hidden.to(annotations.dtype)

        def run(part: Part) -> None:
            tape.befores[part.first_step] = first_hidden[part.rows]
            tape.cells[part.first_step] = cell[part.rows]
            _exponentials(numpy_view(keys), part, arrays.positions, arrays.exp_keys)
            ends = (numpy_view(hiddens), numpy_view(last_cell))
            run_loop(_run_forwards, from_state, from_context, part, arrays, *ends)
            clear_padding(part, numpy_view(hiddens))
            clear_padding(part, arrays.alphas)
            scatter(arrays.contexts, part, numpy_view(contexts))

        in_threads([partial(run, part) for part in parts])
        ctx.save_for_backward(*tape, state_weight, context_weight)
        ctx.parts = parts
        ctx.set_materialize_grads(False)
        return hiddens, last_cell, contexts, tape.alphas

    @staticmethod
    def backward(
        ctx: Any,
        d_hiddens: Tensor | None,
        d_cell: Tensor | None,
        d_contexts: Tensor | None,
        d_alphas: Tensor | None,
    ) -> tuple[Tensor | None, ...]:
        *kept, state_weight, context_weight = ctx.saved_tensors
        tape = _Tape(*kept)
        parts: list[Part] = ctx.parts
        rows, steps = tape.alphas.shape[:2]
        size = len(tape.score)
        # 1. The way back through time; (B, 0, 0) tells the compiled code that there is no gradient.
        nothing = tape.score.new_empty(rows, 0, 0)
        first = tape.cells.new_empty(rows, tape.cells.shape[1])
        grads = _Gradients(
            nothing if d_hiddens is None else d_hiddens.contiguous(),
            nothing if d_contexts is None else d_contexts.contiguous(),
            nothing if d_alphas is None else d_alphas.contiguous(),
            tape.befores.new_empty(len(tape.sums), len(state_weight)),
            tape.score.new_empty(rows, steps, tape.contexts.shape[1]),
            torch.empty_like(tape.exp_keys),
            first,
            own_gradient(d_cell, first),
        )
        d_score = tape.score.new_zeros(len(parts), size)
        arrays = _Tape(*map(numpy_view, tape))
        grad_arrays = _Gradients(*map(numpy_view, grads))
        weights = in_threads(
            [partial(pack, weight.t(), rows) for weight in (state_weight, context_weight)]
        )

        def run(part: Part, own: Tensor) -> None:
            clear_padding(part, grad_arrays.reads)
            run_loop(_run_backwards, *weights, part, arrays, grad_arrays, numpy_view(own))

        in_threads([partial(run, *shared) for shared in zip(parts, d_score, strict=True)])
        # 2. The annotations and the weights, of all steps at once.
        d_annotations = torch.bmm(tape.alphas.transpose(1, 2), grads.reads)  # (B, S, M)
        return (
            grads.sums,
            d_annotations.to(tape.annotations.dtype),
            grads.keys,
            grads.hidden,
            grads.cell,
            weight_gradient(grads.sums, tape.befores),
            weight_gradient(grads.sums[:, size:], tape.contexts),
            -2 * d_score.sum(0),
            None,
            None,
            None,
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
    parts = pack_rows(inputs, lengths, torch.get_num_threads())
    # y's share of the gates, of all steps at once, behind room for the queries.
    bias = torch.cat([weights.bias.new_zeros(len(weights.score)), weights.bias])  # (A + 4H,)
    sums = packed_linear([inputs], parts, None, weights.token, bias)
    with torch.autocast("cpu", enabled=False):
        outputs = apply(
            _AttentionLoop,
            sums,
            memory.annotations.to(of_products).contiguous(),
            memory.keys.to(dtype).contiguous(),
            hidden.to(dtype),
            cell.to(dtype),
            torch.cat([weights.query, weights.recurrent]).to(of_products),
            weights.context.to(of_products),
            weights.score,
            memory.is_token.sum(1),
            parts,
            inputs.shape[1],
        )
    return LoopOutput(*outputs)
