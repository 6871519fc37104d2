"""p(target given source): what every model offers to the rest of the program.

B batch, S source length, T target length, D size of the embeddings, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from novelgen.models.dropout import VariationalDropout
from novelgen.models.guide import copy_nll
from novelgen.models.initialization import reset_embedding
from novelgen.models.kernels.loss import chunk_rows, linear_cross_entropy
from novelgen.models.recurrent import State

BOS = 1  # as in every tokenizer
_SPECIALS = 3  # PAD, BOS and EOS, the first ids of every tokenizer


class TokenEmbedding(nn.Embedding):
    """The vocabulary's V rows, and behind them rows of first tokens.

    A first token stands before the target in the place of BOS and tells the decoder its task. It is
    read, and never predicted.
    """

    def __init__(self, vocabulary_size: int, size: int, first_tokens: int = 0) -> None:
        super().__init__(vocabulary_size + first_tokens, size)
        self.vocabulary_size = vocabulary_size

    @property
    def vocabulary(self) -> Tensor:
        """The rows (V, D) of what can be predicted."""
        if len(self.weight) == self.vocabulary_size:
            return self.weight
        return self.weight[: self.vocabulary_size]


class ConditionalLM(nn.Module):
    """Source tokens in, a distribution over the next target token out.

    `start` reads the source, `step` takes one token, and `unroll` is teacher forcing over a whole
    target, which equals repeated `step`. A variant gives `start_embedded` and `run`. The output
    layer is tied to the embeddings.

    Nothing that moves is kept on the module, so several threads may use one model. A model without
    attention returns weights of no source position: (B, 0), (B, T, 0). What stands before a target
    is BOS, or another token in each row: `first` (B,) int64.
    """

    def __init__(
        self,
        embedding: TokenEmbedding,
        dropout: float | None,
        source_embedding: nn.Embedding | None = None,
    ) -> None:
        """`source_embedding` is None where source and target share a vocabulary and its rows."""
        super().__init__()
        self.embedding = embedding
        self.source_embedding = source_embedding
        self.dropout = VariationalDropout(dropout)
        self.output_bias = nn.Parameter(torch.zeros(embedding.vocabulary_size))
        self.guide = 0.0  # the weight of `copy_nll`; a variant that attends may set it

    def reset_parameters(self) -> None:
        """Gives output bias and embeddings their starting values; a variant adds its parts."""
        nn.init.zeros_(self.output_bias)
        reset_embedding(self.embedding)
        if self.source_embedding is not None:
            reset_embedding(self.source_embedding)

    def start(self, source: Tensor, lengths: Tensor) -> tuple[Any, State]:
        """Encodes source (B, S) int64, lengths (B,) int64 ≥ 1: the memory and the first state."""
        return self.start_embedded(self.embed_source(source), source, lengths)

    def start_embedded(
        self, embedded: Tensor, source: Tensor, lengths: Tensor
    ) -> tuple[Any, State]:
        """`start` from the embeddings (B, S, D) of the source, for gradients with respect to them.

        `source` (B, S) is what a model copies from.
        """
        raise NotImplementedError

    def run(
        self, tokens: Tensor, memory: Any, state: State, lengths: Tensor | None = None
    ) -> tuple[Tensor, State, Tensor]:
        """Reads tokens (B, T) int64.

        Returns the readouts (B, T, D) after each, the state after the last, weights (B, T, S). With
        `lengths` (B,) int64 ≥ 1, the real tokens of each row, what comes of the others and the
        state may be anything: they need not be computed.
        """
        raise NotImplementedError

    def embed_source(self, source: Tensor) -> Tensor:
        """The embeddings (B, S, D) of source (B, S) int64."""
        embedding = self.source_embedding or self.embedding
        embedded: Tensor = embedding(source)
        return embedded

    def step(self, token: Tensor, memory: Any, state: State) -> tuple[Tensor, State, Tensor]:
        """Takes the token before, (B,) int64, and predicts the next.

        Returns logits (B, V), the next state, attention weights (B, S).
        """
        return self.step_with_readout(token, memory, state)[:3]

    def step_with_readout(
        self, token: Tensor, memory: Any, state: State
    ) -> tuple[Tensor, State, Tensor, Tensor]:
        """As `step`, and the readout (B, D) of which the logits are made."""
        readouts, state, weights = self.run(token.unsqueeze(1), memory, state)  # (B, 1, D)
        readout = readouts.squeeze(1)
        return self.project(readout), state, weights.squeeze(1), readout

    def unroll(
        self, target: Tensor, memory: Any, state: State, first: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Teacher forcing over target (B, T) int64, the tokens to predict.

        Returns logits (B, T, V) and attention weights (B, T, S).
        """
        readout, weights = self.read(target, memory, state, first)  # (B, T, D), (B, T, S)
        return self.project(readout), weights

    def read(
        self,
        target: Tensor,
        memory: Any,
        state: State,
        first: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """`unroll` up to its readouts (B, T, D), of rows with `lengths` as in `run`."""
        if first is None:
            first = target.new_full((len(target),), BOS)  # (B,)
        before = torch.cat([first.unsqueeze(1), target[:, :-1]], dim=1)  # (B, T)
        readout, _, weights = self.run(before, memory, state, lengths)
        return readout, weights

    def project(self, readout: Tensor) -> Tensor:
        """Logits E t + b (…, V) of readouts t (…, D), E the embeddings (Press and Wolf, 2017)."""
        return nn.functional.linear(readout, self.embedding.vocabulary, self.output_bias)

    def nll_sum(
        self,
        target: Tensor,
        is_token: Tensor,
        memory: Any,
        state: State,
        first: Tensor | None = None,
        history: Tensor | None = None,
        source: Tensor | None = None,
    ) -> Tensor:
        """Σ −ln p of the real tokens of target (B, T) int64: a scalar; no logits are kept.

        is_token (B, T) bool: True = real; these come first in every row, and there is one at least.
        `history` (B, T) int64 is what the decoder reads in place of the target: its token at t
        stands before the prediction of t + 1. None is teacher forcing. In training, with `source`
        (B, S), the gradients are also those of `guide` times `copy_nll`; the value is not.
        """
        if history is None:
            history = target
        lengths = is_token.sum(1)  # (B,)
        readout, weights = self.read(history, memory, state, first, lengths)  # (B, T, D)
        # The N real tokens. On a CPU readout[is_token] takes seven times as long with its gradient.
        places = is_token.flatten().nonzero().squeeze(1)  # (N,)
        nll_sum = linear_cross_entropy(
            readout.flatten(0, 1).index_select(0, places),  # (N, D)
            self.embedding.vocabulary,
            self.output_bias,
            target.flatten().index_select(0, places),  # (N,)
        )
        # With a vocabulary of its own, the source's ids are others.
        is_guided = self.training and self.guide > 0 and self.source_embedding is None
        if source is not None and is_guided:
            term = copy_nll(weights, source, target, is_token, len(self.output_bias))
            nll_sum = nll_sum + self.guide * (term - term.detach())
        return nll_sum

    def log_probs(
        self,
        target: Tensor,
        is_token: Tensor,
        memory: Any,
        state: State,
        first: Tensor | None = None,
    ) -> Tensor:
        """As `nll_sum`, but the ln p (N,) of each real token, row by row."""
        readout, _ = self.read(target, memory, state, first, is_token.sum(1))  # (B, T, D)
        size = chunk_rows(self.embedding.vocabulary)
        chunks = zip(
            *(torch.split(tensor[is_token], size) for tensor in (readout, target)), strict=True
        )
        return torch.cat([self._chunk_log_probs(*chunk) for chunk in chunks])

    def _chunk_log_probs(self, readout: Tensor, target: Tensor) -> Tensor:
        """The ln p (N,) of targets (N,), of readouts (N, D); in the dtype of the weights."""
        logits = self.project(readout).to(self.output_bias.dtype)  # (N, V)
        return -nn.functional.cross_entropy(logits, target, reduction="none")

    def sample(
        self,
        target: Tensor,
        is_chosen: Tensor,
        memory: Any,
        state: State,
        first: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> Tensor:
        """Draws a token at each of the N chosen places: (N,) int64, row by row.

        Each follows the true tokens before its place. target (B, T) int64, is_chosen (B, T) bool,
        rows with `lengths` as in `run`.
        """
        readout, _ = self.read(target, memory, state, first, lengths)  # (B, T, D)
        # Chunks of the chosen places, so that no logits (N, V) of all of them ever exist.
        chunks = torch.split(readout[is_chosen], chunk_rows(self.embedding.vocabulary))
        return torch.cat([draw_tokens(self.project(chunk)) for chunk in chunks])


def draw_tokens(logits: Tensor) -> Tensor:
    """A token of each softmax, of logits (…, V): (…,) int64.

    It is none of PAD, BOS and EOS, which no decoder reads inside a text.
    """
    probs = torch.softmax(logits[..., _SPECIALS:].float(), dim=-1)  # (…, V − 3)
    # One random number a token: where it falls among the sums of the probabilities. Measured, a
    # number for every logit, as torch.multinomial draws them, takes five times as long.
    sums = probs.cumsum(-1)
    places = torch.rand_like(sums[..., :1]) * sums[..., -1:]  # (…, 1)
    tokens = torch.searchsorted(sums, places, right=True).squeeze(-1)
    # Nothing is above a NaN, whose loss will be one.
    return tokens.clamp_max(sums.shape[-1] - 1) + _SPECIALS
