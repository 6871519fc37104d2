"""Decoders: how the state moves from one target token to the next, and what it reads of the source."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from novelgen.models.attention import AdditiveScore, attend
from novelgen.models.recurrent import LSTMCell, VariationalDropout


class Memory(NamedTuple):
    """What a source leaves behind; fixed while a target is written. Every field is batch first."""

    annotations: Tensor  # (B, S, M): h_j
    keys: Tensor  # (B, S, A): U h_j
    is_token: Tensor  # (B, S) bool: True = real


State = tuple[Tensor, ...]  # (B, H) each: hidden and cell of the first layer, then of the second, …


class BahdanauDecoder(nn.Module):
    """The decoder of Bahdanau, Cho and Bengio (2015), with LSTM cells.

    e_ij = vᵀ tanh(W s_{i-1} + U h_j);  α_i = softmax(e_i);  c_i = Σ_j α_ij h_j;  s_i = f(s_{i-1}, y_{i-1}, c_i);
    deep output: the readout t_i of s_i, c_i and y_{i-1}. Attention belongs to the first layer; further layers stand on it.
    """

    def __init__(self, embedding_size: int, memory_size: int, size: int, layers: int, attention_size: int,
                 dropout: float) -> None:
        super().__init__()
        self.score = AdditiveScore(size, memory_size, attention_size)
        self.cells = nn.ModuleList([LSTMCell(embedding_size + memory_size, size)]
                                   + [LSTMCell(size, size) for _ in range(layers - 1)])
        self.embedding_size = embedding_size
        self.readout = nn.Linear(size + memory_size + embedding_size, embedding_size)
        self.dropout = VariationalDropout(dropout)

    def remember(self, annotations: Tensor, is_token: Tensor) -> Memory:
        """annotations (B, S, M), is_token (B, S) → the memory that every step reads."""
        return Memory(annotations, self.score.keys(annotations), is_token)

    def _split_input(self) -> tuple[Tensor, Tensor]:
        """The first cell's input weights: the columns for y_{i-1} and those for c_i."""
        weight = self.cells[0].input.weight
        return weight[:, :self.embedding_size], weight[:, self.embedding_size:]

    def advance(self, gates: Tensor, memory: Memory, state: State) -> tuple[State, Tensor, Tensor]:
        """One step: gates (B, 4H), the share of y_{i-1} in the first cell → state, context (B, M), weights (B, S)."""
        hidden, cell = state[:2]
        context, weights = attend(self.score(hidden, memory.keys), memory.annotations, memory.is_token)
        gates = gates + nn.functional.linear(context, self._split_input()[1])
        hidden, cell = self.cells[0](gates, hidden, cell)
        moved = [hidden, cell]
        for layer, above in enumerate(self.cells[1:], start=1):
            hidden, cell = above(above.input(hidden), *state[2 * layer:2 * layer + 2])
            moved += [hidden, cell]
        return tuple(moved), context, weights

    def forward(self, embedded: Tensor, memory: Memory, state: State) -> tuple[Tensor, State, Tensor]:
        """Runs along y_0 … y_{T-1}: embedded (B, T, D) → readouts (B, T, D), the last state, weights (B, T, S)."""
        gates = nn.functional.linear(embedded, self._split_input()[0], self.cells[0].input.bias)
        hiddens, contexts, weights = [], [], []
        for step in gates.unbind(1):
            state, context, weight = self.advance(step, memory, state)
            hiddens.append(state[-2])
            contexts.append(context)
            weights.append(weight)
        seen = torch.cat([torch.stack(hiddens, 1), torch.stack(contexts, 1), embedded.to(hiddens[0].dtype)], dim=-1)
        return torch.tanh(self.readout(self.dropout(seen))), state, torch.stack(weights, 1)
