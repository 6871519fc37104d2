"""What all variants are to the rest of the program: `start`, `step`, `unroll`, and output tied to the embeddings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from novelgen.models.kernels.cross_entropy import linear_cross_entropy
from novelgen.models.recurrent import State, VariationalDropout

BOS = 1


class TokenEmbedding(nn.Embedding):
    """The vocabulary's V rows, and behind them rows of first tokens, which tell the decoder its task and are never written."""

    def __init__(self, vocabulary_size: int, size: int, first_tokens: int = 0) -> None:
        super().__init__(vocabulary_size + first_tokens, size)
        self.vocabulary_size = vocabulary_size

    @property
    def vocabulary(self) -> Tensor:
        """(V, D): the rows of what can be written."""
        return (
            self.weight[: self.vocabulary_size]
            if len(self.weight) > self.vocabulary_size
            else self.weight
        )


class ConditionalLM(nn.Module):
    """Source tokens in, a distribution over the next target token out.

    `start` reads the source; `step` writes one token; `unroll` is teacher forcing over a whole target and equals
    repeated `step`. Nothing that moves is kept on the module, so several threads may use one model. A variant gives `start`
    and `run`. A model without attention returns weights of no source position: (B, 0), (B, T, 0). What stands before a target
    is BOS, or another token in each row: `first` (B,) int64.
    """

    def __init__(
        self,
        embedding: TokenEmbedding,
        dropout: float,
        source_embedding: nn.Embedding | None = None,
    ) -> None:
        """`source_embedding` reads the source; None where source and target share one vocabulary, and `embedding` reads both."""
        super().__init__()
        self.embedding = embedding
        self.source_embedding = source_embedding
        self.dropout = VariationalDropout(dropout)
        self.output_bias = nn.Parameter(torch.zeros(embedding.vocabulary_size))

    def start(self, source: Tensor, lengths: Tensor) -> tuple[Any, State]:
        """Encodes: source (B, S) int64, lengths (B,) int64 ≥ 1 → the memory and the first state."""
        raise NotImplementedError

    def run(self, tokens: Tensor, memory: Any, state: State) -> tuple[Tensor, State, Tensor]:
        """Reads tokens (B, T) int64: the readouts (B, T, D) after each, the state after the last, weights (B, T, S)."""
        raise NotImplementedError

    def embed_source(self, source: Tensor) -> Tensor:
        """Source (B, S) int64 → (B, S, D)."""
        return (self.embedding if self.source_embedding is None else self.source_embedding)(source)

    def step(self, token: Tensor, memory: Any, state: State) -> tuple[Tensor, State, Tensor]:
        """One token on: token (B,) int64, the one before → logits (B, V), the next state, attention weights (B, S)."""
        readout, state, weights = self.run(token.unsqueeze(1), memory, state)
        return self.project(readout.squeeze(1)), state, weights.squeeze(1)

    def unroll(
        self, target: Tensor, memory: Any, state: State, first: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Teacher forcing: target (B, T) int64, the tokens to predict → logits (B, T, V), attention weights (B, T, S)."""
        readout, weights = self.read(target, memory, state, first)
        return self.project(readout), weights

    def read(
        self, target: Tensor, memory: Any, state: State, first: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """`unroll` up to its readouts (B, T, D)."""
        first = target.new_full((len(target),), BOS) if first is None else first
        before = torch.cat([first.unsqueeze(1), target[:, :-1]], dim=1)
        readout, _, weights = self.run(before, memory, state)
        return readout, weights

    def project(self, readout: Tensor) -> Tensor:
        """Readouts (…, D) → logits (…, V), through the embeddings (Press and Wolf, 2017)."""
        return nn.functional.linear(readout, self.embedding.vocabulary, self.output_bias)

    def nll_sum(
        self,
        target: Tensor,
        is_token: Tensor,
        memory: Any,
        state: State,
        first: Tensor | None = None,
    ) -> Tensor:
        """Σ −ln p of the real tokens of target (B, T) int64, where is_token (B, T) bool: a scalar; no logits are held."""
        readout, _ = self.read(target, memory, state, first)
        return linear_cross_entropy(
            readout[is_token], self.embedding.vocabulary, self.output_bias, target[is_token]
        )

    def static_nll_sum(
        self,
        target: Tensor,
        is_token: Tensor,
        memory: Any,
        state: State,
        first: Tensor | None = None,
    ) -> Tensor:
        """As `nll_sum`, computing padding too: no shape depends on is_token, as a CUDA graph needs it."""
        readout, _ = self.read(target, memory, state, first)
        return linear_cross_entropy(
            readout.flatten(0, 1),
            self.embedding.vocabulary,
            self.output_bias,
            target.flatten(),
            is_token.flatten(),
        )
