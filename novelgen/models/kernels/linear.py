"""A linear layer of the real steps of padded sequences, with what stands around it.

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
    scatter,
)
from novelgen.models.kernels.products import add_product, bias_gradient, weight_gradient


@compiled
def _gather_beside(padded, part, mask, column, packed):
    """Fills D columns of packed (N, …) from `column` on with padded (B, T, D) · mask (B, …)."""
    size = padded.shape[2]
    number = mask.dtype.type
    for t in range(len(part.offsets) - 1):
        for i in range(part.offsets[t + 1] - part.offsets[t]):
            row = part.rows[i]
            given, scale = padded[row, t], mask[row, column : column + size]
            made = packed[part.offsets[t] + i, column : column + size]
            for d in range(size):
                made[d] = narrow(number(widen(given[d])) * scale[d], packed)


@compiled
def _scatter_beside(packed, part, mask, column, padded):
    """Puts D columns of packed (N, …), times mask (B, …), into padded (B, T, D), 0 at padding."""
    size = padded.shape[2]
    for t in range(len(part.offsets) - 1):
        for i in range(part.offsets[t + 1] - part.offsets[t]):
            row = part.rows[i]
            made, scale = padded[row, t], mask[row, column : column + size]
            given = packed[part.offsets[t] + i, column : column + size]
            for d in range(size):
                made[d] = narrow(given[d] * scale[d], padded)
    clear_padding(part, padded)


class _PaddedLinear(torch.autograd.Function):
    """`padded_linear` with its gradients."""

    @staticmethod
    def forward(
        ctx: Any,
        mask: Tensor,
        weight: Tensor,
        bias: Tensor,
        parts: list[Part],
        *sequences: Tensor,
    ) -> Tensor:
        """Sequences and weight have the dtype of products, mask and bias that of sums."""
        rows, steps = sequences[0].shape[:2]
        inputs = weight.new_empty(int(parts[-1].offsets[-1]), weight.shape[1])

        def fill(part: Part) -> None:
            column = 0
            for sequence in sequences:
                arrays = (numpy_view(mask), column, numpy_view(inputs))
                _gather_beside(numpy_view(sequence), part, *arrays)
                column += sequence.shape[2]

        in_threads([partial(fill, part) for part in parts])
        made = bias.repeat(len(inputs), 1)  # a copy even where it is one row
        add_product(inputs, weight, made)
        made = made.to(weight.dtype)
        outputs = weight.new_empty(rows, steps, len(weight))
        in_threads(
            [partial(scatter, numpy_view(made), part, numpy_view(outputs)) for part in parts]
        )
        ctx.save_for_backward(mask, weight, inputs)
        ctx.parts = parts
        ctx.shapes = [sequence.shape for sequence in sequences]
        return outputs

    @staticmethod
    def backward(ctx: Any, d_outputs: Tensor) -> tuple[Tensor | None, ...]:
        mask, weight, inputs = ctx.saved_tensors
        parts: list[Part] = ctx.parts
        d_made = weight.new_empty(len(inputs), len(weight))
        given = numpy_view(d_outputs.contiguous())
        in_threads([partial(gather, given, part, numpy_view(d_made)) for part in parts])
        d_inputs = mask.new_zeros(inputs.shape)
        add_product(d_made, weight.t(), d_inputs)
        d_sequences = [inputs.new_empty(shape) for shape in ctx.shapes]

        def put_back(part: Part) -> None:
            column = 0
            for d_sequence in d_sequences:
                arrays = (numpy_view(mask), column, numpy_view(d_sequence))
                _scatter_beside(numpy_view(d_inputs), part, *arrays)
                column += d_sequence.shape[2]

        in_threads([partial(put_back, part) for part in parts])
        d_bias = bias_gradient(d_made)
        return None, weight_gradient(d_made, inputs), d_bias, None, *d_sequences


def padded_linear(
    sequences: list[Tensor],
    lengths: Tensor | None,
    mask: Tensor | None,
    weight: Tensor,
    bias: Tensor | None,
) -> Tensor:
    """Real steps of sequences (B, T, D_i) side by side, times mask (B, D), through a layer.

    D = Σ D_i. weight (out, D), bias (out,) → (B, T, out), 0 at padding.
    """
    of_products = product_dtype("cpu", weight.dtype)
    if mask is None:
        mask = weight.new_ones(len(sequences[0]), weight.shape[1])
    if bias is None:
        bias = weight.new_zeros(len(weight))
    with torch.autocast("cpu", enabled=False):
        outputs: Tensor = apply(
            _PaddedLinear,
            mask.to(weight.dtype).contiguous(),
            weight.to(of_products),
            bias,
            pack_rows(sequences[0], lengths, torch.get_num_threads()),
            *(sequence.to(of_products).contiguous() for sequence in sequences),
        )
    return outputs
