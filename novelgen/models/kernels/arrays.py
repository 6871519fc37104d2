"""Tensors as the compiled code sees them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def numpy_view(tensor: Tensor) -> npt.NDArray[Any]:
    """The same memory as a numpy array; bfloat16, which numpy lacks, as uint16."""
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.view(torch.uint16)
    return np.asarray(tensor.numpy())
