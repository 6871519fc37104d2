"""Beam search, batched over sources and beams.

The search is the classical one (Graves, 2012; Sutskever et al., 2014): of all continuations of a source's live
hypotheses the best ones stay, and a hypothesis that ends leaves the beam, which is narrower from then on. The rules
decide what may be written and steer the pruning, by the log-probability under the rules; the ranking of the finished
hypotheses is the model's own log-probability / length ** length_penalty, the score that people are shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from novelgen.decoding.filters import apply, largest, log_sum_exp, places_within
from novelgen.decoding.protocol import Hypothesis, Prediction, normalized, predict, select, start
from novelgen.decoding.sampling import Task
from novelgen.text.tokenizers import EOS


class _Step(NamedTuple):
    """What one step kept: N continuations, each with its place among those of the step before."""

    parents: np.ndarray  # (N,)
    tokens: np.ndarray  # (N,)
    log_probabilities: np.ndarray  # (N,) float64, the model's own
    weights: np.ndarray  # (N, S)


class _Ended(NamedTuple):
    """A hypothesis out of the beam: where its last token is, and its score."""

    score: float
    step: int
    place: int
    finished: bool


class Search:
    """The beams of all sources. `items`, `steered`, `own` and `places` describe the R live hypotheses, in rows."""

    def __init__(self, task: Task, beam_size: int, length_penalty: float, count: int) -> None:
        self._sources, self._max_length = task.sources, task.max_length
        self._beam_size, self._length_penalty, self._count = beam_size, length_penalty, count
        rows = len(task.sources)
        self.items = np.arange(rows)  # which source a row writes for; ascending
        self._steered = np.zeros(rows)  # log-probability under the rules
        self._own = np.zeros(rows)  # log-probability of the model itself
        self._places = np.arange(rows)  # where the row's last token stands in the last step
        self._steps: list[_Step] = []
        self._ended: list[list[_Ended]] = [[] for _ in task.sources]

    def advance(
        self,
        prediction: Prediction,
        rules_logits: np.ndarray | None,
        forced: int | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Extends the beams by one token and returns, for the rows that live on, their old rows and new tokens.

        `rules_logits` (R, V) are the logits after the rules; not needed where the next token is `forced`.
        """
        if forced is not None:
            rows, tokens, steered = (
                np.arange(len(self.items)),
                np.full(len(self.items), forced),
                self._steered,
            )
        else:
            is_normal = rules_logits is prediction.log_probabilities
            log_total = np.zeros(len(self.items)) if is_normal else log_sum_exp(rules_logits)
            rows, tokens, steered = self._best(rules_logits, log_total)
        own_step = prediction.at(rows, tokens)
        self._steps.append(_Step(self._places[rows], tokens, own_step, prediction.weights[rows]))
        own = self._own[rows] + own_step
        items, length = self.items[rows], len(self._steps)
        out = (tokens == EOS) | (length == self._max_length)
        for place in np.flatnonzero(out):
            score = normalized(float(own[place]), length, self._length_penalty)
            self._ended[items[place]].append(
                _Ended(score, length - 1, int(place), bool(tokens[place] == EOS))
            )
        live = np.flatnonzero(~out & ~self._beaten(items, own))
        self.items, self._steered, self._own, self._places = (
            items[live],
            steered[live],
            own[live],
            live,
        )
        return rows[live], tokens[live]

    def _best(
        self, logits: np.ndarray, log_total: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, tokens and log-probabilities of the continuations that stay, by source, best first."""
        # A row can place at most beam_size continuations, so no more than these compete.
        rows, tokens = largest(logits, self._beam_size)
        steered = self._steered[rows] + logits[rows, tokens] - log_total[rows]
        order = np.lexsort(
            (-steered, self.items[rows])
        )  # it is stable: of equals the first rows and tokens
        items = self.items[rows[order]]
        room = np.array([self._beam_size - len(ended) for ended in self._ended])
        order = order[places_within(items) < room[items]]
        return rows[order], tokens[order], steered[order]

    def _beaten(self, items: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Which hypotheses cannot come among the `count` best any more, however they go on.

        Log-probabilities are at most 0, so a hypothesis can at best keep its sum and spread it over max_length.
        """
        bars = np.full(len(self._ended), -np.inf)
        for item, ended in enumerate(self._ended):
            if len(ended) >= self._count:
                bars[item] = sorted((entry.score for entry in ended), reverse=True)[self._count - 1]
        return own / self._max_length**self._length_penalty <= bars[items]

    def stable_prefix(self, item: int) -> Hypothesis:
        """The opening on which all hypotheses of a source agree: it will not change any more."""
        ends = [(entry.step, entry.place) for entry in self._ranked(item)]
        ends += [(len(self._steps) - 1, int(place)) for place in self._places[self.items == item]]
        paths = [self._path(*end)[0] for end in ends]
        agreed = 0
        while (
            all(len(path) > agreed for path in paths) and len({path[agreed] for path in paths}) == 1
        ):
            agreed += 1
        whole = self._hypothesis(item, *ends[0], finished=False)
        return Hypothesis(
            whole.tokens[:agreed], whole.log_probabilities[:agreed], whole.attention[:agreed], False
        )

    def hypotheses(self) -> list[list[Hypothesis]]:
        """The `count` best of every source, best first; fewer where the rules allow fewer."""
        return [
            [
                self._hypothesis(item, entry.step, entry.place, entry.finished)
                for entry in self._ranked(item)
            ]
            for item in range(len(self._sources))
        ]

    def _ranked(self, item: int) -> list[_Ended]:
        return sorted(self._ended[item], key=lambda entry: -entry.score)[: self._count]

    def _path(self, step: int, place: int) -> tuple[list[int], list[int]]:
        """Tokens and places of the hypothesis that ends at `place` of `step`, from its beginning."""
        tokens, places = [], []
        for entry in reversed(self._steps[: step + 1]):
            tokens.append(int(entry.tokens[place]))
            places.append(place)
            place = int(entry.parents[place])
        return tokens[::-1], places[::-1]

    def _hypothesis(self, item: int, step: int, place: int, finished: bool) -> Hypothesis:
        tokens, places = self._path(step, place)
        trail = list(zip(self._steps, places, strict=False))
        return Hypothesis(
            np.array(tokens, dtype=np.int64),
            np.array([entry.log_probabilities[place] for entry, place in trail]),
            np.stack([entry.weights[place, : len(self._sources[item])] for entry, place in trail]),
            finished,
        )


@torch.inference_mode()
def search(task: Task, beam_size: int, length_penalty: float, count: int) -> Iterator[Search]:
    """Searches the `count` best paragraphs for every source; yields the same search after every token."""
    memory, state = start(task.model, task.sources, task.device)
    history, beams = task.history, Search(task, beam_size, length_penalty, count)
    tokens = np.full(len(task.sources), task.first, dtype=np.int64)
    for place in range(task.max_length):
        prediction, state = predict(task.model, tokens, memory, state, task.device)
        forced = task.prefix[place] if place < len(task.prefix) else None
        rules_logits = (
            apply(task.rules, prediction.log_probabilities, history) if forced is None else None
        )
        items = beams.items
        rows, tokens = beams.advance(prediction, rules_logits, forced)
        yield beams
        if not len(rows):
            return
        if not np.array_equal(rows, np.arange(len(items))):
            chosen = torch.from_numpy(rows).to(task.device)
            state, history = select(state, chosen), history.select(rows)
            # The hypotheses of one source share its memory: it moves only when a beam grows or shrinks.
            if not np.array_equal(beams.items, items):
                memory = select(memory, chosen)
        history.append(tokens)
