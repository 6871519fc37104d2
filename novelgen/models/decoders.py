"""What all decoders share, and the decoders without attention.

A decoder says how the state moves from one target token to the next, and what it reads of the
source. B batch, T target length, S source length, D size of the embeddings and of the readout,
H hidden size, M size of the annotations.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from novelgen.config import ModelConfig
from novelgen.models.attention import CoverageScore, make_score
from novelgen.models.dropout import VariationalDropout
from novelgen.models.encoder import Encoded
from novelgen.models.initialization import reset_layers, reset_linear
from novelgen.models.kernels.api import LoopMemory
from novelgen.models.recurrent import (
    State,
    layers_of,
    make_layers,
    read_to_end,
    run_layers,
)
from novelgen.models.zoo import annotation_size, present


class Decoder(nn.Module):
    """What every decoder has: `remember`, `begin`, and `forward` along a target.

    `forward` takes embedded (B, T, D), which are y_0 … y_{T-1}, the memory, the state, and the
    lengths (B,) of rows whose last steps need not be computed, as in `ConditionalLM.run`. It
    returns readouts (B, T, D), the state after the last of them, and attention weights (B, T, S),
    or (B, T, 0) from a decoder without attention.
    """

    def reset_parameters(self) -> None:
        """Gives all parameters their starting values."""
        raise NotImplementedError

    def remember(self, encoded: Encoded) -> tuple[Tensor, ...]:
        """The memory: what every step reads of the source, batch first."""
        raise NotImplementedError

    def begin(self, state: State, memory: tuple[Tensor, ...]) -> State:
        """The first state: that of the recurrent layers, unless a decoder's holds more."""
        del memory  # for the decoders whose state holds more
        return state


class AttendingDecoder(Decoder):
    """A decoder whose attention score is a module of its own.

    With a CoverageScore its state ends with what is covered (B, S).
    """

    def __init__(self, config: ModelConfig) -> None:
        """The sizes are those of a resolved configuration."""
        super().__init__()
        self.attention = make_score(config)
        self.dropout = VariationalDropout(config.dropout)

    def remember(self, encoded: Encoded) -> LoopMemory:
        """Annotations, their keys, which are computed once, and where real tokens are."""
        annotations = self.dropout(encoded.annotations)  # (B, S, M)
        keys = self.attention.keys(annotations)  # (B, S, K)
        return LoopMemory(annotations, keys, encoded.is_token)

    def begin(self, state: State, memory: tuple[Tensor, ...]) -> State:
        """The same state, and with coverage C_1 = 0: nothing is covered yet."""
        if not isinstance(self.attention, CoverageScore):
            return super().begin(state, memory)
        _, keys, is_token = LoopMemory(*memory)
        covered = keys.new_zeros(is_token.shape)  # (B, S)
        return (*state, covered)


class PlainDecoder(Decoder):
    """Sees the source through its first state alone (Sutskever, Vinyals and Le, 2014).

    s_t = f(s_{t-1}, y_{t-1})
    t_t = R s_t, the readout: tied to the embeddings E, the output layer is the product E R.
    """

    def __init__(self, config: ModelConfig) -> None:
        """The sizes are those of a resolved configuration."""
        super().__init__()
        size = config.decoder_size  # H
        input_sizes = [config.embedding_size] + [size] * (present(config.decoder_layers) - 1)
        self.layers = make_layers(present(config.cell), input_sizes, size)
        self.readout = nn.Linear(size, config.embedding_size, bias=False)  # R
        self.dropout = VariationalDropout(config.dropout)

    def reset_parameters(self) -> None:
        """As `Decoder.reset_parameters`."""
        reset_layers(self.layers)
        reset_linear(self.readout)

    def remember(self, encoded: Encoded) -> tuple[Tensor, ...]:
        """Nothing: an empty tuple."""
        del encoded  # its states alone are used, by the bridge
        return ()

    def forward(
        self,
        embedded: Tensor,
        memory: tuple[Tensor, ...],
        state: State,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State, Tensor]:
        """As `Decoder` says."""
        del memory  # it is empty
        between = [self.dropout] * len(self.layers)
        hiddens, state = run_layers(self.layers, embedded, state, between, lengths)  # s: (B, T, H)
        readouts = self.readout(self.dropout(hiddens))  # (B, T, D)
        return readouts, state, no_weights(embedded)

    def read(self, embedded: Tensor, lengths: Tensor) -> State:
        """Runs along padded rows (B, S, D) from zeros.

        Returns the state after each row's last token.
        """
        state: State = ()
        sequence = embedded
        for number, layer in enumerate(layers_of(self.layers)):
            if number > 0:
                sequence = self.dropout(sequence)
            sequence, last = read_to_end(layer, sequence, lengths, whole_state=True)  # (B, S, H)
            state += last
        return state


class EveryStepDecoder(Decoder):
    """One vector c of the source enters every step and the readout (Cho et al., 2014).

    c is the encoder's last state.
    s_t = f(s_{t-1}, y_{t-1}, c)
    t_t = tanh(R [s_t; c; y_{t-1}] + b), where they take the larger of two units.
    """

    def __init__(self, config: ModelConfig) -> None:
        """The sizes are those of a resolved configuration."""
        super().__init__()
        size = config.decoder_size  # H
        seen = config.embedding_size + annotation_size(config)  # of [y; c]
        input_sizes = [seen] + [size] * (present(config.decoder_layers) - 1)
        self.layers = make_layers(present(config.cell), input_sizes, size)
        self.readout = nn.Linear(size + seen, config.embedding_size)  # R, b
        self.dropout = VariationalDropout(config.dropout)

    def reset_parameters(self) -> None:
        """As `Decoder.reset_parameters`."""
        reset_layers(self.layers)
        reset_linear(self.readout)

    def remember(self, encoded: Encoded) -> tuple[Tensor, ...]:
        """The vector c (B, M) alone."""
        return (self.dropout(encoded.last.unsqueeze(1)).squeeze(1),)

    def forward(
        self,
        embedded: Tensor,
        memory: tuple[Tensor, ...],
        state: State,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State, Tensor]:
        """As `Decoder` says."""
        steps = embedded.shape[1]
        context = memory[0].unsqueeze(1).expand(-1, steps, -1)  # c: (B, T, M)
        inputs = torch.cat([embedded, context], dim=-1)  # [y_{t-1}; c]: (B, T, D + M)
        between = [self.dropout] * len(self.layers)
        hiddens, state = run_layers(self.layers, inputs, state, between, lengths)  # s: (B, T, H)
        joint = torch.cat([hiddens, context, embedded], dim=-1)  # (B, T, H + M + D)
        readouts = torch.tanh(self.readout(self.dropout(joint)))  # (B, T, D)
        return readouts, state, no_weights(embedded)


def no_weights(embedded: Tensor) -> Tensor:
    """The attention weights (B, T, 0) of a decoder without attention, for embedded (B, T, D)."""
    return embedded.new_zeros(*embedded.shape[:2], 0)
