"""Attention scores, and attending with them over all of a target at once.

B batch, T target length, S source length, H size of the queries, M size of the annotations,
A hidden units of a score that has a hidden layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from novelgen.config import ModelConfig
from novelgen.models.initialization import reset_linear, reset_score_vector
from novelgen.models.kernels.api import LoopMemory
from novelgen.models.zoo import annotation_size, present


def query_size(config: ModelConfig) -> int:
    """The size of the queries of a resolved configuration: of a state, or a state and a token."""
    if config.token_in_query:
        return config.decoder_size + config.embedding_size
    return config.decoder_size


class AttentionScore(nn.Module):
    """e_ij, how well annotation h_j fits query s_i.

    `keys` is what depends on the annotations alone, computed once for each source. `forward` takes
    queries (B, T, H) and these keys (B, S, K), and returns scores (B, T, S).
    """

    def __init__(self, config: ModelConfig) -> None:
        """The sizes are those of a resolved configuration."""
        super().__init__()
        self.query_size = query_size(config)  # H
        self.memory_size = annotation_size(config)  # M

    def reset_parameters(self) -> None:
        """Gives the starting values; a score without parameters has none."""

    def keys(self, annotations: Tensor) -> Tensor:
        """What is computed once of annotations (B, S, M): (B, S, K)."""
        raise NotImplementedError


class DotScore(AttentionScore):
    """e_ij = s_i · h_j (Luong et al., 2015, "dot"), of queries as wide as annotations."""

    def keys(self, annotations: Tensor) -> Tensor:
        """The annotations (B, S, M) as they are."""
        return annotations

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Scores (B, T, S) of queries (B, T, H) and keys (B, S, H)."""
        return queries @ keys.transpose(1, 2)


class GeneralScore(DotScore):
    """e_ij = s_iᵀ W h_j (Luong et al., 2015, "general"): the dot product with W h_j."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.key = nn.Linear(self.memory_size, self.query_size, bias=False)  # W

    def reset_parameters(self) -> None:
        """Gives W its starting values."""
        reset_linear(self.key)

    def keys(self, annotations: Tensor) -> Tensor:
        """W h_j (B, S, H) of annotations (B, S, M)."""
        keys: Tensor = self.key(annotations)
        return keys


class _AdditiveParts(AttentionScore):
    """W, U and v, which the additive score has with and without coverage."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        attention_size = present(config.attention_size)  # A
        self.key = nn.Linear(self.memory_size, attention_size, bias=False)  # U
        self.query = nn.Linear(self.query_size, attention_size, bias=False)  # W
        self.score = nn.Parameter(torch.empty(attention_size))  # v

    def reset_parameters(self) -> None:
        """Gives v, U and W their starting values."""
        reset_score_vector(self.score)
        reset_linear(self.key)
        reset_linear(self.query)

    def keys(self, annotations: Tensor) -> Tensor:
        """U h_j (B, S, A) of annotations (B, S, M)."""
        keys: Tensor = self.key(annotations)
        return keys


class AdditiveScore(_AdditiveParts):
    """e_ij = vᵀ tanh(W s_i + U h_j) (Bahdanau et al., 2015)."""

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Scores (B, T, S) of queries (B, T, H) and keys (B, S, A)."""
        projected = self.query(queries).unsqueeze(2)  # W s_i: (B, T, 1, A)
        hidden = torch.tanh(projected + keys.unsqueeze(1))  # (B, T, S, A)
        return hidden @ self.score


class CoverageScore(_AdditiveParts):
    """e_ij = vᵀ tanh(W s_i + U h_j + w C_ij) (Tu et al., 2016).

    C_ij = Σ_{k<i} α_kj is the attention that h_j has had so far, so a query stands alone: T is 1.
    Learnt by likelihood alone, without the penalty of See, Liu and Manning (2017), which they add
    when training is nearly over.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.coverage = nn.Parameter(torch.zeros_like(self.score))  # w

    def reset_parameters(self) -> None:
        """Gives v, U and W their starting values; w is 0: coverage counts for nothing yet."""
        super().reset_parameters()
        nn.init.zeros_(self.coverage)

    def forward(self, queries: Tensor, keys: Tensor, covered: Tensor) -> Tensor:
        """Scores (B, 1, S) of queries (B, 1, H), keys (B, S, A) and covered (B, S): C_i."""
        covering = covered.unsqueeze(2) * self.coverage  # w C_ij: (B, S, A)
        hidden = torch.tanh(self.query(queries) + keys + covering)  # (B, S, A)
        return hidden.matmul(self.score).unsqueeze(1)


class ConcatScore(AttentionScore):
    """e_ij = vᵀ tanh(W [s_i; h_j]) (Luong et al., 2015, "concat").

    It is the additive score with its two matrices as one: the first H columns of W read s_i, the
    others h_j.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        attention_size = present(config.attention_size)  # A
        self.both = nn.Linear(self.query_size + self.memory_size, attention_size, bias=False)  # W
        self.score = nn.Parameter(torch.empty(attention_size))  # v

    def reset_parameters(self) -> None:
        """Gives v and W their starting values."""
        reset_score_vector(self.score)
        reset_linear(self.both)

    def keys(self, annotations: Tensor) -> Tensor:
        """What h_j adds to W [s_i; h_j] (B, S, A), of annotations (B, S, M)."""
        return linear(annotations, self.both.weight[:, self.query_size :])

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Scores (B, T, S) of queries (B, T, H) and keys (B, S, A)."""
        projected = linear(queries, self.both.weight[:, : self.query_size])  # (B, T, A)
        hidden = torch.tanh(projected.unsqueeze(2) + keys.unsqueeze(1))  # (B, T, S, A)
        return hidden @ self.score


SCORES: dict[str, type[AttentionScore]] = {
    "additive": AdditiveScore,
    "dot": DotScore,
    "general": GeneralScore,
    "concat": ConcatScore,
}


def make_score(config: ModelConfig) -> AttentionScore:
    """The attention score of a resolved configuration."""
    if config.coverage:
        return CoverageScore(config)
    return SCORES[present(config.score)](config)


def attend(
    score: AttentionScore, queries: Tensor, memory: LoopMemory, *covered: Tensor
) -> tuple[Tensor, Tensor]:
    """Contexts c_i = Σ_j α_ij h_j (B, T, M) and weights α_i = softmax(e_i) (B, T, S).

    queries (B, T, H). The softmax is over real positions only. A CoverageScore needs `covered`
    (B, S), and T is 1 there.
    """
    scores = score(queries, memory.keys, *covered)  # e: (B, T, S)
    scores = scores.masked_fill(~memory.is_token.unsqueeze(1), -torch.inf)
    weights = torch.softmax(scores, dim=-1)  # α: (B, T, S)
    contexts = weights @ memory.annotations  # c: (B, T, M)
    return contexts, weights
