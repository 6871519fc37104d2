"""Which of the time loops runs where."""

from __future__ import annotations

import logging
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from novelgen.models.kernels import manual
from novelgen.models.kernels.reference import FeedingOutput, FeedingWeights, LoopMemory, LoopOutput, LoopWeights


@lru_cache(maxsize=1)
def is_compiled() -> bool:
    """Whether numba is here and can compile for this CPU; where it cannot, one line in the log says so."""
    try:
        from novelgen.models.kernels import compiled

        compiled.tanh(1.0)
    except Exception as error:  # whatever is wrong with numba or LLVM, the loops that need neither are there
        logging.getLogger(__name__).warning("numba 用不了，改用较慢的实现 | numba cannot be used, the slower loops run: %s", error)
        return False
    return True


def array(tensor: Tensor) -> np.ndarray:
    """The same memory as numpy sees it; bfloat16 as uint16."""
    tensor = tensor.detach()
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def attention_loop(gates: Tensor, memory: LoopMemory, hidden: Tensor, cell: Tensor, weights: LoopWeights) -> LoopOutput:
    """`reference.attention_loop` by the fastest means there are on the tensors' device."""
    if gates.device.type == "cpu" and is_compiled():
        from novelgen.models.kernels import cpu

        return cpu.attention_loop(gates, memory, hidden, cell, weights)
    return manual.attention_loop(gates, memory, hidden, cell, weights)


def has_feeding_loop(device: torch.device) -> bool:
    """Whether `feeding_loop` runs there."""
    return device.type == "cpu" and is_compiled()


def feeding_loop(gates: Tensor, memory: LoopMemory, hidden: Tensor, cell: Tensor, fed: Tensor, drop: Tensor | None,
                 weights: FeedingWeights) -> FeedingOutput:
    """`reference.feeding_loop`, fast, where `has_feeding_loop`."""
    from novelgen.models.kernels import feeding

    return feeding.feeding_loop(gates, memory, hidden, cell, fed, drop, weights)
