"""Matrix products of packed weights: `matmul_numba`'s in float32 and float64, oneDNN's in bfloat16.

In compiled code `multiply` is the first. The same function, called from Python, takes a `OneDnn`
weight too: so a time loop is written once, and its Python runs where its products must be oneDNN's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numba.extending import overload
from torch import Tensor
from torch.nn.functional import linear, pad

from novelgen.models.kernels import matmul_numba, onednn
from novelgen.models.kernels.math_numba import compiled, widen
from novelgen.models.kernels.matmul_numba import COLUMNS
from novelgen.models.kernels.packed import Array, by_rows, numpy_view

# Rows of bfloat16 products are padded to multiples: oneDNN keeps a compiled kernel, of 256 KiB, for
# every shape that it has met for as long as the process lives.
_FEW_ROWS = 16
_MANY_ROWS = 256


class OneDnn:
    """A weight (N, K) in bfloat16, in the layout that oneDNN multiplies from where it has one.

    Measured on an EPYC with AVX512-bf16, a product of 17 rows is then 1.3 times as fast.
    """

    def __init__(self, weight: Tensor, rows: int) -> None:
        self._weight = weight
        self._packed: Tensor | None = None
        if onednn.packs_bfloat16():
            self._packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), rows)

    def product(self, left: Tensor) -> Tensor:
        """Left (R, K) → left · weightᵀ (R, N), in bfloat16."""
        rows = len(left)
        padded = pad(left, (0, 0, 0, -rows % _FEW_ROWS))
        if self._packed is None:
            return linear(padded, self._weight)[:rows]
        made: Tensor = torch.ops.mkldnn._linear_pointwise(
            padded, self._packed, None, "none", [], None
        )
        return made[:rows]


def pack(weight: Tensor, rows: int) -> Any:
    """A weight (N, K) as `multiply` takes it: panels (P, K, COLUMNS), or a OneDnn in bfloat16."""
    if weight.dtype == torch.bfloat16:
        return OneDnn(weight, rows)
    size, depth = weight.shape
    panels = np.empty((-(-size // COLUMNS), depth, COLUMNS), numpy_view(weight).dtype)
    if weight.stride(0) == 1 and weight.stride(1) != 1:
        matmul_numba.pack_transposed(numpy_view(weight.t()), panels)
    else:
        matmul_numba.pack(numpy_view(weight.contiguous()), panels)
    return panels


def multiply(left: Array, weight: Any, out: Array) -> None:
    """Out (R, N) += left (R, K) · weightᵀ of a packed weight (N, K).

    out is float32 or float64. left has the dtype of the weight, bfloat16 as uint16.
    """
    if not isinstance(weight, OneDnn):
        matmul_numba.multiply(left, weight, out)
        return
    made = weight.product(torch.from_numpy(left).view(torch.bfloat16))
    _add(numpy_view(made), out)


@overload(multiply)
def _multiply(left, weight, out):  # noqa: ARG001 -- numba compares the names of arguments
    return lambda left, weight, out: matmul_numba.multiply(left, weight, out)


@compiled
def _add(values, out):
    """Out (R, N) += values, bfloat16 as uint16."""
    for row in range(len(out)):
        for k in range(out.shape[1]):
            out[row, k] += widen(values[row, k])


def run_loop(loop: Any, weight: Any, *arguments: Any) -> Any:
    """A compiled time loop: as machine code, or its Python where the weight is oneDNN's."""
    if isinstance(weight, OneDnn):
        loop = loop.py_func
    return loop(weight, *arguments)


def add_product(left: Tensor, weight: Tensor, out: Tensor) -> None:
    """Out (N, O) += left (N, I) · weightᵀ, for many rows, by all threads."""
    if weight.dtype == torch.bfloat16:
        out.add_(in_few_shapes(lambda inputs: linear(inputs, weight), left))
        return
    panels = pack(weight, len(left))
    left_rows = numpy_view(left)
    out_rows = numpy_view(out)

    def run(first: int, last: int) -> None:
        multiply(left_rows[first:last], panels, out_rows[first:last])

    by_rows(run, len(left))


def weight_gradient(outputs: Tensor, inputs: Tensor) -> Tensor:
    """The gradient of a weight over all steps at once: (N, O), (N, I) → (O, I)."""
    if outputs.dtype == torch.bfloat16:
        rows = -len(outputs) % _MANY_ROWS
        outputs = pad(outputs, (0, 0, 0, rows))
        inputs = pad(inputs, (0, 0, 0, rows))
        return outputs.t() @ inputs
    gradient = outputs.new_empty(outputs.shape[1], inputs.shape[1])

    # Each thread a product of its own: measured, 1.15 times as fast as one by all of them.
    def run(first: int, last: int) -> None:
        torch.mm(outputs[:, first:last].t(), inputs, out=gradient[first:last])

    by_rows(run, len(gradient))
    return gradient


def bias_gradient(outputs: Tensor) -> Tensor:
    """The gradient of a bias over all steps at once: (N, O) → (O,), not in bfloat16."""
    if outputs.dtype == torch.bfloat16:
        return outputs.sum(0, dtype=torch.float32)
    # As a product with ones it is limited by the memory alone.
    return outputs.new_ones(len(outputs)) @ outputs


def in_few_shapes(layer: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """layer(inputs) of inputs (N, in), in bfloat16 with the rows padded to whole 256s."""
    rows = len(inputs)
    return layer(pad(inputs, (0, 0, 0, -rows % _MANY_ROWS)))[:rows]
