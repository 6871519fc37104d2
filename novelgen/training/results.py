"""What training says of itself: after a validation, and at its end. Imports no torch."""

from __future__ import annotations

from typing import Literal, NamedTuple

Reason = Literal["budget", "patience", "interrupted"]
"""Why training ended: the budget is spent, nothing improves any more, or it was stopped."""


class Validation(NamedTuple):
    """What a validation found."""

    step: int
    bits_per_character: float
    is_best: bool


class Outcome(NamedTuple):
    """How training ended."""

    reason: Reason
    best: float | None  # validation BPC of the weights that were kept
    step: int  # at which the run is now
    steps_taken: int  # by this call; 0 where the budget was spent before it
    is_sample: bool  # whether `best` is that of a sample of the validation pairs
