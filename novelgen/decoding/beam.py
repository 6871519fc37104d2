"""Beam search, batched over sources and beams.

The search is the classical one (Graves, 2012; Sutskever et al., 2014): of all continuations of a
source's live hypotheses the best ones stay, and a hypothesis that ends leaves the beam, which is
narrower from then on. The rules decide what may be written and steer the pruning, by the
log-probability under the rules; the ranking of the finished hypotheses is the model's own
log-probability / length ** length_penalty, the score that people are shown.

Shapes: R rows are the live hypotheses of all sources; a step leaves N continuations of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from novelgen.decoding.filters import apply
from novelgen.decoding.logits import candidates, log_sum_exp, places_within
from novelgen.decoding.protocol import Hypothesis, Prediction, normalized, predict, select, start
from novelgen.decoding.sampling import Task
from novelgen.text.tokenizers import EOS


class Continuations(NamedTuple):
    """The N hypotheses that one step leaves, best first within each source."""

    parents: NDArray[np.int64]  # (N,) row of the hypothesis that each one extends
    tokens: NDArray[np.int64]  # (N,)
    ruled_log_probs: NDArray[np.float64]  # (N,) under the rules; steers the pruning


def best_continuations(
    logits: NDArray[np.float32],
    is_normal: bool,
    before: NDArray[np.float64],
    items: NDArray[np.int64],
    room: NDArray[np.int64],
) -> Continuations:
    """The likeliest continuations of R rows, as many of each source as its beam holds.

    logits (R, V), under the rules; is_normal says that they are log-probabilities. before (R,) are
    the log-probabilities of the rows so far, items (R,) their sources, ascending, and room (U,)
    what the sources' beams hold, at least 1.
    """
    # 1. A row can place at most a whole beam of continuations, so no more than these compete.
    rows, tokens = candidates(logits, int(room.max()))
    # 2. Their log-probabilities.
    bases = before if is_normal else before - log_sum_exp(logits)
    sums = bases[rows] + logits[rows, tokens]
    # 3. By source, best first. The sort is stable: of equals the first rows and tokens.
    order = np.lexsort((-sums, items[rows]))
    # 4. A beam is narrower by each hypothesis that ended.
    sources = items[rows][order]
    order = order[places_within(sources) < room[sources]]
    return Continuations(rows[order], tokens[order], sums[order])


class _Step(NamedTuple):
    """What one step kept: N tokens, each with its place among those of the step before."""

    parents: NDArray[np.int64]  # (N,)
    tokens: NDArray[np.int64]  # (N,)
    log_probabilities: NDArray[np.float64]  # (N,) the model's own
    weights: NDArray[np.float32]  # (N, S)


class KeptToken(NamedTuple):
    """A token of a beam, as it was kept for a step."""

    parent: int  # place among those of the step before
    token: int
    log_probability: float  # the model's own, of all tokens up to and with it
    ended: bool


class _Ended(NamedTuple):
    """A hypothesis out of the beam: where its last token is, and its score."""

    score: float
    step: int
    place: int
    finished: bool  # by EOS, not by the length limit


class Search:
    """The beams of all sources; `items` (R,) says for which source each live row writes."""

    def __init__(
        self,
        task: Task,
        beam_size: int,
        length_penalty: float,
        count: int,
        best: Callable[..., tuple[NDArray[Any], ...]] = best_continuations,
    ) -> None:
        """`best` is `best_continuations`, or what does the same faster."""
        self._best = best
        self._sources = task.sources
        self._max_length = task.max_length
        self._length_penalty = length_penalty
        self._count = count  # hypotheses that are asked for, of every source
        # The R live hypotheses, at first one a source.
        rows = len(task.sources)
        self.items = np.arange(rows)  # (R,) which source a row writes for; ascending
        self._ruled = np.zeros(rows)  # (R,) log-probability under the rules
        self._own = np.zeros(rows)  # (R,) log-probability of the model itself
        self._places = np.arange(rows)  # (R,) where the row's last token is in the last step
        # What was written: a tree, from which a hypothesis is read backwards.
        self._steps: list[_Step] = []
        self._ended: list[list[_Ended]] = [[] for _ in task.sources]
        # Of every source: the hypotheses that its beam still holds, and the score to pass.
        self._room = np.full(rows, beam_size)
        self._bars = np.full(rows, -np.inf)

    def advance(
        self,
        prediction: Prediction,
        ruled_logits: NDArray[np.float32],
        forced_token: int | None,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Extends the beams by one token; returns the old rows and new tokens of the live ones.

        `ruled_logits` (R, V) are the logits after the rules; not read where a token is forced.
        """
        # 1. Which continuations stay.
        if forced_token is None:
            # Logits that no rule changed are normal already.
            is_normal = ruled_logits is prediction.log_probabilities
            continuations = Continuations(
                *self._best(ruled_logits, is_normal, self._ruled, self.items, self._room)
            )
        else:
            # The opening is given: every hypothesis goes on with the same token, none is dropped.
            continuations = self._forced_continuations(forced_token)
        parents = continuations.parents
        tokens = continuations.tokens
        # 2. They are written down, with the model's own log-probabilities.
        own_step = prediction.at(parents, tokens)  # (N,)
        weights = prediction.weights[parents]  # (N, S)
        self._steps.append(_Step(self._places[parents], tokens, own_step, weights))
        own = self._own[parents] + own_step
        items = self.items[parents]
        # 3. Those that end leave the beam, and so do those that cannot be among the best any more.
        is_out = (tokens == EOS) | (len(self._steps) == self._max_length)
        self._end(is_out.nonzero()[0], items, own, tokens)
        is_live = ~is_out & ~self._beaten(items, own)
        (live,) = is_live.nonzero()  # (R,) of the next step
        self.items = items[live]
        self._ruled = continuations.ruled_log_probs[live]
        self._own = own[live]
        self._places = live
        return parents[live], tokens[live]

    def _forced_continuations(self, token: int) -> Continuations:
        """Every live hypothesis with the same next token, at no cost."""
        rows = np.arange(len(self.items))
        return Continuations(rows, np.full(len(rows), token), self._ruled)

    def _end(
        self,
        places: NDArray[np.int64],
        items: NDArray[np.int64],
        own: NDArray[np.float64],
        tokens: NDArray[np.int64],
    ) -> None:
        """Takes the continuations at `places` of the last step out of their beams."""
        length = len(self._steps)
        for place in places:
            score = normalized(float(own[place]), length, self._length_penalty)
            finished = bool(tokens[place] == EOS)
            item = items[place]
            self._ended[item].append(_Ended(score, length - 1, int(place), finished))
            self._room[item] -= 1
            best = self._ranked(item)
            if len(best) == self._count:
                self._bars[item] = best[-1].score

    def _beaten(self, items: NDArray[np.int64], own: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which hypotheses (N,) cannot be among the `count` best any more, however they go on.

        Log-probabilities are at most 0, so a hypothesis can at best keep its sum and spread it over
        max_length.
        """
        best_score = own / self._max_length**self._length_penalty
        is_beaten: NDArray[np.bool_] = best_score <= self._bars[items]
        return is_beaten

    def stable_prefix(self, item: int) -> Hypothesis:
        """The opening on which all hypotheses of a source agree: it will not change any more."""
        # 1. The last tokens of all hypotheses that may still win, ended or live.
        ends = [(entry.step, entry.place) for entry in self._ranked(item)]
        last = len(self._steps) - 1
        ends += [(last, int(place)) for place in self._places[self.items == item]]
        # 2. How many tokens they have in common.
        paths = [self._path(step, place)[0] for step, place in ends]
        agreed = 0
        for tokens in zip(*paths, strict=False):  # as far as the shortest goes
            if len(set(tokens)) > 1:
                break
            agreed += 1
        step, place = ends[0]
        whole = self._hypothesis(item, step, place, finished=False)
        return Hypothesis(
            whole.tokens[:agreed],
            whole.log_probabilities[:agreed],
            whole.attention[:agreed],
            finished=False,
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

    def kept(self, item: int) -> list[list[KeptToken]]:
        """All tokens that the beam of a source kept, step by step."""
        found: list[list[KeptToken]] = []
        ended = {(entry.step, entry.place) for entry in self._ended[item]}
        # In the first step a row is a source; later a parent is a place of the step before.
        places = {item: 0}
        sums = {item: 0.0}
        for number, step in enumerate(self._steps):
            parents = step.parents.tolist()
            own = [place for place, parent in enumerate(parents) if parent in places]
            if not own:
                break
            after = {place: sums[parents[place]] + step.log_probabilities[place] for place in own}
            found.append(
                [
                    KeptToken(
                        places[parents[place]],
                        int(step.tokens[place]),
                        float(after[place]),
                        (number, place) in ended,
                    )
                    for place in own
                ]
            )
            places = {place: row for row, place in enumerate(own)}
            sums = after
        return found

    def _ranked(self, item: int) -> list[_Ended]:
        return sorted(self._ended[item], key=lambda entry: -entry.score)[: self._count]

    def _path(self, step: int, place: int) -> tuple[list[int], list[int]]:
        """Tokens and places of the hypothesis that ends at `place` of `step`, first to last."""
        tokens, places = [], []
        for entry in reversed(self._steps[: step + 1]):
            tokens.append(int(entry.tokens[place]))
            places.append(place)
            place = int(entry.parents[place])
        return tokens[::-1], places[::-1]

    def _hypothesis(self, item: int, step: int, place: int, finished: bool) -> Hypothesis:
        tokens, places = self._path(step, place)
        path = list(zip(self._steps, places, strict=False))
        source_length = len(self._sources[item])
        return Hypothesis(
            np.array(tokens, dtype=np.int64),
            np.array([entry.log_probabilities[place] for entry, place in path]),
            np.stack([entry.weights[place, :source_length] for entry, place in path]),
            finished,
        )


@torch.inference_mode()
def search(task: Task, beam_size: int, length_penalty: float, count: int) -> Iterator[Search]:
    """Searches the `count` best paragraphs of every source; yields one search after every token."""
    memory, state = start(task.model, task.sources, task.device)
    history = task.history
    best = getattr(memory, "best_continuations", best_continuations)
    beams = Search(task, beam_size, length_penalty, count, best)
    tokens = np.full(len(task.sources), task.first, dtype=np.int64)  # (R,)
    for place in range(task.max_length):
        # 1. The model's prediction for every live hypothesis, and what the rules make of it.
        prediction, state = predict(task.model, tokens, memory, state, task.device)
        ruled_logits = prediction.log_probabilities  # (R, V)
        forced_token = None
        if place < len(task.prefix):
            forced_token = task.prefix[place]
        else:
            ruled_logits = apply(task.rules, ruled_logits, history)
        # 2. The beams go on by one token.
        items = beams.items
        rows, tokens = beams.advance(prediction, ruled_logits, forced_token)
        yield beams
        if not len(rows):
            return
        # 3. State and history follow the hypotheses that live on.
        if rows.tolist() != list(range(len(items))):
            state = select(state, rows)
            history = history.select(rows)
            # The hypotheses of one source share its memory: it moves only when a beam grows or
            # shrinks.
            if beams.items.tolist() != items.tolist():
                memory = select(memory, rows)
        history.append(tokens)
