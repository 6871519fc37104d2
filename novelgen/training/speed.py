"""How fast a machine trains, by the size of a step: measured in the first steps of a training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from novelgen.config import TrainingConfig


class Trial(NamedTuple):
    """Steps whose speed is measured."""

    config: TrainingConfig
    steps: int
    slow: int  # the first of them, in which kernels are compiled and memory is taken


class Timing(NamedTuple):
    """What a step of a trial has taken, on average."""

    characters: float  # of its targets
    seconds: float


class Speed(NamedTuple):
    """What a step takes, in seconds: for itself, and for each character of its targets."""

    step: float
    character: float

    @classmethod
    def measured(cls, timings: Sequence[Timing]) -> Speed:
        """The line through the timings of two trials; through the origin where there is one."""
        small, large = timings[0], timings[-1]
        if large.characters > small.characters:
            character = (large.seconds - small.seconds) / (large.characters - small.characters)
            step = small.seconds - character * small.characters
            if character > 0 and step >= 0:
                return cls(step, character)
        # Of two that contradict each other, the larger one is less by chance.
        return cls(0.0, max(large.seconds, 1e-9) / large.characters)

    def in_batches(self, characters: float) -> float:
        """Target characters a second, in steps of so many."""
        return characters / (self.step + self.character * characters)
