"""Validation: how well a model predicts pairs that it does not learn from, in little of the time.

Where the whole validation part would take too long, a sample of it is measured. It is the same in
every validation of a run, so that their values compare.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from novelgen.config import TrainingConfig
from novelgen.data.pairs import Pairs
from novelgen.i18n import _
from novelgen.training.distributed import SINGLE_PROCESS, Ranks
from novelgen.training.hardware import choose_precision
from novelgen.training.loss import LossStats, evaluate_loss

# Of the characters that were trained. Measured in float32 on a CPU, a training step takes 2.7 times
# as long for a character as a validation: this is 4.4 % of the time.
_SHARE = 0.12
# Fewer would tell nothing, however short the training.
_FEWEST = 5_000


def affordable_characters(trained: int) -> int:
    """How many target characters are worth measuring after `trained` of them."""
    return max(_FEWEST, round(_SHARE * trained))


def sample_size(pairs: int, characters: int, affordable: int) -> int:
    """How many of `pairs` hold so many of their `characters` as are affordable; all at most."""
    return math.ceil(pairs * min(1.0, affordable / max(characters, 1)))


class Measurement(NamedTuple):
    """What a validation found."""

    by_task: dict[str, LossStats]  # the main task first
    is_sample: bool

    @property
    def main(self) -> LossStats:
        """The loss of the main task, which decides."""
        return next(iter(self.by_task.values()))

    def record(self) -> dict[str, Any]:
        """What the journal keeps of it."""
        record: dict[str, Any] = {
            "validation_bpc": self.main.bits_per_character,
            "validation_perplexity": self.main.perplexity,
            "validation_pairs": self.main.pairs,
            "validation_is_sample": self.is_sample,
        }
        # Of a single task there is nothing to tell beside its value.
        if len(self.by_task) > 1:
            values = {name: stats.bits_per_character for name, stats in self.by_task.items()}
            record["validation_bpc_by_task"] = values
        return record

    def notes(self) -> list[str]:
        """What a person is told of it beside the main value."""
        notes = []
        if self.is_sample:
            notes.append(_("sample of {pairs:,} pairs").format(pairs=self.main.pairs))
        if len(self.by_task) > 1:
            for name, stats in self.by_task.items():
                notes.append(f"{name} {stats.bits_per_character:.3f}")
        return notes


class Validator:
    """Measures the validation pairs of each task, or a random sample of them.

    The first validation decides how many: what is affordable after the training before it, which is
    that between two validations, or all that the budget allowed. So a run with a budget of steps or
    epochs measures the same pairs whenever it is run, and on any machine.
    """

    def __init__(
        self,
        model: nn.Module,
        config: TrainingConfig,
        parts: Mapping[str, Pairs],
        device: torch.device,
        ranks: Ranks = SINGLE_PROCESS,
    ) -> None:
        self._model = model
        self._parts = parts
        self._batch_tokens = config.evaluation_tokens
        self._device = device
        self._precision = choose_precision(config.precision, device)
        self._ranks = ranks
        self.characters_of_all = sum(int(p.target_characters.sum()) for p in parts.values())
        self.characters: int | None = None  # to be measured; None before the first validation

    @property
    def is_sample(self) -> bool:
        """Whether validations measure less than all pairs."""
        return self.characters is not None and self.characters < self.characters_of_all

    def measure(self, trained: int) -> Measurement:
        """A validation, when the run has trained so many characters."""
        if self.characters is None:
            self.characters = affordable_characters(trained)
        return self._measure(self.characters)

    def is_whole_affordable(self, trained: int) -> bool:
        """Whether validations measure a sample, and at the end there is time for all pairs."""
        return self.is_sample and self.characters_of_all <= affordable_characters(trained)

    def measure_whole(self) -> Measurement:
        """All pairs."""
        return self._measure(self.characters_of_all)

    @property
    def main_pairs(self) -> Pairs:
        """Those of the main task's pairs that validations measure."""
        characters = self.characters_of_all if self.characters is None else self.characters
        return self._sample(next(iter(self._parts.values())), characters)

    def _sample(self, pairs: Pairs, characters: int) -> Pairs:
        # The same share of every task's pairs.
        return pairs.sample(sample_size(len(pairs), self.characters_of_all, characters))

    def _measure(self, characters: int) -> Measurement:
        found = {}
        for name, pairs in self._parts.items():
            found[name] = evaluate_loss(
                self._model,
                self._sample(pairs, characters),
                batch_tokens=self._batch_tokens,
                device=self._device,
                precision=self._precision,
                ranks=self._ranks,
            )
        return Measurement(found, characters < self.characters_of_all)
