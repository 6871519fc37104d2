"""The attention loop on CUDA: `bahdanau`'s algebra, all but the matrix products in Triton kernels.

A step is two products and three kernels, forwards as backwards, into buffers made before the loop.
Nothing waits for the GPU and no shape depends on values; padding is computed like everything else.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from novelgen.models.kernels.api import LoopMemory, LoopOutput, LoopWeights, product_dtype
from novelgen.models.kernels.triton import kernels

_TILE = {"POSITIONS": kernels.POSITIONS, "FEATURES": kernels.FEATURES}


# exp(2x) of queries and keys stays within exp(±40), so that their product is finite in float32; at
# |x| = 20 every tanh is 1 to the last bit of float32 unless the two nearly cancel each other.
_LARGEST_EXPONENT = 40.0


def _exponential(values: Tensor) -> Tensor:
    """exp(2x), the exponent clamped; NaN stays NaN."""
    return (2 * values).clamp_(-_LARGEST_EXPONENT, _LARGEST_EXPONENT).exp_()


class _Tape(NamedTuple):
    """What the forward pass of an attention loop keeps for the backward pass, time first.

    The loop's own buffers put time before rows, so that a step of some rows is one block of memory.
    """

    annotations: Tensor  # (B, S, M): h_j
    exp_keys: Tensor  # (B, S, A): exp(2 U h_j)
    lengths: Tensor  # (B,) int: real positions of each source
    state_weight: Tensor  # (A + 4H, H): query over recurrent, both are applied to s_{i-1}
    context_weight: Tensor  # (4H, M)
    score: Tensor  # (A,): v
    gate_activations: Tensor  # (T, B, 4H): i, f, g, o
    hiddens: Tensor  # (T + 1, B, H): s_0 … s_T
    cells: Tensor  # (T + 1, B, H)
    exp_queries: Tensor  # (T, B, A): exp(2 W s_{i-1})
    alphas: Tensor  # (T, B, S)
    contexts: Tensor  # (T, B, M): c_i


class _Gradients(NamedTuple):
    """What the way back through time leaves."""

    d_states: Tensor  # (T, B, A + 4H): of queries and gates, side by side as in state_weight
    d_contexts: Tensor  # (T, B, M)
    d_scores: Tensor  # (T, B, S): of e, at real positions
    d_hidden: Tensor  # (B, H): of s_0
    d_cell: Tensor  # (B, H): of its cell


def _blocks(size: int, block: int = kernels.FEATURES) -> int:
    """How many blocks cover `size` numbers."""
    return -(-size // block)


class _AttentionLoop(torch.autograd.Function):
    """`attention_loop` with its gradients; what goes from forward to backward is a _Tape."""

    @staticmethod
    def forward(
        ctx: Any,
        sums: Tensor,
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

        sums (T, B, A + 4H), y's share of the queries and gates, annotations and the two weights
        have the dtype of products, everything else that of `score`.
        """
        tape = _new_tape(
            len(sums),
            annotations,
            _exponential(keys),
            lengths,
            hidden,
            cell,
            state_weight,
            context_weight,
            score,
        )
        _run_forwards(sums, tape)
        ctx.save_for_backward(*tape)
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
        tape = _Tape(*ctx.saved_tensors)
        grads = _run_backwards(tape, d_hiddens, d_cell, d_contexts, d_alphas)
        d_keys, d_score = _score_gradients(grads.d_scores, tape)
        d_gates = grads.d_states[:, :, len(tape.score) :]  # (T, B, 4H)
        d_annotations = torch.bmm(
            tape.alphas.permute(1, 2, 0).to(grads.d_contexts.dtype),  # (B, S, T)
            grads.d_contexts.transpose(0, 1),  # (B, T, M)
        )
        return (
            grads.d_states,
            d_annotations,
            d_keys,
            None,
            grads.d_hidden.to(tape.score.dtype),
            grads.d_cell,
            _weight_gradient(grads.d_states, tape.hiddens[:-1]),
            _weight_gradient(d_gates, tape.contexts),
            d_score,
        )


