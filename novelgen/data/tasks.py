"""Several targets for one source, told apart by the decoder's first token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from novelgen.config import TASKS, DataConfig
from novelgen.data.pairs import PER_PAIR, Pairs
from novelgen.data.store import Store
from novelgen.errors import ConfigError, CorpusError
from novelgen.i18n import _, join_list
from novelgen.text.tokenizers import BOS

# Tells the random numbers of an epoch's tasks from those of its batches.
_TASK_STREAM = 1


def first_tokens(config: DataConfig, vocabulary_size: int) -> dict[str, int]:
    """The first token of every task in use, in the order of `--tasks`.

    "next" begins after BOS, as without tasks; the others after tokens of their own behind the
    vocabulary, whose ids do not depend on the order or the weights.
    """
    # In the order of TASKS, not of the option: an id means the same task in every run.
    others = [name for name in TASKS if name in config.task_weights and name != "next"]
    ids = {"next": BOS}
    for place, name in enumerate(others):
        ids[name] = vocabulary_size + place
    return {name: ids[name] for name in config.task_weights}


def trained_task(config: DataConfig, asked: str | None = None) -> str:
    """The task `asked` for, or the main one; raises ConfigError if the model does not have it."""
    known = tuple(config.task_weights)
    if asked is not None and asked not in known:
        raise ConfigError(
            _(
                "--task {task}: this model was not trained for it but for {known}; choose one of "
                "these, or train another model with --tasks"
            ).format(task=asked, known=join_list(known))
        )
    return asked or known[0]


def pairs_of(store: Store, part: str, config: DataConfig, asked: str | None = None) -> Pairs:
    """The pairs of a part for a task, by default the main one.

    Raises ConfigError as `trained_task`, and CorpusError where there are none.
    """
    task = trained_task(config, asked)
    first = first_tokens(config, store.meta["vocabulary_size"])[task]
    pairs = Pairs.from_store(store, part, config.context_paragraphs, task, first)
    if not len(pairs):
        raise CorpusError(
            _(
                "{directory}: the corpus is too small: its {part} part has no pair of the task "
                "{task}; take a longer novel, or another task"
            ).format(directory=store.directory, part=part, task=task)
        )
    return pairs


def pairs_by_task(store: Store, part: str, config: DataConfig) -> dict[str, Pairs]:
    """The pairs of a part for every task, the main one first; raises as `pairs_of`."""
    return {task: pairs_of(store, part, config, task) for task in config.task_weights}


@dataclass(frozen=True)
class TaskPairs:
    """The training pairs of several tasks, which share their ids; the first is the main one."""

    pairs: Mapping[str, Pairs]
    weights: Mapping[str, float]

    def epoch(self, seed: int, number: int) -> Pairs:
        """As many pairs as the main task has, each of a task that is drawn by its weight.

        A pure function of seed and number. Of each task they are different pairs as far as it has
        so many.
        """
        generator = np.random.default_rng(np.random.SeedSequence([seed, number, _TASK_STREAM]))
        weights = np.array([self.weights[name] for name in self.pairs])
        count = len(next(iter(self.pairs.values())))

        # 1. (count,) the task of every pair.
        drawn = generator.choice(len(weights), size=count, p=weights / weights.sum())

        # 2. So many pairs of each task, in a random order that begins again when they run out.
        chosen = []
        for place, pairs in enumerate(self.pairs.values()):
            wanted = np.count_nonzero(drawn == place)
            order = np.resize(generator.permutation(len(pairs)), wanted)
            chosen.append(pairs.subset(order))

        # 3. All of them as one; the ids are shared already.
        columns = {
            name: np.concatenate([getattr(pairs, name) for pairs in chosen]) for name in PER_PAIR
        }
        return replace(chosen[0], **columns)


def training_pairs(store: Store, config: DataConfig) -> Pairs | TaskPairs:
    """What a model is trained on. Raises CorpusError as `pairs_of` does."""
    pairs = pairs_by_task(store, "train", config)
    if len(pairs) == 1:
        return next(iter(pairs.values()))
    return TaskPairs(pairs, config.task_weights)
