"""Products of all steps at once: a linear layer of the real steps of padded rows, and gradients.

N real steps of all rows, as in `packed`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear, pad

from novelgen.models.kernels.api import product_dtype
from novelgen.models.kernels.packed import by_rows, numpy_view, pack_rows
from novelgen.models.kernels.products import multiply, pack_weight


def _whole_blocks(rows: Tensor) -> Tensor:
    """Rows (N, D) in bfloat16 with zeros behind them, to whole 256s.

    oneDNN keeps a compiled kernel, of 256 KiB, for every shape that it has met for as long as the
    process lives.
    """
    return pad(rows, (0, 0, 0, -len(rows) % 256))


def add_product(left: Tensor, weight: Tensor, out: Tensor) -> None:
    """Out (N, O) += left (N, I) · weightᵀ, for many rows, by all threads."""
    if weight.dtype == torch.bfloat16:
        out.add_(linear(_whole_blocks(left), weight)[: len(left)])
        return
    panels = pack_weight(weight, len(left))
    left_rows = numpy_view(left)
    out_rows = numpy_view(out)

    def run(first: int, last: int) -> None:
        multiply(left_rows[first:last], panels, out_rows[first:last])

    by_rows(run, len(left))


def weight_gradient(outputs: Tensor, inputs: Tensor) -> Tensor:
    """The gradient of a weight over all steps at once: (N, O), (N, I) → (O, I)."""
    if outputs.dtype == torch.bfloat16:
        return _whole_blocks(outputs).t() @ _whole_blocks(inputs)
    return outputs.t() @ inputs


def bias_gradient(outputs: Tensor) -> Tensor:
    """The gradient of a bias over all steps at once: (N, O) → (O,), not in bfloat16."""
    if outputs.dtype == torch.bfloat16:
        return outputs.sum(0, dtype=torch.float32)
    # As a product with ones it is limited by the memory alone.
    return outputs.new_ones(len(outputs)) @ outputs


class _PackedLinear(torch.autograd.Function):
    """`packed_linear` with its gradients."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Inputs and weight have the dtype of products, the bias that of sums."""
        sums = bias.repeat(len(inputs), 1)  # a copy even where it is one row
        add_product(inputs, weight, sums[:, len(bias) - len(weight) :])
        ctx.save_for_backward(inputs, weight)
        return sums

    @staticmethod
    def backward(ctx: Any, d_sums: Tensor) -> tuple[Tensor, ...]:
        inputs, weight = ctx.saved_tensors
        d_made = d_sums[:, d_sums.shape[1] - len(weight) :].to(weight.dtype)
        d_inputs = d_sums.new_zeros(inputs.shape)
        add_product(d_made, weight.t(), d_inputs)
        return d_inputs, weight_gradient(d_made, inputs), bias_gradient(d_sums)


def packed_linear(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Packed inputs (N, D) through a layer: weight (O, D) and bias (P,), P ≥ O → (N, P).

    The weight's part are the last columns, those before it are the bias alone. Under autocast the
    product runs in its dtype; the result has that of the weight.
    """
    of_products = product_dtype("cpu", weight.dtype)
    with torch.autocast("cpu", enabled=False):
        sums: Tensor = _PackedLinear.apply(inputs.to(of_products), weight.to(of_products), bias)
    return sums


def padded_linear(
    sequences: list[Tensor],
    lengths: Tensor | None,
    mask: Tensor | None,
    weight: Tensor,
    bias: Tensor | None,
) -> Tensor:
    """Real steps of sequences (B, T, D_i) side by side, times mask (B, Σ D_i), through a layer.

    weight (O, Σ D_i), bias (O,) → (B, T, O), 0 at padding, in the dtype of products.
    """
    rows = pack_rows(sequences[0], lengths, torch.get_num_threads())
    if bias is None:
        bias = weight.new_zeros(len(weight))
    of_products = product_dtype("cpu", weight.dtype)
    inputs = rows.pack(*(sequence.to(of_products) for sequence in sequences), mask=mask)
    return rows.pad(packed_linear(inputs, weight, bias).to(of_products))
