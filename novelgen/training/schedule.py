"""Where a run is: how far its budget is used up, what comes next, and at which learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from novelgen.config import TrainingConfig
from novelgen.models.zoo import present
from novelgen.training.epochs import EpochPlan

# Without --validate-every: once an epoch, but neither all the time on a tiny corpus nor hardly ever
# on a huge one.
_VALIDATION_STEPS = (50, 1000)


class Position(NamedTuple):
    """Where a run is: everything that decides what comes next."""

    step: int = 0  # optimiser steps taken
    epoch: int = 0
    batch: int = 0  # batches of this epoch that are done
    seconds: float = 0.0  # of training so far, validation and earlier sessions included

    def after_step(self, batches: int) -> Position:
        """The position one step on, in an epoch of so many batches."""
        if self.batch + 1 < batches:
            return self._replace(step=self.step + 1, batch=self.batch + 1)
        return self._replace(step=self.step + 1, epoch=self.epoch + 1, batch=0)


def progress(config: TrainingConfig, position: Position, batches: int) -> float:
    """The used share of the budget in 0..1, by whichever of epochs, steps and minutes ends first.

    `batches` is how many the current epoch has.
    """
    shares = [0.0]  # of each budget that is given
    if config.epochs is not None:
        shares.append((position.epoch + position.batch / max(batches, 1)) / config.epochs)
    if config.max_steps is not None:
        shares.append(position.step / config.max_steps)
    if config.max_minutes is not None:
        shares.append(position.seconds / (60 * config.max_minutes))
    return min(1.0, max(shares))


def learning_rate(config: TrainingConfig, step: int, used: float) -> float:
    """The rate of a step, when the share `used` of the budget is spent.

    A linear warm-up over steps, then half a cosine over the budget (Loshchilov and Hutter, 2017)
    down to the final share.
    """
    warm = 1.0
    if config.warmup_steps:
        warm = min(1.0, (step + 1) / config.warmup_steps)
    floor = config.final_learning_rate  # a share of the full rate
    # 1 at the beginning of the budget, `floor` at its end.
    decay = floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * used))
    return present(config.learning_rate) * warm * decay


def teacher_forcing(config: TrainingConfig, used: float) -> float:
    """The share of true tokens that the decoder reads, when `used` of the budget is spent.

    It falls in a line from 1 to its final value: the linear decay of Bengio et al. (2015).
    """
    return 1 - (1 - config.teacher_forcing) * used


class Schedule:
    """The batches of a run one after the other, and what goes with each.

    `plan_epoch` gives the plan of an epoch by its number. `position` is where the run is.
    """

    def __init__(self, config: TrainingConfig, plan_epoch: Callable[[int], EpochPlan]) -> None:
        self.position = Position()
        self._config = config
        self._plan_epoch = plan_epoch
        self._plan: EpochPlan | None = None  # of the epoch last asked for

    @property
    def plan(self) -> EpochPlan:
        """The pairs and batches of the present epoch."""
        return self._epoch(self.position.epoch)

    @property
    def batch(self) -> NDArray[np.int64]:
        """The batch that comes next: indices (B,) of the plan's pairs."""
        return self.plan.batches[self.position.batch]

    @property
    def batch_after(self) -> NDArray[np.int64]:
        """The one after it, empty at the end of an epoch: the next one is planned in its time."""
        batches = self.plan.batches
        if self.position.batch + 1 == len(batches):
            return np.empty(0, dtype=np.int64)
        return batches[self.position.batch + 1]

    @property
    def used(self) -> float:
        """The spent share of the budget, 0..1."""
        return progress(self._config, self.position, len(self.plan.batches))

    @property
    def learning_rate(self) -> float:
        """The rate of the next step."""
        return learning_rate(self._config, self.position.step, self.used)

    @property
    def teacher_forcing(self) -> float:
        """The share of true tokens that the decoder reads in the next step."""
        return teacher_forcing(self._config, self.used)

    def validation_interval(self) -> int:
        """Steps from one validation to the next."""
        if self._config.validate_every:
            return self._config.validate_every
        fewest, most = _VALIDATION_STEPS
        return min(max(len(self._epoch(0).batches), fewest), most)

    def advance(self) -> None:
        """The batch is done: moves on to the next."""
        self.position = self.position.after_step(len(self.plan.batches))

    def set_time(self, seconds: float) -> None:
        """Brings the seconds of training up to date, which a budget of minutes goes by."""
        self.position = self.position._replace(seconds=seconds)

    def _epoch(self, number: int) -> EpochPlan:
        if self._plan is None or self._plan.epoch != number:
            self._plan = self._plan_epoch(number)
        return self._plan
