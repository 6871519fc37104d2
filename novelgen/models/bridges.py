"""Bridges: how what the encoder read becomes the decoder's first state.

B batch, M size of the annotations, H size of the decoder.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from novelgen.models.encoder import Encoded
from novelgen.models.recurrent import State


class LastBridge(nn.Module):
    """The encoder's last states as they are, layer by layer (Sutskever et al., 2014)."""

    def forward(self, encoded: Encoded) -> State:
        """All parts (B, M) of all layers, cells too; M must be the decoder's size."""
        return encoded.states


class ProjectedBridge(nn.Module):
    """tanh(V h + b) of the top layer's last state h (Cho et al., 2014).

    Bahdanau et al. (2015) do so with the states of both directions.
    """

    def __init__(self, memory_size: int, size: int, parts: int) -> None:
        """`parts` is how many tensors (B, H) the decoder's state has."""
        super().__init__()
        self.parts = parts
        # Parameters of the bridge itself: in saved files they are bridge.weight and bridge.bias.
        projection = nn.Linear(memory_size, parts * size)
        self.weight = projection.weight  # V: (parts · H, M)
        self.bias = projection.bias  # b: (parts · H,)

    def forward(self, encoded: Encoded) -> State:
        """The parts (B, H) of all layers' states."""
        projected = linear(self.summary(encoded), self.weight, self.bias)  # (B, parts · H)
        return torch.tanh(projected).chunk(self.parts, dim=-1)

    def summary(self, encoded: Encoded) -> Tensor:
        """h, what is transformed: (B, M)."""
        return encoded.last


class MeanBridge(ProjectedBridge):
    """tanh(V h + b) of the mean h of all annotations (Sennrich et al., 2017)."""

    def summary(self, encoded: Encoded) -> Tensor:
        """The mean over real positions (B, M); annotations are zero at the others."""
        return encoded.annotations.sum(1) / encoded.is_token.sum(1, keepdim=True)
