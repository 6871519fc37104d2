"""The decoder of Luong, Pham and Manning (2015): attention from h_t, after the cell.

B batch, T target length, S source length, D size of the embeddings and of the readout, H hidden
size, M size of the annotations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from novelgen.config import ModelConfig
from novelgen.models.attention import DotScore, GeneralScore, attend
from novelgen.models.decoders import AttendingDecoder
from novelgen.models.initialization import reset_layers, reset_linear
from novelgen.models.kernels import api
from novelgen.models.kernels.api import FeedingWeights, LoopMemory
from novelgen.models.recurrent import (
    STATE_PARTS,
    State,
    layer_weights,
    layers_of,
    make_layers,
    run_layers,
)
from novelgen.models.zoo import annotation_size, present


class _Dropouts(NamedTuple):
    """Dropout with masks that stay the same for all steps of a target."""

    between: list[Callable[[Tensor], Tensor]]  # of what the second, the third, … layer reads
    joint: Callable[[Tensor], Tensor]  # of [c_t; h_t]


class LuongDecoder(AttendingDecoder):
    """The global attention of Luong, Pham and Manning (2015), after the recurrent layers.

    h_t = f(h_{t-1}, y_{t-1})
    α_t = softmax(score(h_t, h̄_s)), h̄_s being the annotations
    c_t = Σ_s α_ts h̄_s
    h̃_t = tanh(W [c_t; h_t]), the readout

    With input feeding f reads [y_{t-1}; h̃_{t-1}], and h̃ is part of the state. Without it and
    without coverage, all T steps run at once.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        cell = present(config.cell)
        size = config.decoder_size  # H
        width = config.embedding_size  # D
        layers = present(config.decoder_layers)
        self.input_feeding = present(config.input_feeding)
        lowest = width * (1 + self.input_feeding)  # inputs of the lowest layer
        self.layers = make_layers(cell, [lowest] + [size] * (layers - 1), size)
        self.readout = nn.Linear(annotation_size(config) + size, width, bias=False)  # W
        self.parts = STATE_PARTS[cell] * layers

    def reset_parameters(self) -> None:
        """As `Decoder.reset_parameters`."""
        self.attention.reset_parameters()
        reset_layers(self.layers)
        reset_linear(self.readout)

    def begin(self, state: State, memory: tuple[Tensor, ...]) -> State:
        """The layers' state, h̃_0 = 0 (B, D) with input feeding, and C_1 = 0 with coverage."""
        if self.input_feeding:
            fed = state[0].new_zeros(len(state[0]), self.readout.out_features)
            state = (*state, fed)
        return super().begin(state, memory)

    def forward(
        self,
        embedded: Tensor,
        memory: tuple[Tensor, ...],
        state: State,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State, Tensor]:
        """As `Decoder` says."""
        loop_memory = LoopMemory(*memory)
        if self._has_compiled_loop(embedded):
            return self._run_compiled_loop(embedded, lengths, loop_memory, state)
        # Drawn here, once: a mask of its own for every step would not be variational.
        dropouts = _Dropouts(
            between=[
                self.dropout.once(embedded, layer.input_size)
                for layer in layers_of(self.layers)[1:]
            ],
            joint=self.dropout.once(embedded, self.readout.in_features),
        )
        if len(state) > self.parts:
            return self._run_step_by_step(embedded, loop_memory, state, dropouts)
        # The state is that of the layers alone: no step reads what the attention gave before.
        return self._advance(embedded, loop_memory, state, (), dropouts)

    def _advance(
        self,
        inputs: Tensor,
        memory: LoopMemory,
        state: State,
        covered: State,
        dropouts: _Dropouts,
    ) -> tuple[Tensor, State, Tensor]:
        """One or more steps from what the lowest layer reads (B, T, D or 2D).

        Returns readouts h̃ (B, T, D), the layers' last state, weights α (B, T, S).
        """
        hiddens, state = run_layers(self.layers, inputs, state, dropouts.between)  # h: (B, T, H)
        contexts, alphas = attend(self.attention, hiddens, memory, *covered)  # c: (B, T, M)
        joint = dropouts.joint(torch.cat([contexts, hiddens], dim=-1))  # (B, T, M + H)
        return torch.tanh(self.readout(joint)), state, alphas

    def _run_step_by_step(
        self, embedded: Tensor, memory: LoopMemory, state: State, dropouts: _Dropouts
    ) -> tuple[Tensor, State, Tensor]:
        """`forward` where a step reads the readout or the weights of the steps before."""
        # 1. The state: that of the layers, h̃_{t-1} where it is fed, and what is covered.
        inner = state[: self.parts]
        extra = state[self.parts :]
        fed = extra[: self.input_feeding]  # one tensor or none
        covered = extra[self.input_feeding :]

        # 2. Step by step.
        steps: list[tuple[Tensor, Tensor]] = []
        for token in torch.split(embedded, 1, dim=1):  # y_{t-1}: (B, 1, D)
            inputs = torch.cat([token, *(readout.unsqueeze(1) for readout in fed)], dim=-1)
            readout, inner, alpha = self._advance(inputs, memory, inner, covered, dropouts)
            fed = tuple(readout.squeeze(1) for _ in fed)  # h̃_t: (B, D)
            covered = tuple(before + alpha.squeeze(1) for before in covered)  # (B, S)
            steps.append((readout, alpha))

        # 3. All steps together: (B, T, D) and (B, T, S).
        readouts, alphas = (torch.cat(parts, dim=1) for parts in zip(*steps, strict=True))
        return readouts, (*inner, *fed, *covered), alphas

    def _has_compiled_loop(self, embedded: Tensor) -> bool:
        """Whether `api` has a compiled loop for this decoder's parts, and it pays.

        It does not for a single step (B, 1, D).
        """
        is_one_lstm = len(self.layers) == 1 and isinstance(self.layers[0], nn.LSTM)
        return (
            is_one_lstm
            and self.input_feeding
            # A subclass would have an equation of its own, which the loop does not know.
            and type(self.attention) in (DotScore, GeneralScore)
            and embedded.shape[1] > 1
            and api.is_fast(embedded.device)
        )

    def _run_compiled_loop(
        self, embedded: Tensor, lengths: Tensor | None, memory: LoopMemory, state: State
    ) -> tuple[Tensor, State, Tensor]:
        """`forward` by the compiled loop: one LSTM with input feeding and no coverage."""
        hidden, cell, fed = state  # h_0, its cell (B, H), and h̃_0 (B, D)
        mask = self.dropout.mask(embedded, self.readout.in_features)  # (B, 1, M + H)
        if mask is not None:
            mask = mask.squeeze(1)

        weight_ih, weight_hh, bias_ih, bias_hh = layer_weights(layers_of(self.layers)[0])
        columns = [embedded.shape[2], self.readout.out_features]
        of_token, of_fed = torch.split(weight_ih, columns, dim=1)  # (4H, D) each
        weights = FeedingWeights(
            of_token, bias_ih + bias_hh, weight_hh, of_fed, self.readout.weight
        )
        looped = api.input_feeding_loop(embedded, lengths, memory, hidden, cell, fed, mask, weights)
        last_state = (looped.hidden, looped.cell, looped.readouts[:, -1])
        return looped.readouts, last_state, looped.weights