def _run_forwards(sums: Tensor, tape: _Tape) -> None:
    """All steps of sums (T, B, A + 4H), into the tape's buffers."""
    rows, positions = tape.annotations.shape[:2]
    size = len(tape.score)
    width = tape.annotations.shape[2]
    hidden_size = tape.hiddens.shape[2]
    to_state = tape.state_weight.t()
    to_gates = tape.context_weight.t()
    scores = torch.empty_like(tape.alphas[0])  # (B, S)
    seen = torch.empty_like(sums[0])  # (B, A + 4H)
    more = sums.new_empty(rows, 4 * hidden_size)  # (B, 4H)
    score_positions = kernels.score_positions[rows, _blocks(positions, kernels.POSITIONS)]
    read_positions = kernels.read_positions[rows, _blocks(width)]
    lstm = kernels.lstm[rows, _blocks(hidden_size)]
    scored_sizes = {"A": size, "WIDTH": len(tape.state_weight), **_TILE}
    cell_sizes = {"H": hidden_size, "SKIPPED": size, "FEATURES": kernels.FEATURES}
    # Split into steps once, not at every step: this loop's own time must stay below the GPU's.
    sum_of = sums.unbind()
    query = tape.exp_queries.unbind()
    alpha = tape.alphas.unbind()
    context = tape.contexts.unbind()
    activations = tape.gate_activations.unbind()
    h = tape.hiddens.unbind()
    c = tape.cells.unbind()
    for t in range(len(sums)):
        # 1. W s_{i-1} and the recurrent share of the gates, in one product.
        torch.addmm(sum_of[t], h[t], to_state, out=seen)
        # 2. Attention: e_i, then α_i and c_i.
        score_positions(
            seen,
            tape.exp_keys,
            tape.lengths,
            tape.score,
            query[t],
            scores,
            positions,
            **scored_sizes,
        )
        read_positions(
            scores,
            tape.annotations,
            tape.lengths,
            alpha[t],
            context[t],
            positions,
            M=width,
            **_TILE,
        )
        # 3. The cell, with the context's share of the gates.
        torch.mm(context[t], to_gates, out=more)
        lstm(seen, more, activations[t], c[t], c[t + 1], h[t + 1], **cell_sizes)


def _run_backwards(
    tape: _Tape,
    d_hiddens: Tensor | None,
    d_cell: Tensor | None,
    d_contexts: Tensor | None,
    d_alphas: Tensor | None,
) -> _Gradients:
    """All steps, last to first; the arguments are the gradients of the loop's outputs."""
    steps, rows, positions = tape.alphas.shape
    size = len(tape.score)
    width = tape.contexts.shape[2]
    hidden_size = tape.hiddens.shape[2]
    # 1. Buffers for what every step leaves, and for what goes from one kernel to the next.
    d_states = tape.hiddens.new_empty(steps, rows, len(tape.state_weight))
    d_read = torch.empty_like(tape.contexts)  # (T, B, M)
    d_scores = torch.empty_like(tape.alphas)  # (T, B, S)
    d_context = torch.empty_like(tape.contexts[0])
    d_alpha = torch.empty_like(tape.alphas[0])
    d_hidden = torch.zeros_like(tape.hiddens[0])  # of s_i as step i + 1 sees it
    if d_cell is None:
        d_cell = torch.zeros_like(tape.cells[0])
    d_cell = d_cell.clone(memory_format=torch.contiguous_format)  # it is written to
    # 2. The kernels, and the sizes that are constants in them.
    lstm_backward = kernels.lstm_backward[rows, _blocks(hidden_size)]
    read_backward = kernels.read_backward[rows, _blocks(positions, kernels.POSITIONS)]
    score_backward = kernels.score_backward[rows, _blocks(size)]
    cell_sizes = {"H": hidden_size, "SKIPPED": size, "FEATURES": kernels.FEATURES}
    cell_sizes["HAS_HIDDENS"] = d_hiddens is not None
    read_sizes = {"M": width, **_TILE}
    read_sizes["HAS_CONTEXTS"] = d_contexts is not None
    read_sizes["HAS_ALPHAS"] = d_alphas is not None
    scored_sizes = {"A": size, "WIDTH": len(tape.state_weight), **_TILE}
    # 3. Split into steps once. A gradient that is None is not read: a tensor of its shape stands
    # in.
    own_hidden = _steps_of(d_hiddens, tape.hiddens[1:])
    own_context = _steps_of(d_contexts, tape.contexts)
    own_alpha = _steps_of(d_alphas, tape.alphas)
    activations = tape.gate_activations.unbind()
    c = tape.cells.unbind()
    query = tape.exp_queries.unbind()
    alpha = tape.alphas.unbind()
    d_state = d_states.unbind()
    read = d_read.unbind()
    error = d_scores.unbind()
    sources = (tape.exp_keys, tape.lengths, tape.score)
    for t in reversed(range(steps)):
        # 4. The cell, then c_i and α_i, then e_i and the query, then s_{i-1}.
        lstm_backward(
            d_hidden,
            own_hidden[t],
            d_cell,
            activations[t],
            c[t],
            c[t + 1],
            d_state[t],
            **cell_sizes,
        )
        torch.mm(d_state[t][:, size:], tape.context_weight, out=d_context)
        read_backward(
            d_context,
            own_context[t],
            own_alpha[t],
            tape.annotations,
            tape.lengths,
            read[t],
            d_alpha,
            positions,
            **read_sizes,
        )
        score_backward(
            alpha[t], d_alpha, *sources, query[t], error[t], d_state[t], positions, **scored_sizes
        )
        torch.mm(d_state[t], tape.state_weight, out=d_hidden)
    return _Gradients(d_states, d_read, d_scores, d_hidden, d_cell)


