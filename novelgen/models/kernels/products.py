"""Products with one weight again and again, as a time loop makes them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import linear

Product = Callable[[Tensor], Tensor]


def product(weight: Tensor, rows: int) -> Product:
    """x (rows, in) → x weightᵀ (rows, out), of a weight (out, in) on a CPU that will not change; without gradients.

    The layout that the hardware multiplies from is made once here and not at every product: measured on an AVX512-bf16 EPYC, a
    bfloat16 product of 17 rows is then 1.3 times as fast, of 64 rows 1.1 times.
    """
    if weight.dtype == torch.bfloat16 and _can_pack():
        packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), rows)
        return lambda inputs: torch.ops.mkldnn._linear_pointwise(inputs, packed, None, "none", [], None)
    return lambda inputs: linear(inputs, weight)


def _can_pack() -> bool:
    """Whether this PyTorch has oneDNN and its packed products, which are not part of the documented interface."""
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
