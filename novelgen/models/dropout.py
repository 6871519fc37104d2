"""Dropout that stays the same along time, and dropout of weights.

B batch, T or S length, D size of what is dropped.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class VariationalDropout(nn.Module):
    """Dropout with one mask along a whole sequence (Gal and Ghahramani, 2016)."""

    def __init__(self, rate: float | None) -> None:
        """With None nothing is dropped: the rate is not chosen yet."""
        super().__init__()
        self.rate = rate or 0.0

    def forward(self, sequence: Tensor) -> Tensor:
        """A sequence (B, T, D) without some features, the same ones at every step of a row.

        The others are scaled by 1 / (1 − rate).
        """
        return self.once(sequence, sequence.shape[2])(sequence)

    def once(self, like: Tensor, width: int) -> Callable[[Tensor], Tensor]:
        """A function that drops with one mask, drawn here, however often it is called.

        It is for a sequence (B, T, width) that is made step by step; batch size, dtype and device
        are taken from `like` (B, …).
        """
        mask = self.mask(like, width)
        if mask is None:
            return lambda sequence: sequence
        return lambda sequence: sequence * mask

    def mask(self, like: Tensor, width: int) -> Tensor | None:
        """A new mask (B, 1, width), 0 or 1 / (1 − rate); None where nothing is dropped."""
        if not self.training or self.rate == 0:
            return None
        keep = 1 - self.rate
        return like.new_empty(like.shape[0], 1, width).bernoulli_(keep).div_(keep)


def drop_elements(weight: Tensor, rate: float) -> Tensor:
    """A weight with a share `rate` of its elements 0 and the others scaled by 1 / (1 − rate).

    What torch.nn.functional.dropout draws for every element takes 2 % of a training step on a CPU.
    Here four elements share a draw of 64 bits, so that the rate is one of 65,536.
    """
    draws = torch.empty(-(-weight.numel() // 4), dtype=torch.int64, device=weight.device)
    draws.random_(-(2**63), None)
    quarters = draws.view(torch.int16)[: weight.numel()].view_as(weight)
    is_kept = quarters >= round(rate * 2**16) - 2**15
    return weight * is_kept.to(weight.dtype).div_(1 - rate)
