"""The time loop as the paper writes it; autograd derives its gradients."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class LoopWeights(NamedTuple):
    """What the loop of Bahdanau et al. (2015) multiplies with. A attention size, H hidden size, M memory size."""

    query: Tensor  # (A, H): W
    score: Tensor  # (A,): v
    recurrent: Tensor  # (4H, H)
    context: Tensor  # (4H, M)


class LoopMemory(NamedTuple):
    """The source as the loop reads it."""

    annotations: Tensor  # (B, S, M): h_j
    keys: Tensor  # (B, S, A): U h_j
    is_token: Tensor  # (B, S) bool: True = real


class LoopOutput(NamedTuple):
    """Everything that the loop leaves, batch first."""

    hiddens: Tensor  # (B, T, H): s_1 … s_T
    cell: Tensor  # (B, H): the last cell
    contexts: Tensor  # (B, T, M): c_1 … c_T
    weights: Tensor  # (B, T, S): α_1 … α_T


def lstm_step(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Gates (B, 4H) before their squashing, in torch.nn.LSTM's order i, f, g, o; cell (B, H) → hidden and cell."""
    i, f, g, o = gates.chunk(4, dim=-1)
    cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(cell), cell


def attention_loop(gates: Tensor, memory: LoopMemory, hidden: Tensor, cell: Tensor, weights: LoopWeights) -> LoopOutput:
    """Runs s_i = f(s_{i-1}, y_{i-1}, c_i) along a target.

    e_ij = vᵀ tanh(W s_{i-1} + U h_j);  α_i = softmax(e_i) over real positions;  c_i = Σ_j α_ij h_j.
    gates (B, T, 4H): the share of y_{i-1} in the cell's gates, biases included; hidden and cell (B, H): s_0.
    """
    linear = nn.functional.linear
    hiddens, contexts, alphas = [], [], []
    for step in gates.unbind(1):
        query = linear(hidden, weights.query)
        scores = torch.tanh(query.unsqueeze(1) + memory.keys) @ weights.score
        alpha = torch.softmax(scores.masked_fill(~memory.is_token, -torch.inf), dim=-1)
        context = torch.bmm(alpha.unsqueeze(1), memory.annotations).squeeze(1)
        hidden, cell = lstm_step(step + linear(context, weights.context) + linear(hidden, weights.recurrent), cell)
        hiddens.append(hidden)
        contexts.append(context)
        alphas.append(alpha)
    return LoopOutput(torch.stack(hiddens, 1), cell, torch.stack(contexts, 1), torch.stack(alphas, 1))
