"""Bridges: how what the encoder read becomes the decoder's first state."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from novelgen.models.recurrent import Encoded, State


class LastBridge(nn.Module):
    """The encoder's last states as they are, hidden and cell, layer by layer (Sutskever et al., 2014)."""

    def forward(self, encoded: Encoded) -> State:
        """All parts (B, M) of all layers; M must be the decoder's size."""
        return encoded.states


class ProjectedBridge(nn.Linear):
    """tanh(V h + b) of the top layer's last state (Cho et al., 2014; Bahdanau et al., 2015, of both directions)."""

    def __init__(self, memory_size: int, size: int, parts: int) -> None:
        super().__init__(memory_size, parts * size)
        self.parts = parts

    def forward(self, encoded: Encoded) -> State:
        """The parts (B, H) of all layers' states."""
        return torch.tanh(super().forward(self.summary(encoded))).chunk(self.parts, dim=-1)

    def summary(self, encoded: Encoded) -> Tensor:
        """What is transformed: (B, M)."""
        return encoded.last


class MeanBridge(ProjectedBridge):
    """tanh(V h + b) of the mean of all annotations (Sennrich et al., 2017)."""

    def summary(self, encoded: Encoded) -> Tensor:
        """The mean over real positions; annotations are zero at the others."""
        return encoded.annotations.sum(1) / encoded.is_token.sum(1, keepdim=True)
