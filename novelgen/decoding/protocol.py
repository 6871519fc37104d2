"""What decoding asks of a model, and what it gives back: the seam between the two.

A model reads its sources once (`start`) and then writes token by token (`step`). Memory is fixed,
State moves; both are tuples of batch-first tensors, so any model can be sampled, batched and
beam-searched without being known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from novelgen.errors import CheckpointError
from novelgen.i18n import _

# Below this a log-probability says nothing more, and -inf would make sums and JSON invalid.
LEAST_LOG_PROBABILITY = -1e4

State = tuple[Tensor, ...]


class Model(Protocol):
    """The two functions of the decoder contract that decoding needs, both without side effects."""

    def start(self, source: Tensor, lengths: Tensor) -> tuple[Any, State]:
        """The memory and the first state, for source (B, S) int64 padded and lengths (B,) int64."""

    def step(self, token: Tensor, memory: Any, state: State) -> tuple[Tensor, State, Tensor]:
        """Logits (B, V), the next state and attention weights (B, S), for token (B,) int64.

        `token` is the one before. A model without attention returns weights (B, 0). A memory may
        have a `predict` of its own, which is called instead, with arrays: tokens (B,) and state to
        log-probabilities (B, V), weights (B, S) and the next state. Then it also has a
        `best_continuations`, in place of that of `beam`.
        """


class ReadoutModel(Model, Protocol):
    """A model that also shows what its predictions are made of, as every one of `models/` does."""

    def step_with_readout(
        self, token: Tensor, memory: Any, state: State
    ) -> tuple[Tensor, State, Tensor, Tensor]:
        """As `step`, and the readout (B, D) of which the logits are made."""


@runtime_checkable
class Wrapper(Protocol):
    """A model around another one. Its memory has a `predict`; there is no `step`."""

    def start_sources(self, sources: Sequence[Sequence[int]]) -> tuple[Any, Any]:
        """The memory and the first state of B sources, as `start` returns them."""


class Hypothesis(NamedTuple):
    """A paragraph as T tokens, EOS included where it was reached."""

    tokens: NDArray[np.int64]  # (T,)
    # (T,) float64, natural, of the model that writes: temperature 1, no rules.
    log_probabilities: NDArray[np.float64]
    attention: NDArray[np.float32]  # (T, S); (T, 0) from a model without attention
    finished: bool  # EOS was reached

    def score(self, length_penalty: float) -> float:
        """Σ log-probability / T ** length_penalty (Wu et al., 2016, without their constant)."""
        return normalized(float(self.log_probabilities.sum()), len(self.tokens), length_penalty)


def normalized(log_probability: float, length: int, length_penalty: float) -> float:
    """A hypothesis's score; the empty one is scored as if it had one token."""
    divisor: float = max(length, 1) ** length_penalty
    return log_probability / divisor


def select(tensors: Any, rows: NDArray[np.int64] | Tensor) -> Any:
    """The given rows of every tensor of a (named) tuple of batch-first tensors.

    The tuple's own type is kept. A memory or state may be something else that has a `select` of its
    own.
    """
    if hasattr(tensors, "select"):
        return tensors.select(rows)
    places = torch.as_tensor(rows)
    chosen = [tensor.index_select(0, places.to(tensor.device)) for tensor in tensors]
    if hasattr(tensors, "_fields"):
        return type(tensors)(*chosen)
    return tuple(chosen)


