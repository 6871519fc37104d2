"""Attention scores, and attending with them over all of a target at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from novelgen.models.kernels.reference import LoopMemory as Memory


class DotScore(nn.Module):
    """e_ij = s_i · h_j (Luong et al., 2015, "dot"); state and annotations must be equally wide."""

    def __init__(self, query_size: int, memory_size: int, attention_size: int | None) -> None:
        super().__init__()

    def keys(self, annotations: Tensor) -> Tensor:
        """What is computed once of annotations (B, S, M): (B, S, K)."""
        return annotations

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Queries (B, T, H), keys (B, S, K) → scores (B, T, S)."""
        return queries @ keys.transpose(1, 2)


class GeneralScore(DotScore):
    """e_ij = s_iᵀ W h_j (Luong et al., 2015, "general")."""

    def __init__(self, query_size: int, memory_size: int, attention_size: int | None) -> None:
        super().__init__(query_size, memory_size, attention_size)
        self.key = nn.Linear(memory_size, query_size, bias=False)

    def keys(self, annotations: Tensor) -> Tensor:
        """W h_j: (B, S, H)."""
        return self.key(annotations)


class AdditiveScore(nn.Module):
    """e_ij = vᵀ tanh(W s_i + U h_j) (Bahdanau et al., 2015)."""

    def __init__(self, query_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__()
        self.key = nn.Linear(memory_size, attention_size, bias=False)
        self.query = nn.Linear(query_size, attention_size, bias=False)
        self.score = nn.Parameter(torch.empty(attention_size))

    def keys(self, annotations: Tensor) -> Tensor:
        """U h_j: (B, S, A)."""
        return self.key(annotations)

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Queries (B, T, H), keys (B, S, A) → scores (B, T, S)."""
        return torch.tanh(self.query(queries).unsqueeze(2) + keys.unsqueeze(1)) @ self.score


class CoverageScore(AdditiveScore):
    """e_ij = vᵀ tanh(W s_i + U h_j + w C_ij), where C_ij = Σ_{k<i} α_kj is the attention that h_j has had (Tu et al., 2016).

    Learnt by likelihood alone, without the penalty of See, Liu and Manning (2017), which they add when training is nearly over.
    """

    def __init__(self, query_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__(query_size, memory_size, attention_size)
        self.coverage = nn.Parameter(torch.zeros(attention_size))

    def forward(self, queries: Tensor, keys: Tensor, covered: Tensor) -> Tensor:
        """Queries (B, 1, H), keys (B, S, A), covered (B, S): C_i → scores (B, 1, S)."""
        return (
            torch.tanh(self.query(queries) + keys + covered.unsqueeze(2) * self.coverage)
            .matmul(self.score)
            .unsqueeze(1)
        )


class ConcatScore(nn.Module):
    """e_ij = vᵀ tanh(W [s_i; h_j]) (Luong et al., 2015, "concat"): the additive score with W and U as one matrix."""

    def __init__(self, query_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__()
        self.both = nn.Linear(query_size + memory_size, attention_size, bias=False)
        self.score = nn.Parameter(torch.empty(attention_size))
        self.query_size = query_size

    def keys(self, annotations: Tensor) -> Tensor:
        """The share of h_j in W [s_i; h_j]: (B, S, A)."""
        return nn.functional.linear(annotations, self.both.weight[:, self.query_size :])

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Queries (B, T, H), keys (B, S, A) → scores (B, T, S)."""
        moved = nn.functional.linear(queries, self.both.weight[:, : self.query_size])
        return torch.tanh(moved.unsqueeze(2) + keys.unsqueeze(1)) @ self.score


SCORES = {
    "additive": AdditiveScore,
    "dot": DotScore,
    "general": GeneralScore,
    "concat": ConcatScore,
}


def attend(
    score: nn.Module, queries: Tensor, memory: Memory, *covered: Tensor
) -> tuple[Tensor, Tensor]:
    """α_i = softmax(e_i) over real positions, c_i = Σ_j α_ij h_j: queries (B, T, H) → contexts (B, T, M), α (B, T, S).

    A CoverageScore is told what is covered (B, S), and T is 1.
    """
    scores = score(queries, memory.keys, *covered).masked_fill(
        ~memory.is_token.unsqueeze(1), -torch.inf
    )
    weights = torch.softmax(scores, dim=-1)
    return weights @ memory.annotations, weights
