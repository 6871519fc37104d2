"""How far a budget is used up, and the learning rate that goes with it."""

from __future__ import annotations

import math
from typing import NamedTuple

from novelgen.config import TrainingConfig


class Position(NamedTuple):
    """Where a run stands: everything that decides what comes next."""

    step: int = 0  # optimiser steps taken
    epoch: int = 0
    batch: int = 0  # batches of this epoch that are done
    seconds: float = 0.0  # of training so far, validation and earlier sessions included


def progress(config: TrainingConfig, position: Position, batches: int) -> float:
    """The used share of the budget in 0..1, by whichever of epochs, steps and minutes ends first.

    `batches` is how many the current epoch has.
    """
    shares = [0.0]
    if config.epochs is not None:
        shares.append((position.epoch + position.batch / max(batches, 1)) / config.epochs)
    if config.max_steps is not None:
        shares.append(position.step / config.max_steps)
    if config.max_minutes is not None:
        shares.append(position.seconds / (60 * config.max_minutes))
    return min(1.0, max(shares))


def learning_rate(config: TrainingConfig, step: int, used: float) -> float:
    """Linear warm-up over steps, then a half cosine over the budget (Loshchilov and Hutter, 2017) to the final share."""
    warm = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    floor = config.final_learning_rate
    return (
        config.learning_rate * warm * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * used)))
    )
