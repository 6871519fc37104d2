"""Several targets for one source, told apart by the decoder's first token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from novelgen.config import TASKS, DataConfig
from novelgen.data.pairs import Pairs
from novelgen.data.store import Store
from novelgen.errors import ConfigError, CorpusError
from novelgen.text.tokenizers import BOS

_DRAW = 1  # tells the draw of an epoch's tasks from that of its batches


def first_tokens(config: DataConfig, vocabulary_size: int) -> dict[str, int]:
    """The first token of every task in use, in the order of `--tasks`.

    "next" begins after BOS, as without tasks; the others after tokens of their own behind the vocabulary, whose ids do not
    depend on the order or the weights.
    """
    others = [name for name in TASKS if name in config.task_weights and name != "next"]
    ids = {"next": BOS, **{name: vocabulary_size + place for place, name in enumerate(others)}}
    return {name: ids[name] for name in config.task_weights}


def trained_task(config: DataConfig, asked: str | None = None) -> str:
    """A task that a model of this configuration has; if none is asked for the main one. Raises ConfigError for another."""
    known = tuple(config.task_weights)
    if asked is not None and asked not in known:
        raise ConfigError(
            f"--task {asked}：这个模型没有练过，它会的是 {'、'.join(known)}；请另选，或用 --tasks 另练一个 | this model was "
            f"not trained for it but for {', '.join(known)}; choose one of these, or train another with --tasks"
        )
    return asked or known[0]


def pairs_of(store: Store, part: str, config: DataConfig, asked: str | None = None) -> Pairs:
    """The pairs of a part for a task, or the main one. Raises ConfigError as `trained_task`, and CorpusError where there are none."""
    task = trained_task(config, asked)
    first = first_tokens(config, store.meta["vocabulary_size"])[task]
    pairs = Pairs.from_store(store, part, config.context_paragraphs, task, first)
    if not len(pairs):
        raise CorpusError(
            f"{store.directory}：语料太小，{part} 部分没有任务 {task} 的一对；请换长一些的小说，或别的任务 | the corpus is "
            f"too small: its {part} part has no pair of the task {task}; take a longer novel, or another task"
        )
    return pairs


def pairs_by_task(store: Store, part: str, config: DataConfig) -> dict[str, Pairs]:
    """The pairs of a part for every task, the main one first; raises as `pairs_of`."""
    return {task: pairs_of(store, part, config, task) for task in config.task_weights}


@dataclass(frozen=True)
class TaskPairs:
    """The training pairs of several tasks, which share their ids. The first task is the main one."""

    pairs: Mapping[str, Pairs]
    weights: Mapping[str, float]

    def epoch(self, seed: int, number: int) -> Pairs:
        """As many pairs as the main task has, each of a task that is drawn by its weight: a pure function of seed and number.

        Of each task they are different ones as far as it has so many.
        """
        generator = np.random.default_rng(np.random.SeedSequence([seed, number, _DRAW]))
        shares = np.array([self.weights[name] for name in self.pairs])
        count = len(next(iter(self.pairs.values())))
        drawn = generator.choice(len(shares), size=count, p=shares / shares.sum())
        chosen = [
            each.subset(
                np.resize(generator.permutation(len(each)), np.count_nonzero(drawn == place))
            )
            for place, each in enumerate(self.pairs.values())
        ]
        columns = {
            spec.name: np.concatenate([getattr(each, spec.name) for each in chosen])
            for spec in fields(Pairs)
            if spec.name not in ("source_ids", "target_ids")
        }
        return replace(chosen[0], **columns)


def training_pairs(store: Store, config: DataConfig) -> Pairs | TaskPairs:
    """What a model is trained on. Raises CorpusError as `pairs_of` does."""
    pairs = pairs_by_task(store, "train", config)
    return TaskPairs(pairs, config.task_weights) if len(pairs) > 1 else next(iter(pairs.values()))
