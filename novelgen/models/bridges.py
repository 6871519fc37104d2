"""Bridges: how what the encoder read becomes the decoder's first state.

B batch, M size of the annotations, H size of the decoder.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from novelgen.config import ModelConfig
from novelgen.models.encoder import Encoded
from novelgen.models.recurrent import STATE_PARTS, State
from novelgen.models.zoo import annotation_size, present


class Bridge(nn.Module):
    """Makes the decoder's first state of what an encoder knows: `forward(encoded)`."""

    def __init__(self, config: ModelConfig) -> None:
        """The sizes are those of a resolved configuration."""
        del config  # for the bridges that have parameters
        super().__init__()

    def reset_parameters(self) -> None:
        """Gives the starting values; a bridge without parameters has none."""


class LastBridge(Bridge):
    """The encoder's last states as they are, layer by layer (Sutskever et al., 2014)."""

    def forward(self, encoded: Encoded) -> State:
        """All parts (B, M) of all layers, cells too; M must be the decoder's size."""
        return encoded.states


class ProjectedBridge(Bridge):
    """tanh(V h + b) of the top layer's last state h (Cho et al., 2014).

    Bahdanau et al. (2015) do so with the states of both directions.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        # How many tensors (B, H) the decoder's state has.
        self.parts = present(config.decoder_layers) * STATE_PARTS[present(config.cell)]
        # Parameters of the bridge itself: in saved files they are bridge.weight and bridge.bias.
        projection = nn.Linear(annotation_size(config), self.parts * config.decoder_size)
        self.weight = projection.weight  # V: (parts · H, M)
        self.bias = projection.bias  # b: (parts · H,)

    def reset_parameters(self) -> None:
        """Gives V and b their starting values."""
        nn.init.xavier_uniform_(self.weight)
        nn.init.zeros_(self.bias)

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


BRIDGES: dict[str, type[Bridge]] = {
    "last": LastBridge,
    "projected": ProjectedBridge,
    "mean": MeanBridge,
}
