"""The recurrent encoder, in one direction or in both.

B batch, S source length, D size of the embeddings, H hidden size of a direction, M size of the
annotations: H for one direction and 2H for two, whose states stand side by side.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from novelgen.config import ModelConfig
from novelgen.models.dropout import VariationalDropout
from novelgen.models.initialization import reset_layers
from novelgen.models.recurrent import (
    State,
    layers_of,
    make_layers,
    read_both_to_end,
    read_to_end,
    reverse_by_length,
    token_mask,
)
from novelgen.models.zoo import annotation_size, present


class Encoded(NamedTuple):
    """What an encoder knows of the source."""

    annotations: Tensor  # (B, S, M): h_j, zero at padding
    is_token: Tensor  # (B, S) bool: True = real
    last: Tensor  # (B, M): the top layer's hidden state when everything is read
    states: State  # (B, M) each: the states of all layers then; cells too for the bridge "last"


class Encoder(nn.Module):
    """Reads the source: h_j = [→h_j; ←h_j] in both directions (Bahdanau et al., 2015, section 3.2).

    The backward direction is an ordinary layer over the source reversed within its length: nothing
    is packed, so shapes stay static, and the padding never touches a state that is used. A reversed
    source (Sutskever et al., 2014) is the same.
    """

    def __init__(self, config: ModelConfig) -> None:
        """The sizes are those of a resolved configuration."""
        super().__init__()
        cell = present(config.cell)
        size = present(config.encoder_size)  # H
        above = present(config.encoder_layers) - 1  # layers above the first
        input_sizes = [config.embedding_size] + [annotation_size(config)] * above
        self.forwards = make_layers(cell, input_sizes, size)
        self.backwards = nn.ModuleList()  # empty for one direction
        if config.bidirectional:
            self.backwards = make_layers(cell, input_sizes, size)
        self.dropout = VariationalDropout(config.dropout)
        self.reverse_source = present(config.reverse_source)
        # Whether a bridge reads the cells of LSTMs too.
        self.whole_states = config.bridge == "last"

    def reset_parameters(self) -> None:
        """Gives the layers of both directions their starting values."""
        reset_layers(self.forwards)
        reset_layers(self.backwards)

    def forward(self, embedded: Tensor, lengths: Tensor) -> Encoded:
        """Reads embedded (B, S, D), lengths (B,) ≥ 1; annotations keep the source's order."""
        is_token = token_mask(lengths, embedded.shape[1])  # (B, S)
        sequence = embedded
        if self.reverse_source:
            sequence = reverse_by_length(sequence, lengths)
        states: list[Tensor] = []
        ends: State = ()
        for number in range(len(self.forwards)):
            if number > 0:
                sequence = self.dropout(sequence)
            sequence, ends = self._read_layer(number, sequence, lengths)  # (B, S, M)
            states += ends
        if self.reverse_source:
            sequence = reverse_by_length(sequence, lengths)
        last = states[-len(ends)]  # (B, M): the hidden part of the top layer's state
        return Encoded(sequence, is_token, last, tuple(states))

    def _read_layer(self, number: int, below: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        """What layer `number` makes of the layer below: outputs (B, S, M) and last state."""
        forwards = layers_of(self.forwards)[number]
        if not self.backwards:
            return read_to_end(forwards, below, lengths, self.whole_states)
        backwards = layers_of(self.backwards)[number]
        return read_both_to_end(forwards, backwards, below, lengths, self.whole_states)
