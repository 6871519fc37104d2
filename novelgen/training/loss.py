"""The training loss, and bits per character."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from novelgen.data.batches import plan_batches
from novelgen.data.pairs import Batch, Pairs
from novelgen.training.distributed import SINGLE_PROCESS, Ranks
from novelgen.training.hardware import tune_malloc
from novelgen.training.scheduled_sampling import mixed_history

_LARGEST_EXPONENT = 700  # e to this is about the largest float


@dataclass(frozen=True)
class LossStats:
    """A sum of losses with what it is divided by, so that parts can be added and divided once."""

    nll_sum: float = 0.0  # Σ −ln p(token), EOS counted
    tokens: int = 0  # EOS counted
    characters: int = 0  # of the targets; EOS is none
    pairs: int = 0

    def __add__(self, other: LossStats) -> LossStats:
        return LossStats(
            self.nll_sum + other.nll_sum,
            self.tokens + other.tokens,
            self.characters + other.characters,
            self.pairs + other.pairs,
        )

    def summed(self, ranks: Ranks) -> LossStats:
        """The sum over all ranks."""
        nll_sum, *counts = ranks.sum([self.nll_sum, self.tokens, self.characters, self.pairs])
        return LossStats(nll_sum, *map(int, counts))

    def with_nll_sum(self, nll_sum: float) -> LossStats:
        """The same tokens with another loss."""
        return replace(self, nll_sum=nll_sum)

    @property
    def bits_per_character(self) -> float:
        """Σ −log₂ p(target tokens and EOS) / target characters: comparable across tokenizers."""
        return self.nll_sum / math.log(2) / max(self.characters, 1)

    @property
    def perplexity(self) -> float:
        """Exp of the mean loss of a token; inf where that overflows."""
        return perplexity_of(self.nll_sum, self.tokens)


def perplexity_of(nll_sum: float, count: int) -> float:
    """Exp of the mean of a sum of losses; inf where that overflows."""
    mean = nll_sum / max(count, 1)
    if not mean < _LARGEST_EXPONENT:
        return math.inf
    return math.exp(mean)


def batch_loss(
    model: nn.Module, batch: Batch, device: torch.device, teacher_forcing: float = 1.0
) -> Tensor:
    """Σ −ln p of the batch's real target tokens, EOS included: a scalar to differentiate.

    `teacher_forcing` is the share of true tokens among those that the decoder reads.
    """
    inputs = _inputs(batch, device)
    # Every variant has `start` and `nll_sum`; they have no common class that says so.
    variant: Any = model
    memory, state = variant.start(inputs.source, inputs.source_lengths)
    target, is_token, first = inputs.target, inputs.is_token, inputs.first
    history = target
    if teacher_forcing < 1:
        history = mixed_history(variant, target, is_token, memory, state, first, teacher_forcing)
    nll_sum: Tensor = variant.nll_sum(
        target, is_token, memory, state, first, history, inputs.source
    )
    return nll_sum


@torch.no_grad()
def token_log_probs(model: nn.Module, batch: Batch, device: torch.device) -> NDArray[np.float64]:
    """The ln p (N,) of the batch's real target tokens, EOS included, row by row."""
    inputs = _inputs(batch, device)
    variant: Any = model
    memory, state = variant.start(inputs.source, inputs.source_lengths)
    log_probs: Tensor = variant.log_probs(
        inputs.target, inputs.is_token, memory, state, inputs.first
    )
    found: NDArray[np.float64] = log_probs.double().cpu().numpy()
    return found


class _Inputs(NamedTuple):
    """A batch on the device."""

    source: Tensor  # (B, S)
    source_lengths: Tensor  # (B,)
    target: Tensor  # (B, T)
    is_token: Tensor  # (B, T), False where the target is padded
    first: Tensor  # (B,) what the decoder reads before the target


def _inputs(batch: Batch, device: torch.device) -> _Inputs:
    target = _to(device, batch.target)  # (B, T)
    target_lengths = _to(device, batch.target_lengths)  # (B,)
    return _Inputs(
        source=_to(device, batch.source),
        source_lengths=_to(device, batch.source_lengths),
        target=target,
        is_token=torch.arange(target.shape[1], device=device) < target_lengths.unsqueeze(1),
        first=_to(device, batch.first),
    )


def _to(device: torch.device, array: NDArray[np.int64]) -> Tensor:
    # Batches are in pinned memory when they go to a GPU, so that the copy overlaps.
    return torch.from_numpy(array).to(device, non_blocking=True)


def loss_stats(batch: Batch, nll_sum: float) -> LossStats:
    """The loss of one batch with its counts."""
    tokens = int(batch.target_lengths.sum())
    return LossStats(nll_sum, tokens, int(batch.characters.sum()), len(batch.target))


@torch.no_grad()
def evaluate_loss(
    model: nn.Module,
    pairs: Pairs,
    *,
    batch_tokens: int,
    device: torch.device,
    precision: torch.dtype = torch.float32,
    ranks: Ranks = SINGLE_PROCESS,
) -> LossStats:
    """The loss of a model over all `pairs`, in evaluation mode; the ranks share the work.

    The mode in which the model was is restored.
    """
    # Without it a fifth of the time goes to page faults.
    tune_malloc()
    was_training = model.training
    model.eval()
    total = LossStats()
    # Autocast to float32 is none.
    uses_autocast = precision != torch.float32
    try:
        for indices in evaluation_plan(pairs, batch_tokens)[ranks.rank :: ranks.size]:
            batch = pairs.batch(indices)
            with torch.autocast(device.type, dtype=precision, enabled=uses_autocast):
                total += loss_stats(batch, batch_loss(model, batch, device).item())
    finally:
        model.train(was_training)
    return total.summed(ranks)


def evaluation_plan(pairs: Pairs, batch_tokens: int) -> Sequence[NDArray[np.int64]]:
    """The batches, (B,) each, in which pairs are measured: always the same."""
    return plan_batches(
        pairs.source_lengths,
        pairs.target_lengths,
        batch_tokens=batch_tokens,
        seed=0,
        epoch=0,
        shuffle=False,
    )
