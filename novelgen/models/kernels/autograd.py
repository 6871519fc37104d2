"""What the hand-written autograd functions share.

Shapes: B rows, T steps, S source positions, A attention size, H hidden size, M memory size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor


class LoopTape(NamedTuple):
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


class LoopGradients(NamedTuple):
    """What the way back through time of an attention loop leaves."""

    d_states: Tensor  # (T, B, A + 4H): of queries and gates, side by side as in state_weight
    d_contexts: Tensor  # (T, B, M)
    d_keys: Tensor  # (B, S, A), still to be multiplied by 4 v
    d_hidden: Tensor  # (B, H): of s_0
    d_cell: Tensor  # (B, H): of its cell
    d_score: Tensor  # (A,): of −2 v


def new_tape(
    steps: int,
    annotations: Tensor,
    exp_keys: Tensor,
    lengths: Tensor,
    hidden: Tensor,
    cell: Tensor,
    state_weight: Tensor,
    context_weight: Tensor,
    score: Tensor,
) -> LoopTape:
    """A tape with room for all steps, s_0 and its cell in place.

    Hiddens and contexts get the dtype of products, which `annotations` have, all else that of
    `score`.
    """
    rows, positions = annotations.shape[:2]
    hidden_size = hidden.shape[1]
    tape = LoopTape(
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


def own_gradient(gradient: Tensor | None, like: Tensor) -> Tensor:
    """A contiguous copy of a gradient, to be written to; zeros of the shape of `like` for None."""
    if gradient is None:
        return torch.zeros_like(like, memory_format=torch.contiguous_format)
    return gradient.clone(memory_format=torch.contiguous_format)


def weight_gradient(outputs: Tensor, inputs: Tensor) -> Tensor:
    """The gradient of a weight over all steps at once: (T, B, out), (T, B, in) → (out, in)."""
    return outputs.flatten(0, 1).t() @ inputs.flatten(0, 1)


def product_dtype(device_type: str, otherwise: torch.dtype) -> torch.dtype:
    """The dtype of matrix products: autocast's where it is on, else `otherwise`."""
    if torch.is_autocast_enabled(device_type):
        return torch.get_autocast_dtype(device_type)
    return otherwise


def apply(function: type[torch.autograd.Function], *inputs: object) -> Any:
    """`function.apply(*inputs)`, recorded for the backward pass."""
    return function.apply(*inputs)  # type: ignore[no-untyped-call]  # PyTorch leaves it untyped
