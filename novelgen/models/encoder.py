"""The recurrent encoder, in one direction or in both.

B batch, S source length, D size of the embeddings, H hidden size of a direction, M size of the
annotations: H for one direction and 2H for two, whose states stand side by side.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from novelgen.config import ModelConfig
from novelgen.models.initialization import reset_layers
from novelgen.models.recurrent import (
    State,
    VariationalDropout,
    layers_of,
    make_layers,
    read_to_end,
    reverse_by_length,
    token_mask,
)
from novelgen.models.zoo import present


class Encoded(NamedTuple):
    """What an encoder knows of the source."""

    annotations: Tensor  # (B, S, M): h_j, zero at padding
    is_token: Tensor  # (B, S) bool: True = real
    last: Tensor  # (B, M): the top layer's hidden state when everything is read
    states: State  # (B, M) each: the states of all layers then; cells too with `whole_states`


class Encoder(nn.Module):
    """Reads the source: h_j = [→h_j; ←h_j] in both directions (Bahdanau et al., 2015, section 3.2).

    The backward direction is an ordinary layer over the source reversed within its length: nothing
    is packed, so shapes stay static, and the padding never touches a state that is used. A reversed
    source (Sutskever et al., 2014) is the same.
    """

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        layers: int,
        dropout: float,
        *,
        bidirectional: bool,
        reverse_source: bool = False,
        whole_states: bool = False,
    ) -> None:
        """With `whole_states`, `Encoded.states` holds the cells of LSTMs too."""
        super().__init__()
        memory_size = hidden_size * (1 + bidirectional)  # M
        input_sizes = [input_size] + [memory_size] * (layers - 1)
        self.forwards = make_layers(cell, input_sizes, hidden_size)
        self.backwards = nn.ModuleList()  # empty for one direction
        if bidirectional:
            self.backwards = make_layers(cell, input_sizes, hidden_size)
        self.dropout = VariationalDropout(dropout)
        self.reverse_source = reverse_source
        self.whole_states = whole_states

    @classmethod
    def from_config(cls, config: ModelConfig) -> Encoder:
        """The encoder of a resolved configuration."""
        return cls(
            present(config.cell),
            config.embedding_size,
            present(config.encoder_size),
            present(config.encoder_layers),
            config.dropout,
            bidirectional=present(config.bidirectional),
            reverse_source=present(config.reverse_source),
            whole_states=config.bridge == "last",
        )

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
        annotations = sequence.masked_fill(~is_token.unsqueeze(-1), 0.0)  # (B, S, M)
        last = states[-len(ends)]  # (B, M): the hidden part of the top layer's state
        return Encoded(annotations, is_token, last, tuple(states))

    def _read_layer(self, number: int, below: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        """What layer `number` makes of the layer below: outputs (B, S, M) and last state."""
        forwards = layers_of(self.forwards)[number]
        ahead, ends = read_to_end(forwards, below, lengths, self.whole_states)  # →h: (B, S, H)
        if not self.backwards:
            return ahead, ends
        backwards = layers_of(self.backwards)[number]
        reversed_below = reverse_by_length(below, lengths)
        behind, ends_behind = read_to_end(backwards, reversed_below, lengths, self.whole_states)
        behind = reverse_by_length(behind, lengths)  # ←h: (B, S, H)
        outputs = torch.cat([ahead, behind], dim=-1)  # [→h; ←h]: (B, S, M)
        pairs = zip(ends, ends_behind, strict=True)
        return outputs, tuple(torch.cat(pair, dim=-1) for pair in pairs)  # (B, M) each
