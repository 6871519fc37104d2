"""What is trained in an epoch: which pairs, in which batches."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from novelgen.config import TrainingConfig
from novelgen.data.batches import plan_batches
from novelgen.data.pairs import Pairs
from novelgen.data.tasks import TaskPairs
from novelgen.models.zoo import present


class EpochPlan(NamedTuple):
    """The pairs of one epoch and its batches."""

    epoch: int
    pairs: Pairs
    batches: list[NDArray[np.int64]]  # indices of `pairs`, (B,) each


def plan_epoch(train: Pairs | TaskPairs, config: TrainingConfig, epoch: int) -> EpochPlan:
    """The plan of an epoch: a pure function of its number and the seed."""
    # Of several tasks every epoch draws other pairs.
    pairs = train.epoch(config.seed, epoch)
    batches = plan_batches(
        pairs.source_lengths,
        pairs.target_lengths,
        batch_tokens=present(config.batch_tokens),
        seed=config.seed,
        epoch=epoch,
    )
    return EpochPlan(epoch, pairs, batches)
