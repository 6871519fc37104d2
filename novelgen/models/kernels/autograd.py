"""What the hand-written autograd functions share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def own_gradient(gradient: Tensor | None, like: Tensor) -> Tensor:
    """A contiguous copy of a gradient, to be written to; zeros of the shape of `like` for None."""
    if gradient is None:
        return torch.zeros_like(like, memory_format=torch.contiguous_format)
    return gradient.clone(memory_format=torch.contiguous_format)


def apply(function: type[torch.autograd.Function], *inputs: object) -> Any:
    """`function.apply(*inputs)`, recorded for the backward pass."""
    return function.apply(*inputs)  # type: ignore[no-untyped-call]  # PyTorch leaves it untyped
