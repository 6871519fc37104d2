"""What decoding asks of a model, and what it gives back: the seam between the two.

A model reads its sources once (`start`) and then writes token by token (`step`). Memory is fixed, State moves; both
are tuples of batch-first tensors, so any model can be sampled, batched and beam-searched without being known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from novelgen.errors import CheckpointError

# Below this a log-probability says nothing more, and -inf would make sums and JSON invalid.
LEAST_LOG_PROBABILITY = -1e4


class Model(Protocol):
    """The two functions of the decoder contract that writing needs. Both must be free of side effects."""

    def start(self, source: Tensor, lengths: Tensor) -> tuple[Any, tuple[Tensor, ...]]:
        """Source (B, S) int64 padded, lengths (B,) int64 → memory and state, tuples of batch-first tensors."""

    def step(
        self, token: Tensor, memory: Any, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...], Tensor]:
        """Token (B,) int64, the one before → logits (B, V), the next state, attention weights (B, S), or (B, 0) without attention."""


class Hypothesis(NamedTuple):
    """A paragraph as tokens, EOS included where it was reached."""

    tokens: np.ndarray  # (T,) int64
    log_probabilities: (
        np.ndarray
    )  # (T,) float64, natural, of the model itself: temperature 1, no rules
    attention: np.ndarray  # (T, S) float32; (T, 0) from a model without attention
    finished: bool  # EOS was reached

    def score(self, length_penalty: float) -> float:
        """Σ log-probability / T ** length_penalty (Wu et al., 2016, without their constant)."""
        return normalized(float(self.log_probabilities.sum()), len(self.tokens), length_penalty)


def normalized(log_probability: float, length: int, length_penalty: float) -> float:
    """A hypothesis's score; the empty one scores as one token does."""
    return log_probability / max(length, 1) ** length_penalty


def select(tensors: Any, rows: Tensor) -> Any:
    """The given rows of every tensor of a (named) tuple of batch-first tensors; the tuple's own type is kept.

    A memory may be something else that has a `select` of its own.
    """
    if hasattr(tensors, "select"):
        return tensors.select(rows)
    chosen = [tensor.index_select(0, rows) for tensor in tensors]
    return type(tensors)(*chosen) if hasattr(tensors, "_fields") else tuple(chosen)


def start(
    model: Model, sources: Sequence[Sequence[int]], device: torch.device
) -> tuple[Any, tuple[Tensor, ...]]:
    """Reads token lists, one a row, and returns their memory and first state. Equal sources are encoded once."""
    unique = list(dict.fromkeys(tuple(source) for source in sources))
    padded = torch.zeros(len(unique), max(map(len, unique)), dtype=torch.int64)
    for row, source in enumerate(unique):
        padded[row, : len(source)] = torch.tensor(source)
    lengths = torch.tensor([len(source) for source in unique])
    memory, state = model.start(padded.to(device), lengths.to(device))
    if len(unique) == len(sources):
        return memory, state
    place = {source: row for row, source in enumerate(unique)}
    rows = torch.tensor([place[tuple(source)] for source in sources], device=device)
    return select(memory, rows), select(state, rows)


class Prediction(NamedTuple):
    """One step's outcome on the host."""

    log_probabilities: (
        np.ndarray
    )  # (B, V) float32, never NaN; a row whose logits are all -inf stays that
    weights: np.ndarray  # (B, S) float32; (B, 0) from a model without attention

    def at(self, rows: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """The log-probabilities (float64), never -inf, of some tokens of some rows (index arrays that broadcast)."""
        return np.maximum(
            self.log_probabilities[rows, tokens], LEAST_LOG_PROBABILITY, dtype=np.float64
        )


def predict(
    model: Model,
    tokens: np.ndarray,
    memory: Any,
    state: tuple[Tensor, ...],
    device: torch.device,
) -> tuple[Prediction, tuple[Tensor, ...]]:
    """One step of the model for tokens (B,) int64, brought to the host; raises CheckpointError on NaN."""
    # Rules, draws and beams run on the host: the same text on every device, and one copy a step.
    logits, state, weights = model.step(torch.from_numpy(tokens).to(device), memory, state)
    return Prediction(
        _log_probabilities(logits.float().cpu()), weights.float().cpu().numpy()
    ), state


def _log_probabilities(logits: Tensor) -> np.ndarray:
    """The log-softmax of logits (B, V); +inf counts as float32's largest number."""
    result = logits.log_softmax(dim=-1).numpy()
    # One logit that is NaN or +inf, or all -inf, makes a whole row NaN.
    if not np.isnan(result[:, 0]).any():
        return result
    if logits.isnan().any():
        raise CheckpointError(
            "模型算出了 NaN，权重可能已损坏；请换一个检查点或重新训练 | the model computes NaN, "
            "its weights may be damaged; use another checkpoint or train again"
        )
    finite = logits.clamp(max=torch.finfo(torch.float32).max)
    return torch.where(
        finite.isneginf().all(dim=-1, keepdim=True), finite, finite.log_softmax(dim=-1)
    ).numpy()
