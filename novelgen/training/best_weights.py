"""The validations of a run: each is measured and recorded, and the best weights are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from novelgen.config import TrainingConfig
from novelgen.data.pairs import Pairs
from novelgen.training.baselines import Baselines, beaten, standing_note
from novelgen.training.distributed import Ranks
from novelgen.training.early_stopping import EarlyStopping
from novelgen.training.logbook import Logbook
from novelgen.training.loss import LossStats
from novelgen.training.progress import averaged_note, validation_note, whole_note
from novelgen.training.results import Validation
from novelgen.training.run_directory import RunDirectory
from novelgen.training.schedule import Position
from novelgen.training.validation import Validator

# How much more of the first weights each mean has than the one before, and the most.
_SHARE = 0.05
_MOST_SHARES = 10


class BestWeights:
    """Keeps in `run` the weights of `model` that did best in validation.

    `valid` are the validation pairs of each task. The first is the main one, which decides; the
    others are reported. `baselines`, where given, are what a validation is compared with. `start`,
    where given, returns the weights that the run began with, on any device. All ranks measure, and
    rank 0 alone writes.
    """

    def __init__(
        self,
        model: nn.Module,
        config: TrainingConfig,
        valid: Mapping[str, Pairs],
        run: RunDirectory,
        log: Logbook,
        ranks: Ranks,
        baselines: Baselines | None = None,
        start: Callable[[], Mapping[str, Tensor]] | None = None,
    ) -> None:
        """`model` must be on the device of its rank."""
        self._model = model
        self._run = run
        self._log = log
        self._ranks = ranks
        self._baselines = baselines
        self._start = start
        self._validator = Validator(model, config, valid, ranks.device(config.device), ranks)
        self._early_stopping = EarlyStopping(config.patience)
        self._averaged: float | None = None  # BPC of the best mean with the first weights
        self._whole: LossStats | None = None  # the kept weights, on all pairs
        self.validated_step = -1  # the last one that was measured

    @property
    def best(self) -> float | None:
        """Validation BPC of the weights that are kept; None before the first validation."""
        if self._whole is not None:
            return self._whole.bits_per_character
        if self._averaged is not None:
            return self._averaged
        return self._early_stopping.best

    @property
    def is_over(self) -> bool:
        """Whether nothing has improved for as many validations as the patience allows."""
        return self._early_stopping.is_over

    @property
    def is_sample(self) -> bool:
        """Whether `best` is that of a sample of the pairs."""
        return self._whole is None and self._validator.is_sample

    @property
    def validation_pairs(self) -> Pairs:
        """Those of the main task's pairs that validations measure."""
        return self._validator.main_pairs

    def validate(self, position: Position, characters: int) -> Validation:
        """Measures the weights after `characters` trained ones, and keeps them if they are best."""
        # 1. Bits per character.
        found = self._validator.measure(characters)
        value = found.main.bits_per_character
        # 2. The best weights are kept.
        step = position.step
        self.validated_step = step
        is_best = self._early_stopping.update(value)
        if is_best and self._ranks.is_first:
            self._run.save_model(self._model.state_dict())
            found_best = {"step": step, "validation_bpc": value, "is_sample": found.is_sample}
            self._run.note_best(**found_best, start_share=0.0)
        # 3. It is recorded.
        seconds = position.seconds
        rest: dict[str, Any] = {"is_best": is_best, "seconds": round(seconds, 3)}
        notes = [validation_note(step, seconds, value, self.best, is_best)]
        notes += found.notes()
        if self._baselines is not None:
            # On the very pairs that were measured.
            baselines = self._baselines.of_sample(found.main.pairs)
            rest["better_than"] = beaten(value, baselines)
            notes.append(standing_note(value, baselines))
        self._log.write_validation({"step": step, **found.record(), **rest}, notes, value)
        return Validation(step, value, is_best)

    def average_with_start(self, position: Position, characters: int) -> None:
        """Moves the kept weights towards those that the run began with, as long as that helps.

        The mean of both often predicts better than either (WiSE-FT, Wortsman et al. 2022). `model`
        has the kept weights then. What is measured is what `validate` measures after `characters`.
        """
        if self._start is None or self.best is None:
            return
        self._load_kept()
        learnt = {name: tensor.clone() for name, tensor in self._model.state_dict().items()}
        begun = {name: tensor.to(learnt[name]) for name, tensor in self._start().items()}
        # 1. From the learnt weights on, until a mean is no better than the one before.
        values = []
        for number in range(_MOST_SHARES + 1):
            self._model.load_state_dict(_mean(learnt, begun, number * _SHARE))
            values.append(self._validator.measure(characters).main.bits_per_character)
            if values[-1] > min(values):
                break
        best = values.index(min(values))
        share = best * _SHARE
        self._model.load_state_dict(_mean(learnt, begun, share))
        # 2. It is kept. The patience goes by weights that were trained.
        self._averaged = values[best]
        if not best:
            return
        if self._ranks.is_first:
            self._run.save_model(self._model.state_dict())
            self._run.note_best(validation_bpc=values[best], start_share=share)
        record = {"averaged_validation_bpc": values[best], "start_share": share}
        seconds = round(position.seconds, 3)
        self._log.write({"step": position.step, **record, "seconds": seconds})
        self._log.note(averaged_note(share, values[0], values[best]))

    def measure_whole(self, characters: int) -> LossStats | None:
        """The kept weights, which `model` then has, on all pairs of the main task.

        None where nothing is kept, validations measured all, or it would take too long after
        `characters` trained ones.
        """
        if self.best is None or not self._validator.is_whole_affordable(characters):
            return None
        self._load_kept()
        self._whole = self._validator.measure_whole().main
        return self._whole

    def record_whole(self, whole: LossStats, position: Position) -> None:
        """Records what `measure_whole` returned."""
        value = whole.bits_per_character
        if self._ranks.is_first:
            self._run.note_best(validation_bpc=value, is_sample=False)
        # Under a name of its own: it is no point of the curve.
        record = {"whole_validation_bpc": value, "validation_pairs": whole.pairs}
        seconds = round(position.seconds, 3)
        self._log.write({"step": position.step, **record, "seconds": seconds})
        self._log.note(whole_note(value, whole.pairs))

    def _load_kept(self) -> None:
        """Gives the model the weights that are kept."""
        # From the file, so that a run that was resumed has them too.
        self._ranks.run_on_rank0(lambda: self._run.load_weights(self._model))
        self._ranks.sync_parameters(self._model)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run goes on from."""
        return {
            **self._early_stopping.state_dict(),
            "validated_step": self.validated_step,
            "validation_characters": self._validator.characters,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from what `state_dict` returned; other keys are left alone."""
        self._early_stopping.load_state_dict(state)
        self.validated_step = state["validated_step"]
        # Before there were samples, all was measured.
        everything = self._validator.characters_of_all
        self._validator.characters = state.get("validation_characters", everything)


def _mean(
    learnt: Mapping[str, Tensor], begun: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """(1 - share) of the learnt weights and `share` of those that training began with."""
    return {name: tensor.lerp(begun[name], share) for name, tensor in learnt.items()}
