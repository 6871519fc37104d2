"""Early stopping: the end of a training that does not improve any more."""

from __future__ import annotations

import math
from typing import Any


class EarlyStopping:
    """The best validation so far, and how many since then were no better.

    Values are bits per character: lower is better, and what is not finite is never the best.
    """

    def __init__(self, patience: int) -> None:
        self.best: float | None = None
        self._patience = patience
        self._misses = 0  # validations since the best one

    def update(self, value: float) -> bool:
        """Counts a validation; returns whether it is the best so far."""
        is_best = math.isfinite(value) and (self.best is None or value < self.best)
        self._misses += 1
        if is_best:
            self._misses = 0
            self.best = value
        return is_best

    @property
    def is_over(self) -> bool:
        """Whether as many validations in a row as `patience` allows were no better."""
        return self._misses >= self._patience

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run goes on from; the patience is that of its own configuration."""
        return {"best": self.best, "misses": self._misses}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from what `state_dict` returned; other keys are left alone."""
        self.best = state["best"]
        self._misses = state["misses"]
