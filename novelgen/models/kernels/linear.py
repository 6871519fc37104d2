"""A linear layer of the real steps of padded sequences: packed, or padded again.

The readout reads several sequences side by side, with dropout: concatenated, dropped and multiplied
one by one they would go through the memory six times, padding included.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from novelgen.models.kernels.api import product_dtype
from novelgen.models.kernels.autograd import apply
from novelgen.models.kernels.math_numba import compiled, narrow, widen
from novelgen.models.kernels.packed import (
    Part,
    clear_padding,
    gather,
    in_threads,
    numpy_view,
    pack_rows,
    place_of,
    scatter,
)
from novelgen.models.kernels.products import add_product, bias_gradient, weight_gradient


@compiled
def _gather_beside(padded, part, column, mask, packed):
    """Fills D columns of packed (N, …) from `column` on with padded (B, T, D) · mask (B, …)."""
    size = padded.shape[2]
    number = mask.dtype.type
    for t in range(len(part.offsets) - 1):
        for i in range(part.offsets[t + 1] - part.offsets[t]):
            row = part.rows[i]
            given = padded[row, place_of(t, part, i)]
            scale = mask[row, column : column + size]
            made = packed[part.offsets[t] + i, column : column + size]
            for d in range(size):
                made[d] = narrow(number(widen(given[d])) * scale[d], packed)


@compiled
def _scatter_beside(padded, part, column, mask, packed):
    """Puts D columns of packed (N, …), times mask (B, …), into padded (B, T, D), 0 at padding."""
    size = padded.shape[2]
    for t in range(len(part.offsets) - 1):
        for i in range(part.offsets[t + 1] - part.offsets[t]):
            row = part.rows[i]
            made = padded[row, place_of(t, part, i)]
            scale = mask[row, column : column + size]
            given = packed[part.offsets[t] + i, column : column + size]
            for d in range(size):
                made[d] = narrow(given[d] * scale[d], padded)
    clear_padding(part, padded)


class _PackedLinear(torch.autograd.Function):
    """`packed_linear` with its gradients."""

    @staticmethod
    def forward(
        ctx: Any, mask: Tensor, weight: Tensor, bias: Tensor, parts: list[Part], *sequences: Tensor
    ) -> Tensor:
        """Sequences and weight have the dtype of products, mask and bias that of sums."""
        inputs = weight.new_empty(int(parts[-1].offsets[-1]), weight.shape[1])
        packed = (numpy_view(mask), numpy_view(inputs))

        def fill(part: Part) -> None:
            column = 0
            for sequence in sequences:
                _gather_beside(numpy_view(sequence), part, column, *packed)
                column += sequence.shape[2]

        in_threads([partial(fill, part) for part in parts])
        sums = bias.repeat(len(inputs), 1)  # a copy even where it is one row
        add_product(inputs, weight, sums[:, len(bias) - len(weight) :])
        ctx.save_for_backward(mask, weight, inputs)
        ctx.parts = parts
        ctx.shapes = [sequence.shape for sequence in sequences]
        return sums

    @staticmethod
    def backward(ctx: Any, d_sums: Tensor) -> tuple[Tensor | None, ...]:
        mask, weight, inputs = ctx.saved_tensors
        d_made = d_sums[:, d_sums.shape[1] - len(weight) :].to(weight.dtype)
        d_inputs = mask.new_zeros(inputs.shape)
        add_product(d_made, weight.t(), d_inputs)
        packed = (numpy_view(mask), numpy_view(d_inputs))
        d_sequences = [inputs.new_empty(shape) for shape in ctx.shapes]

        def put_back(part: Part) -> None:
            column = 0
            for d_sequence in d_sequences:
                _scatter_beside(numpy_view(d_sequence), part, column, *packed)
                column += d_sequence.shape[2]

        in_threads([partial(put_back, part) for part in ctx.parts])
        d_weight = weight_gradient(d_made, inputs)
        return None, d_weight, bias_gradient(d_sums), None, *d_sequences


def packed_linear(
    sequences: list[Tensor], parts: list[Part], mask: Tensor | None, weight: Tensor, bias: Tensor
) -> Tensor:
    """Real steps of sequences (B, T, D_i) side by side, times mask (B, D), through a layer.

    D = Σ D_i. weight (O, D) and bias (P,), P ≥ O → (N, P), packed: the weight's part are the last
    columns, those before it are the bias alone. Under autocast the product runs in its dtype; the
    result has that of the weight.
    """
    of_products = product_dtype("cpu", weight.dtype)
    if mask is None:
        mask = weight.new_ones(len(sequences[0]), weight.shape[1])
    with torch.autocast("cpu", enabled=False):
        sums: Tensor = apply(
            _PackedLinear,
            mask.to(weight.dtype).contiguous(),
            weight.to(of_products),
            bias,
            parts,
            *(sequence.to(of_products).contiguous() for sequence in sequences),
        )
    return sums


class _Pad(torch.autograd.Function):
    """Packed (N, O) → padded (B, T, O), 0 at padding."""

    @staticmethod
    def forward(ctx: Any, packed: Tensor, parts: list[Part], rows: int, steps: int) -> Tensor:
        padded = packed.new_empty(rows, steps, packed.shape[1])
        given, made = numpy_view(packed), numpy_view(padded)
        in_threads([partial(scatter, given, part, made) for part in parts])
        ctx.parts = parts
        ctx.shape = packed.shape
        return padded

    @staticmethod
    def backward(ctx: Any, d_padded: Tensor) -> tuple[Tensor | None, ...]:
        d_packed = d_padded.new_empty(ctx.shape)
        given, made = numpy_view(d_padded.contiguous()), numpy_view(d_packed)
        in_threads([partial(gather, given, part, made) for part in ctx.parts])
        return d_packed, None, None, None


def padded_linear(
    sequences: list[Tensor],
    lengths: Tensor | None,
    mask: Tensor | None,
    weight: Tensor,
    bias: Tensor | None,
) -> Tensor:
    """`packed_linear`, padded again: (B, T, O), 0 at padding, in the dtype of products."""
    rows, steps = sequences[0].shape[:2]
    parts = pack_rows(sequences[0], lengths, torch.get_num_threads())
    if bias is None:
        bias = weight.new_zeros(len(weight))
    made = packed_linear(sequences, parts, mask, weight, bias)
    outputs: Tensor = apply(_Pad, made.to(product_dtype("cpu", weight.dtype)), parts, rows, steps)
    return outputs
