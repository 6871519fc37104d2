"""Greedy writing and sampling: every row goes its own way, all rows advance together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from novelgen.decoding.filters import Rule, apply
from novelgen.decoding.history import History
from novelgen.decoding.protocol import Hypothesis, Model, predict, start
from novelgen.text.tokenizers import BOS, EOS, PAD

# Given filtered logits (B, V) and which rows are still being written (B,), the next token of each row (B,) int64.
Choice = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Task(NamedTuple):
    """What to write: one paragraph for each of B sources."""

    model: Model
    device: torch.device
    sources: Sequence[Sequence[int]]  # tokens, EOS behind every segment
    history: History  # of B rows, nothing written yet
    rules: Sequence[Rule]
    max_length: int  # tokens of a paragraph, the prefix and EOS included
    prefix: Sequence[int] = ()  # tokens that every paragraph begins with
    first: int = BOS  # what the model reads before a paragraph: it tells what to write


class Draft:
    """B paragraphs on their way, one token longer after every step."""

    def __init__(self, sources: Sequence[Sequence[int]]) -> None:
        self._source_lengths = [len(source) for source in sources]
        self._steps: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._lengths = np.zeros(len(sources), dtype=np.int64)
        self.live = np.ones(len(sources), dtype=bool)

    def add(self, tokens: np.ndarray, log_probabilities: np.ndarray, weights: np.ndarray) -> None:
        """One more step of all rows: (B,) int64, (B,) float64, (B, S) float32."""
        self._steps.append((tokens, log_probabilities, weights))
        self._lengths += self.live
        self.live = self.live & (tokens != EOS)

    def stable_prefix(self, row: int) -> Hypothesis:
        """What is written of a row's paragraph so far."""
        steps = self._steps[: self._lengths[row]]
        return Hypothesis(
            np.array([tokens[row] for tokens, _, _ in steps], dtype=np.int64),
            np.array([values[row] for _, values, _ in steps], dtype=np.float64),
            np.stack([weights[row, : self._source_lengths[row]] for _, _, weights in steps]),
            not self.live[row],
        )

    def hypotheses(self) -> list[list[Hypothesis]]:
        """For every source a list with its one paragraph."""
        return [[self.stable_prefix(row)] for row in range(len(self.live))]


# As a decorator: a `with` inside a generator would leave inference mode switched on for the caller between steps.
@torch.inference_mode()
def write(task: Task, choose: Choice) -> Iterator[Draft]:
    """Writes one paragraph a source and yields the same growing draft after every token."""
    memory, state = start(task.model, task.sources, task.device)
    history, draft = task.history, Draft(task.sources)
    rows = np.arange(len(task.sources))
    tokens = np.full(len(rows), task.first, dtype=np.int64)
    for place in range(task.max_length):
        prediction, state = predict(task.model, tokens, memory, state, task.device)
        if place < len(task.prefix):
            tokens = np.full(len(rows), task.prefix[place], dtype=np.int64)
        else:
            chosen = choose(apply(task.rules, prediction.log_probabilities, history), draft.live)
            tokens = np.where(draft.live, chosen, PAD)
        draft.add(tokens, prediction.at(rows, tokens), prediction.weights)
        history.append(tokens)
        yield draft
        if not draft.live.any():
            return


def greedy(logits: np.ndarray, live: np.ndarray) -> np.ndarray:
    """The likeliest token of each row; of equals the first in the vocabulary."""
    return logits.argmax(axis=-1)


class SeededSampler:
    """Draws by the inverse distribution function, one uniform number a written token from each row's own generator.

    So a row's text depends on its seed alone, not on the rows beside it.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._generators = [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]

    def __call__(self, logits: np.ndarray, live: np.ndarray) -> np.ndarray:
        """Draws from softmax(logits) (B, V); rows that are not live use up no number."""
        return np.array(
            [
                _draw(values, generator.random()) if is_live else PAD
                for values, generator, is_live in zip(logits, self._generators, live, strict=True)
            ]
        )


def _draw(logits: np.ndarray, uniform: float) -> int:
    """The token of one row (V,) at which the distribution function of softmax(logits) passes `uniform` in [0, 1)."""
    allowed = np.flatnonzero(~np.isneginf(logits))
    values = logits[allowed].astype(np.float64)
    cumulative = np.cumsum(np.exp(values - values.max()))
    place = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
    # uniform · total may round up to the total itself; the last token with any probability is meant then.
    return int(allowed[min(place, np.searchsorted(cumulative, cumulative[-1]))])
