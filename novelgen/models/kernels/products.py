"""Products in a time loop: `matmul_numba`'s in float32 and float64, oneDNN's in bfloat16.

In compiled code `multiply` is the first. The same function, called from Python, takes a `OneDnn`
weight too: so a time loop is written once, and its Python runs where its products must be oneDNN's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numba.extending import overload
from torch import Tensor
from torch.nn.functional import linear, pad

from novelgen.models.kernels import matmul_numba, onednn
from novelgen.models.kernels.math_numba import compiled, widen
from novelgen.models.kernels.matmul_numba import COLUMNS
from novelgen.models.kernels.packed import Array, Part, in_threads, numpy_view


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
        # Padded to whole 16s: oneDNN keeps a compiled kernel for every shape that it has met.
        padded = pad(left, (0, 0, 0, -rows % 16))
        if self._packed is None:
            return linear(padded, self._weight)[:rows]
        made: Tensor = torch.ops.mkldnn._linear_pointwise(
            padded, self._packed, None, "none", [], None
        )
        return made[:rows]


def pack_weight(weight: Tensor, rows: int) -> Any:
    """A weight (N, K) as `multiply` takes it: panels (P, K, COLUMNS), or a OneDnn in bfloat16."""
    if weight.dtype == torch.bfloat16:
        return OneDnn(weight, rows)
    size, depth = weight.shape
    if not weight.t().is_contiguous():
        # As given or transposed: numba compiles once more for every other layout.
        weight = weight.contiguous()
    panels = np.empty((-(-size // COLUMNS), depth, COLUMNS), numpy_view(weight).dtype)
    matmul_numba.pack(numpy_view(weight), panels)
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
    # Slices, so that it is compiled once and not for every layout of left and out.
    return lambda left, weight, out: matmul_numba.multiply(left[:, 0:], weight, out[:, 0:])


@compiled
def _add(values, out):
    """Out (R, N) += values, bfloat16 as uint16."""
    for row in range(len(out)):
        for k in range(out.shape[1]):
            out[row, k] += widen(values[row, k])


def run_loop(loop: Any, parts: Sequence[Part], *runs: tuple[Any, ...]) -> None:
    """Runs a compiled time loop along the rows of every part, a thread each.

    A run is (weights, …): the loop gets these packed, then the part, then what else the run has,
    tuples of tensors as tuples of arrays. Several, the directions of a layer, run side by side.
    Where products are oneDNN's the loop's Python runs, else its machine code.
    """
    count = sum(len(part.rows) for part in parts)
    packing = [partial(pack_weight, weight, count) for weights, *_ in runs for weight in weights]
    packed = iter(in_threads(packing))
    tasks = []
    for weights, *others in runs:
        own = [next(packed) for _ in weights]
        run = loop.py_func if isinstance(own[0], OneDnn) else loop
        arrays = [_arrays(each) if isinstance(each, tuple) else each for each in others]
        tasks += [partial(run, *own, part, *arrays) for part in parts]
    in_threads(tasks)


def _arrays(tensors: Any) -> Any:
    """A named tuple of tensors as one of arrays."""
    return type(tensors)(*map(numpy_view, tensors))
