"""The pointer-generator: copying tokens of the source, around any model that attends.

B batch, S source length, T target length, D size of the readout, V vocabulary, N real tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, logsigmoid
from torch.utils.checkpoint import checkpoint

from novelgen.models.conditional_lm import ConditionalLM, draw_tokens
from novelgen.models.initialization import reset_linear
from novelgen.models.kernels.loss import chunk_rows
from novelgen.models.recurrent import State


class PointerGenerator(nn.Module):
    """A model that predicts from the vocabulary or copies from the source.

    See, Liu and Manning (2017), with E, b and the weights α of the model that it wraps:

    g = σ(wᵀ t + b_g), where t is the readout, which mixes state, context and last token
    p(w) = g · softmax(E t + b)_w + (1 − g) · Σ_{j: x_j = w} α_j

    Its "logits" are ln p(w). Its memory is that of the model, and before it the source (B, S).
    """

    def __init__(self, writer: ConditionalLM) -> None:
        """`writer` is the model that attends; its name is part of the keys in saved files."""
        super().__init__()
        self.writer = writer
        self.gate = nn.Linear(writer.embedding.embedding_dim, 1)  # w, b_g

    def reset_parameters(self) -> None:
        """Gives the parameters of the model and of the gate their starting values."""
        self.writer.reset_parameters()
        reset_linear(self.gate)

    def embed_source(self, source: Tensor) -> Tensor:
        """As `ConditionalLM.embed_source`."""
        return self.writer.embed_source(source)

    def start(self, source: Tensor, lengths: Tensor) -> tuple[tuple[Tensor, ...], State]:
        """As `ConditionalLM.start`."""
        return self.start_embedded(self.embed_source(source), source, lengths)

    def start_embedded(
        self, embedded: Tensor, source: Tensor, lengths: Tensor
    ) -> tuple[tuple[Tensor, ...], State]:
        """As `ConditionalLM.start_embedded`."""
        memory, state = self.writer.start_embedded(embedded, source, lengths)
        return (source, *memory), state

    def step(
        self, token: Tensor, memory: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, State, Tensor]:
        """As `ConditionalLM.step`."""
        return self.step_with_readout(token, memory, state)[:3]

    def step_with_readout(
        self, token: Tensor, memory: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, State, Tensor, Tensor]:
        """As `ConditionalLM.step_with_readout`."""
        source, *own_memory = memory
        readout, state, weights = self.writer.run(token.unsqueeze(1), own_memory, state)
        log_p = self._log_mixture(readout, weights, source)  # (B, 1, V)
        return log_p.squeeze(1), state, weights.squeeze(1), readout.squeeze(1)

    def unroll(
        self, target: Tensor, memory: tuple[Tensor, ...], state: State, first: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `ConditionalLM.unroll`."""
        source, *own_memory = memory
        readout, weights = self.writer.read(target, own_memory, state, first)
        return self._log_mixture(readout, weights, source), weights

    def nll_sum(
        self,
        target: Tensor,
        is_token: Tensor,
        memory: tuple[Tensor, ...],
        state: State,
        first: Tensor | None = None,
        history: Tensor | None = None,
        source: Tensor | None = None,
    ) -> Tensor:
        """As `ConditionalLM.nll_sum`, without a guide: likelihood itself teaches what to copy.

        The logits exist a chunk at a time, and are computed again for the gradients.
        """
        del source  # the memory has it
        if history is None:
            history = target
        chunks = self._chunks(target, is_token, memory, state, first, history)
        nll_sums = [
            -cast(Tensor, checkpoint(self._chunk_log_probs, *chunk, use_reentrant=False)).sum()
            for chunk in chunks
        ]
        return torch.stack(nll_sums).sum()

    def log_probs(
        self,
        target: Tensor,
        is_token: Tensor,
        memory: tuple[Tensor, ...],
        state: State,
        first: Tensor | None = None,
    ) -> Tensor:
        """As `ConditionalLM.log_probs`."""
        chunks = self._chunks(target, is_token, memory, state, first, target)
        return torch.cat([self._chunk_log_probs(*chunk) for chunk in chunks])

    def _chunks(
        self,
        target: Tensor,
        is_token: Tensor,
        memory: tuple[Tensor, ...],
        state: State,
        first: Tensor | None,
        history: Tensor,
    ) -> Iterator[tuple[Tensor, ...]]:
        """What `_chunk_log_probs` takes, of some of the N real tokens at a time."""
        source, *own_memory = memory
        lengths = is_token.sum(1)  # (B,)
        readout, weights = self.writer.read(history, own_memory, state, first, lengths)

        # 1. What a target token gets by copying: the attention on its occurrences in the source.
        is_copy = source.unsqueeze(1) == target.unsqueeze(2)  # (B, T, S)
        copied = (weights * is_copy).sum(2)  # (B, T)

        # 2. Chunks, so that no logits (N, V) of all tokens ever exist.
        size = chunk_rows(self.writer.embedding.vocabulary)
        return zip(
            *(torch.split(tensor[is_token], size) for tensor in (readout, copied, target)),
            strict=True,
        )

    def sample(
        self,
        target: Tensor,
        is_chosen: Tensor,
        memory: tuple[Tensor, ...],
        state: State,
        first: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> Tensor:
        """As `ConditionalLM.sample`."""
        source, *own_memory = memory
        readout, weights = self.writer.read(target, own_memory, state, first, lengths)
        row, place = is_chosen.nonzero(as_tuple=True)  # (N,) each
        # One step (N, 1, …) for each chosen place, a chunk at a time.
        size = chunk_rows(self.writer.embedding.vocabulary)
        steps = (readout[row, place].unsqueeze(1), weights[row, place].unsqueeze(1), source[row])
        chunks = zip(*(torch.split(tensor, size) for tensor in steps), strict=True)
        return torch.cat([draw_tokens(self._log_mixture(*chunk)).squeeze(1) for chunk in chunks])

    def _chunk_log_probs(self, readout: Tensor, copied: Tensor, target: Tensor) -> Tensor:
        """The ln p (N,) of targets (N,), of readouts (N, D) and attention on their copies (N,)."""
        log_generated, log_copying = self._log_parts(readout)  # (N, V), (N, 1)
        log_generated = log_generated.gather(1, target.unsqueeze(1)).squeeze(1)  # (N,)
        log_copied = _log(copied.to(log_generated.dtype)) + log_copying.squeeze(1)  # (N,)
        return torch.logaddexp(log_generated, log_copied)

    def _log_parts(self, readout: Tensor) -> tuple[Tensor, Tensor]:
        """ln(g · softmax(E t + b)) (…, V) and ln(1 − g) (…, 1) of readouts t (…, D).

        Both are in the dtype of the weights, under autocast too.
        """
        dtype = self.gate.weight.dtype
        gate = self.gate(readout).to(dtype)  # wᵀ t + b_g: (…, 1)
        logits = self.writer.project(readout).to(dtype)  # (…, V)
        log_generated = log_softmax(logits, dim=-1) + logsigmoid(gate)  # ln σ(x) = logsigmoid(x)
        log_copying = logsigmoid(-gate)  # 1 − σ(x) = σ(−x)
        return log_generated, log_copying

    def _log_mixture(self, readout: Tensor, weights: Tensor, source: Tensor) -> Tensor:
        """The ln p (B, T, V) of readouts (B, T, D), weights (B, T, S) and source (B, S)."""
        log_generated, log_copying = self._log_parts(readout)  # (B, T, V), (B, T, 1)
        tokens = source.unsqueeze(1).expand_as(weights)  # x_j at every step: (B, T, S)
        nothing = torch.zeros_like(log_generated)
        copied = nothing.scatter_add(2, tokens, weights.to(nothing.dtype))  # Σ α_j: (B, T, V)
        return torch.logaddexp(log_generated, _log(copied) + log_copying)


def _log(probs: Tensor) -> Tensor:
    """The logarithm; of 0 the smallest there is, as −∞ would make the gradients NaN."""
    return probs.clamp_min(torch.finfo(probs.dtype).tiny).log()