def _steps_of(gradient: Tensor | None, otherwise: Tensor) -> tuple[Tensor, ...]:
    """The steps of a gradient (T, B, …), contiguous each, or of `otherwise` where it is None."""
    return (otherwise if gradient is None else gradient.contiguous()).unbind()


def _score_gradients(d_scores: Tensor, tape: _Tape) -> tuple[Tensor, Tensor]:
    """The gradients of keys (B, S, A) and of v (A,), given those of every e_ij (T, B, S)."""
    steps, rows, positions = d_scores.shape
    size = len(tape.score)
    grid = (rows, _blocks(positions, kernels.POSITIONS), _blocks(size))
    d_keys = torch.empty_like(tape.exp_keys)
    shares = tape.score.new_empty(*grid[:2], size)  # (B, blocks of positions, A)
    kernels.keys_backward[grid](
        d_scores,
        tape.exp_keys,
        tape.lengths,
        tape.score,
        tape.exp_queries,
        d_keys,
        shares,
        steps,
        positions,
        A=size,
        **_TILE,
    )
    return d_keys, shares.sum((0, 1))


def _new_tape(
    steps: int,
    annotations: Tensor,
    exp_keys: Tensor,
    lengths: Tensor,
    hidden: Tensor,
    cell: Tensor,
    state_weight: Tensor,
    context_weight: Tensor,
    score: Tensor,
) -> _Tape:
    """A tape with room for all steps, s_0 and its cell in place.

    Hiddens and contexts get the dtype of products, which `annotations` have, all else that of
    `score`.
    """
    rows, positions = annotations.shape[:2]
    hidden_size = hidden.shape[1]
    tape = _Tape(
        annotations,
        exp_keys,
        lengths,
        state_weight,
        context_weight,
        score,
        gate_activations=score.new_empty(steps, rows, 4 * hidden_size),
        hiddens=annotations.new_empty(steps + 1, rows, hidden_size),
        cells=score.new_empty(steps + 1, rows, hidden_size),
        exp_queries=score.new_empty(steps, rows, len(score)),
        alphas=score.new_empty(steps, rows, positions),
        contexts=annotations.new_empty(steps, rows, annotations.shape[2]),
    )
    tape.hiddens[0] = hidden
    tape.cells[0] = cell
    return tape


def _weight_gradient(outputs: Tensor, inputs: Tensor) -> Tensor:
    """The gradient of a weight over all steps at once: (T, B, out), (T, B, in) → (out, in)."""
    return outputs.flatten(0, 1).t() @ inputs.flatten(0, 1)


def attention_loop(
    inputs: Tensor,
    lengths: Tensor | None,
    memory: LoopMemory,
    hidden: Tensor,
    cell: Tensor,
    weights: LoopWeights,
) -> LoopOutput:
    """`reference.attention_loop`, faster, on CUDA: the same inputs, outputs and gradients.

    Real tokens must come first in every row. Under autocast the matrix products run in its dtype,
    which `hiddens` and `contexts` then have; everything else keeps the dtype of the weights.
    """
    del lengths  # shapes must not depend on values
    bias = torch.cat([weights.bias.new_zeros(len(weights.score)), weights.bias])  # (A + 4H,)
    sums = linear(inputs, weights.token, bias)  # (B, T, A + 4H): y's share
    device = sums.device.type
    dtype = weights.score.dtype
    of_products = product_dtype(device, dtype)
    # PyTorch leaves `device_of` untyped.
    on_device = torch.cuda.device_of(sums)  # type: ignore[no-untyped-call]
    with torch.autocast(device, enabled=False), on_device:
        hiddens, cell, contexts, alphas = _AttentionLoop.apply(  # type: ignore[no-untyped-call]
            sums.to(of_products).transpose(0, 1).contiguous(),
            memory.annotations.to(of_products).contiguous(),
            memory.keys.to(dtype).contiguous(),
            memory.is_token.sum(1, dtype=torch.int32),
            hidden.to(dtype),
            cell.to(dtype),
            torch.cat([weights.query, weights.recurrent]).to(of_products),
            weights.context.to(of_products).contiguous(),
            weights.score.contiguous(),
        )
    return LoopOutput(
        hiddens.transpose(0, 1), cell, contexts.transpose(0, 1), alphas.transpose(0, 1)
    )
