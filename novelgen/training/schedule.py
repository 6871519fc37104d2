"""How far a budget is used up, and the learning rate that goes with it."""

from __future__ import annotations

import math
from typing import NamedTuple

from novelgen.config import TrainingConfig


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
    return config.learning_rate * warm * decay
