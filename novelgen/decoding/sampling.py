"""Greedy writing and sampling: every row goes its own way, all rows advance together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from novelgen.decoding.filters import apply
from novelgen.decoding.history import History
from novelgen.decoding.logits import Rule
from novelgen.decoding.protocol import Hypothesis, Model, Wrapper, predict, start
from novelgen.text.tokenizers import BOS, EOS, PAD

# The next token (B,) of each row, for filtered logits (B, V) and which rows are still live (B,).
Choice = Callable[[NDArray[Any], NDArray[np.bool_]], NDArray[np.int64]]


class Task(NamedTuple):
    """What to write: one paragraph for each of B sources."""

    model: Model | Wrapper
    device: torch.device
    sources: Sequence[Sequence[int]]  # tokens, EOS behind every segment
    history: History  # of B rows, nothing written yet
    rules: Sequence[Rule]
    max_length: int  # tokens of a paragraph, the prefix and EOS included
    prefix: Sequence[int] = ()  # tokens that every paragraph begins with
    first: int = BOS  # what the model reads before a paragraph: it names the task


class _Step(NamedTuple):
    """What one step wrote in every row."""

    tokens: NDArray[np.int64]  # (B,)
    log_probabilities: NDArray[np.float64]  # (B,)
    weights: NDArray[np.float32]  # (B, S)


class Draft:
    """B paragraphs that are being written, one token longer after every step."""

    def __init__(self, sources: Sequence[Sequence[int]]) -> None:
        self._source_lengths = [len(source) for source in sources]
        self._steps: list[_Step] = []
        self._lengths = np.zeros(len(sources), dtype=np.int64)  # (B,) tokens, EOS included
        self.live = np.ones(len(sources), dtype=bool)  # (B,) EOS is not reached yet

    def add(
        self,
        tokens: NDArray[np.int64],
        log_probabilities: NDArray[np.float64],
        weights: NDArray[np.float32],
    ) -> None:
        """One more step of all rows: (B,) int64, (B,) float64, (B, S) float32."""
        self._steps.append(_Step(tokens, log_probabilities, weights))
        self._lengths += self.live
        self.live = self.live & (tokens != EOS)

    def stable_prefix(self, row: int) -> Hypothesis:
        """What is written of a row's paragraph so far; a sample never changes what it wrote."""
        steps = self._steps[: self._lengths[row]]
        source_length = self._source_lengths[row]
        return Hypothesis(
            np.array([step.tokens[row] for step in steps], dtype=np.int64),
            np.array([step.log_probabilities[row] for step in steps], dtype=np.float64),
            np.stack([step.weights[row, :source_length] for step in steps]),
            not self.live[row],
        )

    def hypotheses(self) -> list[list[Hypothesis]]:
        """For every source a list with its one paragraph."""
        return [[self.stable_prefix(row)] for row in range(len(self.live))]


# As a decorator: a `with` inside a generator would leave inference mode switched on for the caller
# between steps.
@torch.inference_mode()
def write(task: Task, choose: Choice) -> Iterator[Draft]:
    """Writes one paragraph a source; yields the same growing draft after every token."""
    memory, state = start(task.model, task.sources, task.device)
    history = task.history
    draft = Draft(task.sources)
    rows = np.arange(len(task.sources))
    tokens = np.full(len(rows), task.first, dtype=np.int64)  # (B,)
    for place in range(task.max_length):
        prediction, state = predict(task.model, tokens, memory, state, task.device)
        if place < len(task.prefix):
            tokens = np.full(len(rows), task.prefix[place], dtype=np.int64)
        else:
            filtered = apply(task.rules, prediction.log_probabilities, history)  # (B, V)
            # Rows that have ended go on with PAD, so that all rows stay in step.
            tokens = np.where(draft.live, choose(filtered, draft.live), PAD)
        draft.add(tokens, prediction.at(rows, tokens), prediction.weights)
        history.append(tokens)
        yield draft
        if not draft.live.any():
            return


def greedy(
    logits: NDArray[Any],
    live: NDArray[np.bool_],  # noqa: ARG001 - every Choice is called with it
) -> NDArray[np.int64]:
    """The likeliest token of each row; of equals the first in the vocabulary."""
    likeliest: NDArray[np.int64] = logits.argmax(axis=-1)
    return likeliest


class SeededSampler:
    """Draws tokens, one uniform number for each from the generator of its row.

    So a row's text depends on its seed alone, not on the rows beside it.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._generators = [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]

    def __call__(self, logits: NDArray[Any], live: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Draws from softmax(logits) (B, V); rows that are not live use up no number."""
        tokens = []
        for values, generator, is_live in zip(logits, self._generators, live, strict=True):
            token = PAD
            if is_live:
                token = _draw(values, generator.random())
            tokens.append(token)
        return np.array(tokens)


def _draw(logits: NDArray[Any], uniform: float) -> int:
    """The token of one row (V,) at which the distribution function passes `uniform` in [0, 1).

    That is the inverse of the distribution function of softmax(logits).
    """
    allowed = np.flatnonzero(logits > -np.inf)  # tokens that have a probability
    values = logits[allowed].astype(np.float64)
    cumulative = np.cumsum(np.exp(values - values.max()))
    place = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
    # uniform · total may round up to the total itself; then the last token with any probability is
    # meant.
    return int(allowed[min(place, np.searchsorted(cumulative, cumulative[-1]))])
