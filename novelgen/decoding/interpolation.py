"""Writing by a network and an n-gram model together: p(w) = (1 − λ) p_network(w) + λ p_ngram(w).

To everything behind the seam of `novelgen.decoding.protocol` the two are one model.

B rows, S source positions, V vocabulary, K order of the n-gram model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from novelgen.decoding.protocol import Model, State, Wrapper, predict, select, start
from novelgen.models.ngram import NgramModel

Rows = NDArray[np.int64] | Tensor


@dataclass(frozen=True)
class InterpolatedState:
    """The network's state, and the n-gram model's contexts (B, K); None before the first token."""

    network: State
    contexts: NDArray[np.int64] | None

    def select(self, rows: Rows) -> InterpolatedState:
        """The state of the given rows."""
        contexts = self.contexts
        if contexts is not None:
            contexts = contexts[np.asarray(rows)]
        return InterpolatedState(select(self.network, rows), contexts)


@dataclass(frozen=True)
class InterpolatedMemory:
    """The network's memory, which predicts by `model`."""

    model: InterpolatedModel
    network: Any

    def predict(
        self, tokens: NDArray[np.int64], state: InterpolatedState
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], InterpolatedState]:
        """One step after tokens (B,): log-probabilities (B, V), weights (B, S), the next state."""
        model, ngram = self.model, self.model.ngram
        prediction, network = predict(
            model.network, tokens, self.network, state.network, model.device
        )
        # What is read first is no token of the text: it names the task.
        contexts = ngram.start(len(tokens))
        if state.contexts is not None:
            contexts = ngram.advance(state.contexts, tokens)
        probs = np.exp(prediction.log_probabilities)  # (B, V)
        probs *= 1 - model.weight
        probs += model.weight * ngram.distributions(contexts)
        with np.errstate(divide="ignore"):  # PAD and BOS, which are never written
            log_probabilities: NDArray[np.float32] = np.log(probs)
        return log_probabilities, prediction.weights, InterpolatedState(network, contexts)

    @property
    def best_continuations(self) -> Any:
        """Those of the network's memory; an AttributeError where it has none of its own."""
        return self.network.best_continuations

    def select(self, rows: Rows) -> InterpolatedMemory:
        """The memory of the given rows."""
        return dataclasses.replace(self, network=select(self.network, rows))


@dataclass(frozen=True)
class InterpolatedModel:
    """A network with an n-gram model beside it; `weight` is λ."""

    network: Model | Wrapper
    ngram: NgramModel
    weight: float
    device: torch.device

    def start_sources(
        self, sources: Sequence[Sequence[int]]
    ) -> tuple[InterpolatedMemory, InterpolatedState]:
        """As `Wrapper.start_sources`."""
        memory, state = start(self.network, sources, self.device)
        return InterpolatedMemory(self, memory), InterpolatedState(state, None)
