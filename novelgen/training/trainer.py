"""The training loop: from a model and pairs to the best weights that a budget buys."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from novelgen.config import TrainingConfig, check_budget, flag
from novelgen.data.pairs import Pairs
from novelgen.data.tasks import TaskPairs
from novelgen.errors import TrainingError
from novelgen.i18n import _
from novelgen.training.alarms import Alarm, Watch, not_finite
from novelgen.training.baselines import Baselines
from novelgen.training.best_weights import BestWeights
from novelgen.training.distributed import SINGLE_PROCESS, Ranks
from novelgen.training.epochs import EpochPlan, plan_epoch
from novelgen.training.gradient_step import GradientStep
from novelgen.training.hardware import release_freed_memory
from novelgen.training.interrupt import Interrupt
from novelgen.training.logbook import Logbook
from novelgen.training.optimizer import build_optimizer
from novelgen.training.prefetch import BatchPrefetcher
from novelgen.training.progress import ProgressLine
from novelgen.training.results import Outcome, Reason, Validation
from novelgen.training.run_directory import RunDirectory
from novelgen.training.schedule import Position, Schedule
from novelgen.training.speed import Speed, Timing, Trial


class Trainer:
    """Trains `model` on `train`, keeping in `run` the weights that do best in validation.

    `valid`, `baselines` and `start` are what BestWeights has. `choose`, where given, is called
    once, after the steps of `trials`, with their speed, and returns the configuration to go on
    with. `observe` is called with the model, in evaluation mode, after every validation, and may
    return alarms. `watch` gives alarms; `alarms` are those of before the first step. `line` shows
    the progress; None prints it. `clock` gives the time in seconds.

    Everything random in a step follows from the seed and the step's number, and the batches from
    the seed and the epoch: a run that is resumed from its last save goes on bit for bit (on CPU) as
    if it had never stopped, given a budget of steps or epochs; one of minutes plans by the clock.

    Of several `ranks` each takes its rows of every batch, rank 0 alone writes and observes, and all
    decide alike: the numbers are those of one process but for rounding, and for dropout masks and
    drawn tokens, which are each rank's own.
    """

    def __init__(
        self,
        model: nn.Module,
        config: TrainingConfig,
        train: Pairs | TaskPairs,
        valid: Mapping[str, Pairs],
        run: RunDirectory,
        *,
        ranks: Ranks = SINGLE_PROCESS,
        trials: Sequence[Trial] = (),
        choose: Callable[[Speed], TrainingConfig] | None = None,
        observe: Callable[[nn.Module, Validation], Sequence[Alarm] | None] | None = None,
        baselines: Baselines | None = None,
        start: Callable[[], Mapping[str, Tensor]] | None = None,
        watch: Watch | None = None,
        alarms: Sequence[Alarm | None] = (),
        line: ProgressLine | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        check_budget(config)
        # 1. What was given.
        self.device = ranks.device(config.device)
        self.model = model.to(self.device)
        self.config = config
        self.run = run
        self._train = train
        self._ranks = ranks
        self._trials = trials
        self._choose = choose
        self._observe = observe
        self._alarms = alarms
        self._log = Logbook(
            run, watch or Watch(), line or ProgressLine(clock=clock), ranks.is_first
        )
        self._clock = clock
        ranks.sync_parameters(self.model)
        # 2. A step: the next batch, its gradients, and what they do to the weights.
        self._prefetcher = BatchPrefetcher(self.device, clock)
        self.schedule = Schedule(config, self._plan_epoch)
        self._gradient_step = GradientStep(
            self.model, config, self._prefetcher, ranks=ranks, note=self._log.note
        )
        self._optimizer = build_optimizer(self.model, config)
        # 3. How far the run is, and what was best; all but the last two are saved.
        self._best_weights = BestWeights(
            self.model, config, valid, run, self._log, ranks, baselines, start
        )
        self._characters = 0
        self._started = clock()
        self._waited = 0.0  # seconds, for data

    @property
    def position(self) -> Position:
        """Where the run is."""
        return self.schedule.position

    @property
    def validation_pairs(self) -> Pairs:
        """Those of the main task's pairs that validations measure."""
        return self._best_weights.validation_pairs

    def fit(self) -> Outcome:
        """Trains until the budget is spent, nothing improves any more, or Ctrl-C; saves the end."""
        start = self.position
        self._started = self._clock() - start.seconds
        self.model.train()
        with (
            Interrupt(announces_sigterm=self._ranks.size == 1) as interrupt,
            self._log.open(start.step),
            self._prefetcher,
        ):
            self._log.give(start.step, *self._alarms)
            if start.step == 0:
                self._save()  # so that a run that dies early can be resumed as well
            if self._choose is not None:
                self._choose_recipe(self._choose, interrupt)
            every = self.schedule.validation_interval()
            # All ranks make the same decisions here, from reduced numbers.
            reason = self._stop_reason(interrupt)
            while reason is None:
                self._record_step()
                self._tick()
                if self.position.step % every == 0:
                    self._validate()
                    self._tick()
                elif self.position.step % self.config.save_every == 0:
                    self._save()
                reason = self._stop_reason(interrupt)
            self._finish(reason)
            steps_taken = self.position.step - start.step
            if reason != "interrupted" and steps_taken:
                self._best_weights.average_with_start(self.position, self._characters)
                self._measure_whole()
        self._report_waiting(self.position.seconds - start.seconds)
        kept = self._best_weights
        return Outcome(reason, kept.best, self.position.step, steps_taken, kept.is_sample)

    def _choose_recipe(
        self, choose: Callable[[Speed], TrainingConfig], interrupt: Interrupt
    ) -> None:
        """Takes the steps of the trials, which count, and goes on by their speed.

        A training that ends before that, or is interrupted, has nothing chosen.
        """
        timings = []
        for trial in self._trials:
            if trial.config != self.config:
                self._begin_text(trial.config)
            timing = self._timed(trial, interrupt)
            if timing is None:
                return
            timings.append(timing)
        # All ranks choose alike: they have the same characters and seconds.
        self._begin_text(choose(Speed.measured(timings)))
        self._save()

    def _timed(self, trial: Trial, interrupt: Interrupt) -> Timing | None:
        """Takes the steps of a trial; None where the training has ended before their end."""
        characters, seconds = 0, 0.0
        for number in range(trial.steps):
            if self._stop_reason(interrupt) is not None:
                return None
            before = (self._characters, self.position.seconds)
            self._record_step()
            self._tick()
            if number >= trial.slow:
                characters += self._characters - before[0]
                seconds += self.position.seconds - before[1]
        measured = trial.steps - trial.slow
        return Timing(characters / measured, seconds / measured)

    def _begin_text(self, config: TrainingConfig) -> None:
        """Goes on with other options, and with the text anew: the batches may be others."""
        position = self.position
        self.config = config
        self._gradient_step.config = config
        self.schedule = Schedule(config, self._plan_epoch)
        self.schedule.position = Position(step=position.step, seconds=position.seconds)

    def _record_step(self) -> None:
        """Takes a step, which is recorded."""
        try:
            record = self.step()
        except TrainingError as error:
            self._log.write(not_finite(str(error)).record(self.position.step))
            raise
        self._log.write_step(record)

    def step(self) -> dict[str, Any]:
        """Takes one optimizer step; returns what the journal keeps of it."""
        # 1. Learning rate and gradients.
        schedule = self.schedule
        position = schedule.position
        plan = schedule.plan
        rate = schedule.learning_rate
        teacher_forcing = schedule.teacher_forcing
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        total = self._gradient_step.compute(
            plan.pairs, schedule.batch, schedule.batch_after, position.step, teacher_forcing
        )
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm).item()
        loss = total.nll_sum / total.tokens
        # 2. The step, unless it would spoil the weights.
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise TrainingError(_not_finite(position, loss, norm, rate))
        self._optimizer.step()
        # 3. Where the run is now.
        schedule.advance()
        self._characters += total.characters
        waited = self._prefetcher.waited()
        self._waited += waited
        self._log.line.update(
            step=self.position.step,
            epoch=position.epoch + (position.batch + 1) / len(plan.batches),
            loss=loss,
            best=self._best_weights.best,
            characters=self._characters,
            used=schedule.used,
        )
        record: dict[str, Any] = {
            "step": self.position.step,
            "epoch": position.epoch,
            "loss": loss,
            "bpc": total.bits_per_character,
            "gradient_norm": norm,
            "learning_rate": rate,
            "characters": self._characters,
            "seconds": round(position.seconds, 3),
            "waited": round(waited, 6),
        }
        if teacher_forcing < 1:
            record["teacher_forcing"] = teacher_forcing
        return record

    def resume(self) -> None:
        """Continues from the last save of the run."""
        saved = self._ranks.run_on_rank0(self.run.load_trainer)
        # The last weights, not the best ones that model.safetensors holds.
        self.model.load_state_dict(saved["model"])
        self._optimizer.load_state_dict(saved["optimizer"])
        self.schedule.position = Position(**saved["position"])
        self._best_weights.load_state_dict(saved)
        self._characters = saved["characters"]

    def _save(self) -> None:
        """Saves what `resume` reads."""
        if not self._ranks.is_first:
            return
        self._log.flush()
        self.run.save_trainer(
            {
                "model": self.model.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "position": self.position._asdict(),
                **self._best_weights.state_dict(),
                "characters": self._characters,
            }
        )

    def _plan_epoch(self, epoch: int) -> EpochPlan:
        # While it is planned nothing is computed.
        with self._prefetcher.waiting():
            return plan_epoch(self._train, self.config, epoch)

    def _tick(self) -> None:
        """Brings the position's seconds up to date, alike on all ranks."""
        self.schedule.set_time(self._ranks.broadcast(self._clock() - self._started))

    def _stop_reason(self, interrupt: Interrupt) -> Reason | None:
        """The outcome's reason where training is over, else None."""
        if self._ranks.any(interrupt.asked):
            return "interrupted"
        if self.schedule.used >= 1:
            return "budget"
        if self._best_weights.is_over:
            return "patience"
        return None

    def _validate(self) -> None:
        """Measures the validation pairs, keeps the weights if they are the best, and saves."""
        validation = self._best_weights.validate(self.position, self._characters)
        self._save()
        if self._ranks.is_first and self._observe is not None:
            self.model.eval()
            alarms = self._observe(self.model, validation) or ()
            self._log.give(validation.step, *alarms)
            self.model.train()
        release_freed_memory()
        self._log.line.pause()

    def _finish(self, reason: Reason) -> None:
        """Validates the last weights, or just saves them where there is no time for it."""
        if reason != "interrupted":
            if self._best_weights.validated_step != self.position.step:
                self._validate()
            return
        self._save()
        # Interrupted before the first validation there would be nothing to write with.
        if self._ranks.is_first and not self.run.has_model:
            self.run.save_model(self.model.state_dict())

    def _measure_whole(self) -> None:
        """Measures the kept weights on all validation pairs, where that is worth its time."""
        whole = self._best_weights.measure_whole(self._characters)
        if whole is not None:
            self._tick()
            self._best_weights.record_whole(whole, self.position)

    def _report_waiting(self, seconds: float) -> None:
        # A share that is not near 0 says that the data, not the model, sets the pace.
        share = self._waited / max(seconds, 1e-9)
        if self._ranks.is_first:
            self._log.note(_("waited for data: {share:.2%} of the time").format(share=share))


def _not_finite(position: Position, loss: float, norm: float, rate: float) -> str:
    return _(
        "at step {step} (epoch {epoch}, batch {batch}) the loss is {loss}, the gradient norm "
        "{norm}; the last checkpoint is kept, train again with a lower {option} (now {rate:g})"
    ).format(
        step=position.step + 1,
        epoch=position.epoch + 1,
        batch=position.batch + 1,
        loss=loss,
        norm=norm,
        option=flag("learning_rate"),
        rate=rate,
    )
