"""Teacher forcing: what a model gives to tokens that are there already.

B rows, S source positions, T target tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from novelgen.data.pairs import Batch
from novelgen.decoding.protocol import padded
from novelgen.text.tokenizers import BOS

Floats = npt.NDArray[np.floating[Any]]

# Target tokens that are read at a time, all rows together: their logits take some 70 MB.
TOKENS_AT_ONCE = 2560


class Written(NamedTuple):
    """A paragraph, and what it was written from, as the model knows them."""

    source: Sequence[int]  # S, the end mark of each segment included
    tokens: Sequence[int]  # T
    first: int = BOS  # what stood before the tokens


@torch.inference_mode()
def teacher_forced(model: nn.Module, batch: Batch, device: torch.device) -> tuple[Floats, Floats]:
    """Log-probabilities (B, T) of the true tokens, and weights (B, T, S); padding means nothing."""
    source, lengths, target, first = (
        torch.from_numpy(part).to(device)
        for part in (batch.source, batch.source_lengths, batch.target, batch.first)
    )
    log_probs, weights = _unrolled(model, source, lengths, target, first)
    return log_probs.cpu().numpy(), weights.float().cpu().numpy()


@torch.inference_mode()
def log_probs_given(
    model: nn.Module,
    written: Written,
    sources: Sequence[Sequence[int]],
    device: torch.device,
) -> Floats:
    """log₂ p (R, T) of the written tokens with each of R `sources` in the place of their own."""
    target = torch.tensor([written.tokens], device=device)  # (1, T)
    first = torch.tensor([written.first], device=device)
    found = []
    step = rows_for(len(written.tokens))
    for start in range(0, len(sources), step):
        part = sources[start : start + step]
        source = torch.from_numpy(padded(part)).to(device)  # (B, S)
        lengths = torch.tensor([len(each) for each in part], device=device)
        rows = len(source)
        log_probs, _ = _unrolled(
            model, source, lengths, target.expand(rows, -1), first.expand(rows)
        )
        found.append(log_probs.double().cpu().numpy() / np.log(2))
    return np.concatenate(found)


def rows_for(tokens: int) -> int:
    """How many rows of so many target tokens are read at a time."""
    return max(TOKENS_AT_ONCE // max(tokens, 1), 1)


def _unrolled(
    model: nn.Module, source: Tensor, lengths: Tensor, target: Tensor, first: Tensor
) -> tuple[Tensor, Tensor]:
    """Log-probabilities (B, T) of the tokens of target (B, T), and weights (B, T, S)."""
    # Every variant has `start` and `unroll`; they have no common class that says so.
    variant: Any = model
    memory, state = variant.start(source, lengths)
    logits, weights = variant.unroll(target, memory, state, first)  # (B, T, V), (B, T, S)
    return chosen_log_probs(logits, target).float(), weights


def chosen_log_probs(logits: Tensor, target: Tensor) -> Tensor:
    """Natural log-probabilities (B, T) of the tokens of target (B, T), of logits (B, T, V)."""
    chosen = logits.gather(2, target.unsqueeze(2)).squeeze(2)
    return chosen - logits.logsumexp(2)