def padded(sequences: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """B sequences of tokens as one array (B, T), with PAD, which is 0, behind the shorter ones."""
    rows = np.zeros((len(sequences), max(map(len, sequences))), dtype=np.int64)
    for row, sequence in zip(rows, sequences, strict=True):
        row[: len(sequence)] = sequence
    return rows


def start(
    model: Model | Wrapper, sources: Sequence[Sequence[int]], device: torch.device
) -> tuple[Any, State]:
    """The memory and first state of B sources, each a list of tokens; equal ones are encoded once.

    Several samples for one prompt are B equal sources: the encoder then runs over one row.
    """
    if isinstance(model, Wrapper):
        return model.start_sources(sources)
    # 1. Each different source once.
    unique = list(dict.fromkeys(tuple(source) for source in sources))
    tokens = torch.from_numpy(padded(unique))  # (U, S)
    lengths = torch.tensor([len(source) for source in unique])  # (U,)
    memory, state = model.start(tokens.to(device), lengths.to(device))
    if len(unique) == len(sources):
        return memory, state
    # 2. The rows repeated for the sources that are equal: (U, …) → (B, …).
    row_of = {source: row for row, source in enumerate(unique)}
    rows = np.array([row_of[tuple(source)] for source in sources])
    return select(memory, rows), select(state, rows)


class Prediction(NamedTuple):
    """What one step of the model computed, on the host."""

    # (B, V), never NaN; a row whose logits are all -inf stays as it is.
    log_probabilities: NDArray[np.float32]
    weights: NDArray[np.float32]  # (B, S); (B, 0) from a model without attention

    def at(self, rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """The log-probabilities of some tokens of some rows (index arrays that broadcast).

        In float64 and never below LEAST_LOG_PROBABILITY.
        """
        chosen: NDArray[np.float64] = np.maximum(
            self.log_probabilities[rows, tokens], LEAST_LOG_PROBABILITY, dtype=np.float64
        )
        return chosen


def predict(
    model: Model | Wrapper,
    tokens: NDArray[np.int64],
    memory: Any,
    state: State,
    device: torch.device,
) -> tuple[Prediction, State]:
    """One step of the model for tokens (B,) int64, brought to the host.

    Raises CheckpointError where the model computes NaN.
    """
    # Rules, draws and beams run on the host: the same text on every device, and one copy a step.
    if hasattr(memory, "predict"):
        log_probabilities, weights, state = memory.predict(tokens, state)
        if _has_nan_rows(log_probabilities):
            raise _damaged()
        return Prediction(log_probabilities, weights), state
    network = cast(Model, model)
    logits, state, attention = network.step(torch.from_numpy(tokens).to(device), memory, state)
    return _on_host(logits, attention), state


def predict_with_readout(
    model: ReadoutModel,
    tokens: NDArray[np.int64],
    memory: Any,
    state: State,
    device: torch.device,
) -> tuple[Prediction, NDArray[np.float32], State]:
    """As `predict`, and the readouts (B, D)."""
    token = torch.from_numpy(tokens).to(device)
    logits, state, attention, readout = model.step_with_readout(token, memory, state)
    return _on_host(logits, attention), readout.float().cpu().numpy(), state


def _on_host(logits: Tensor, attention: Tensor) -> Prediction:
    log_probabilities = _log_probabilities(logits.float().cpu())
    return Prediction(log_probabilities, attention.float().cpu().numpy())


def _log_probabilities(logits: Tensor) -> NDArray[np.float32]:
    """The log-softmax of logits (B, V); +inf counts as float32's largest number."""
    result: NDArray[np.float32] = logits.log_softmax(dim=-1).numpy()
    # One logit that is +inf, or all -inf, makes a row NaN too.
    if not _has_nan_rows(result):
        return result
    if logits.isnan().any():
        raise _damaged()
    # Rows without a finite entry have no log-softmax; they keep their -inf.
    finite = logits.clamp(max=torch.finfo(torch.float32).max)
    is_empty = finite.isneginf().all(dim=-1, keepdim=True)  # (B, 1)
    repaired: NDArray[np.float32] = torch.where(
        is_empty, finite, finite.log_softmax(dim=-1)
    ).numpy()
    return repaired


def _has_nan_rows(log_probabilities: NDArray[np.float32]) -> bool:
    """Whether there is a row of NaN: one NaN makes a whole log-softmax NaN, so column 0 tells."""
    column = log_probabilities[:, 0]
    return bool((column != column).any())


def _damaged() -> CheckpointError:
    """The error of a model that computes NaN."""
    return CheckpointError(
        _(
            "the model computes NaN, its weights may be damaged; use another checkpoint or "
            "train again"
        )
    )
