"""Decoders: how the state moves from one target token to the next, and what it reads of the source."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from novelgen.models.kernels import manual
from novelgen.models.kernels.reference import LoopMemory as Memory
from novelgen.models.kernels.reference import LoopWeights
from novelgen.models.recurrent import VariationalDropout, run_lstm

State = tuple[Tensor, ...]  # (B, H) each: hidden and cell of the first layer, then of the second, …


class BahdanauDecoder(nn.Module):
    """The decoder of Bahdanau, Cho and Bengio (2015), with LSTM cells.

    e_ij = vᵀ tanh(W s_{i-1} + U h_j);  α_i = softmax(e_i);  c_i = Σ_j α_ij h_j;  s_i = f(s_{i-1}, y_{i-1}, c_i);
    then the readout t_i of s_i, c_i and y_{i-1} (their "deep output"). Attention belongs to the first layer; further layers are
    ordinary LSTMs on top of it.
    """

    def __init__(self, embedding_size: int, memory_size: int, size: int, layers: int, attention_size: int,
                 dropout: float) -> None:
        super().__init__()
        self.key = nn.Linear(memory_size, attention_size, bias=False)
        self.query = nn.Linear(size, attention_size, bias=False)
        self.score = nn.Parameter(torch.empty(attention_size))
        self.token = nn.Linear(embedding_size, 4 * size)
        self.context = nn.Linear(memory_size, 4 * size, bias=False)
        self.recurrent = nn.Linear(size, 4 * size, bias=False)
        self.upper = nn.ModuleList(nn.LSTM(size, size, batch_first=True) for _ in range(layers - 1))
        self.readout = nn.Linear(size + memory_size + embedding_size, embedding_size)
        self.dropout = VariationalDropout(dropout)
        self.loop = manual.attention_loop

    def remember(self, annotations: Tensor, is_token: Tensor) -> Memory:
        """annotations (B, S, M), is_token (B, S) bool → the memory that every step reads; U h_j is computed once."""
        return Memory(annotations, self.key(annotations), is_token)

    def forward(self, embedded: Tensor, memory: Memory, state: State) -> tuple[Tensor, State, Tensor]:
        """Runs along y_0 … y_{T-1}: embedded (B, T, D) → readouts (B, T, D), the last state, weights (B, T, S)."""
        weights = LoopWeights(self.query.weight, self.score, self.recurrent.weight, self.context.weight)
        hiddens, cell, contexts, alphas = self.loop(self.token(embedded), memory, *state[:2], weights)
        moved = [hiddens[:, -1], cell]
        for layer, upper in enumerate(self.upper, start=1):
            first = [x.unsqueeze(0).contiguous() for x in state[2 * layer:2 * layer + 2]]
            hiddens, last = run_lstm(upper, self.dropout(hiddens), tuple(first))
            moved += [x.squeeze(0) for x in last]
        seen = torch.cat([hiddens, contexts, embedded], dim=-1)
        return torch.tanh(self.readout(self.dropout(seen))), tuple(moved), alphas
