"""Attention scores: how well a query fits each position of the source."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AdditiveScore(nn.Module):
    """The alignment model of Bahdanau et al. (2015), section A.1.2: e_ij = vᵀ tanh(W s_{i-1} + U h_j).

    U h_j does not depend on the step, so it is computed once per source (`keys`).
    """

    def __init__(self, query_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__()
        self.query = nn.Linear(query_size, attention_size, bias=False)
        self.key = nn.Linear(memory_size, attention_size, bias=False)
        self.score = nn.Linear(attention_size, 1, bias=False)

    def keys(self, annotations: Tensor) -> Tensor:
        """U h_j: (B, S, memory_size) → (B, S, A)."""
        return self.key(annotations)

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        """Scores e_i of one step: query s_{i-1} (B, query_size), keys (B, S, A) → (B, S)."""
        return self.score(torch.tanh(self.query(query).unsqueeze(1) + keys)).squeeze(-1)


def attend(scores: Tensor, annotations: Tensor, is_token: Tensor) -> tuple[Tensor, Tensor]:
    """α = softmax(e) over the real positions and the context c = Σ_j α_j h_j.

    scores (B, S), annotations (B, S, M), is_token (B, S) bool, True = real → context (B, M), weights (B, S).
    Padding gets a weight of exactly zero. Every row must have at least one real position.
    """
    weights = torch.softmax(scores.masked_fill(~is_token, -torch.inf), dim=-1)
    return torch.bmm(weights.unsqueeze(1), annotations).squeeze(1), weights
