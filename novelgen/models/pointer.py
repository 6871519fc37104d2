"""The pointer-generator: what stands in the source can be written again, however rare it is."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, logsigmoid
from torch.utils.checkpoint import checkpoint

from novelgen.models.conditional_lm import ConditionalLM
from novelgen.models.kernels.cross_entropy import chunk_rows
from novelgen.models.recurrent import State


class PointerGenerator(nn.Module):
    """An attending model that writes from the vocabulary or copies from the source (See, Liu and Manning, 2017).

    p(w) = g · softmax(E t + b)_w + (1 − g) · Σ_{j: x_j = w} α_j, where g = σ(wᵀ t + b) and t is the readout, in which state, context
    and last token are mixed. The "logits" are log p(w). The memory is that of the model behind the source (B, S).
    """

    def __init__(self, writer: ConditionalLM) -> None:
        super().__init__()
        self.writer = writer
        self.gate = nn.Linear(writer.embedding.embedding_dim, 1)

    def start(self, source: Tensor, lengths: Tensor) -> tuple[tuple[Tensor, ...], State]:
        """As `ConditionalLM.start`."""
        memory, state = self.writer.start(source, lengths)
        return (source, *memory), state

    def step(
        self, token: Tensor, memory: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, State, Tensor]:
        """As `ConditionalLM.step`."""
        readout, state, weights = self.writer.run(token.unsqueeze(1), memory[1:], state)
        return self._mixture(readout, weights, memory[0]).squeeze(1), state, weights.squeeze(1)

    def unroll(
        self, target: Tensor, memory: tuple[Tensor, ...], state: State, first: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `ConditionalLM.unroll`."""
        readout, weights = self.writer.read(target, memory[1:], state, first)
        return self._mixture(readout, weights, memory[0]), weights

    def nll_sum(
        self,
        target: Tensor,
        is_token: Tensor,
        memory: tuple[Tensor, ...],
        state: State,
        first: Tensor | None = None,
    ) -> Tensor:
        """As `ConditionalLM.nll_sum`; the logits exist a chunk at a time, and are computed again for the gradients."""
        readout, weights = self.writer.read(target, memory[1:], state, first)
        is_copy = memory[0].unsqueeze(1) == target.unsqueeze(2)
        copied = (weights * is_copy).sum(2)
        size = chunk_rows(self.writer.embedding.vocabulary)
        parts = zip(
            *(tensor[is_token].split(size) for tensor in (readout, copied, target)), strict=True
        )
        return torch.stack(
            [checkpoint(self._chunk_nll_sum, *part, use_reentrant=False) for part in parts]
        ).sum()

    def _chunk_nll_sum(self, readout: Tensor, copied: Tensor, target: Tensor) -> Tensor:
        """Readouts (N, D), the attention on copies of their targets (N,), targets (N,) → Σ −ln p."""
        written, log_copy = self._written(readout)
        target_logit = written.gather(1, target.unsqueeze(1)).squeeze(1)
        return -torch.logaddexp(
            target_logit, _log(copied.to(target_logit.dtype)) + log_copy.squeeze(1)
        ).sum()

    def _written(self, readout: Tensor) -> tuple[Tensor, Tensor]:
        """Readouts (…, D) → ln(g · softmax) (…, V) and ln(1 − g) (…, 1), in the dtype of the weights."""
        dtype = self.gate.weight.dtype
        gate = self.gate(readout).to(dtype)
        return log_softmax(self.writer.project(readout).to(dtype), dim=-1) + logsigmoid(
            gate
        ), logsigmoid(-gate)

    def _mixture(self, readout: Tensor, weights: Tensor, source: Tensor) -> Tensor:
        """Readouts (B, T, D), weights (B, T, S), source (B, S) → ln p (B, T, V)."""
        written, log_copy = self._written(readout)
        places = source.unsqueeze(1).expand_as(weights)
        copied = torch.zeros_like(written).scatter_add(2, places, weights.to(written.dtype))
        return torch.logaddexp(written, _log(copied) + log_copy)


def _log(probs: Tensor) -> Tensor:
    """ln, of nothing the smallest there is: −∞ would make the gradients NaN."""
    return probs.clamp_min(torch.finfo(probs.dtype).tiny).log()
