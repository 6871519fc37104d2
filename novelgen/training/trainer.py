"""The training loop: from a model and pairs to the best weights that a budget buys."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from novelgen.config import TrainingConfig, check_budget, flag
from novelgen.data.pairs import Pairs
from novelgen.data.tasks import TaskPairs
from novelgen.errors import TrainingError
from novelgen.i18n import _
from novelgen.training.batch_gradients import BatchGradients
from novelgen.training.checkpoint import RunDirectory
from novelgen.training.distributed import SINGLE_PROCESS, Ranks
from novelgen.training.epochs import EpochPlan, plan_epoch
from novelgen.training.hardware import choose_precision, release_freed_memory
from novelgen.training.interrupt import Interrupt
from novelgen.training.journal import Journal, NoJournal
from novelgen.training.loss import LossStats, evaluate_loss
from novelgen.training.optimizer import build_optimizer
from novelgen.training.prefetch import BatchPrefetcher
from novelgen.training.progress import ProgressLine, validation_note
from novelgen.training.results import Outcome, Reason, Validation
from novelgen.training.schedule import Position, learning_rate, progress

# Without --validate-every: once an epoch, but neither all the time on a tiny corpus nor hardly ever
# on a huge one.
_VALIDATION_STEPS = (50, 1000)


class Trainer:
    """Trains `model` on `train`, keeping in `run` the weights that do best on `valid`.

    Everything random in a step follows from the seed and the step's number, and the batches from
    the seed and the epoch: a run that is resumed from its last save goes on bit for bit (on CPU) as
    if it had never stopped, given a budget of steps or epochs; one of minutes plans by the clock.

    `info` is what config.json shall hold. `observe` is called with the model, in evaluation mode,
    after every validation. Where there are several tasks `by_task` are the validation pairs of
    each, of the main one `valid` itself; the others are reported and decide nothing. `clock` gives
    the time in seconds.

    Of several `ranks` each takes its rows of every batch, rank 0 alone writes and observes, and all
    decide alike: the numbers are those of one process but for rounding, and for the dropout masks,
    which are drawn by each rank for its own rows. `line` shows the progress; None prints it.
    """

    def __init__(
        self,
        model: nn.Module,
        config: TrainingConfig,
        train: Pairs | TaskPairs,
        valid: Pairs,
        run: RunDirectory,
        info: dict[str, Any],
        device: torch.device,
        observe: Callable[[nn.Module, Validation], None] | None = None,
        by_task: Mapping[str, Pairs] | None = None,
        ranks: Ranks = SINGLE_PROCESS,
        clock: Callable[[], float] = time.perf_counter,
        line: ProgressLine | None = None,
    ) -> None:
        check_budget(config)
        # 1. What was given.
        self.model = model.to(device)
        self.config = config
        self.run = run
        self.device = device
        self._train = train
        self._valid = valid
        self._info = info
        self._observe = observe
        self._by_task = by_task or {}
        self._ranks = ranks
        self._clock = clock
        # 2. What a step needs.
        ranks.sync_parameters(self.model)
        self._precision = choose_precision(config.precision, device)
        self._optimizer = build_optimizer(self.model, config)
        self._line = line or ProgressLine(clock=clock)
        self._prefetcher = BatchPrefetcher(device, clock)
        self._batch_gradients = BatchGradients(
            self.model,
            config,
            device,
            self._precision,
            ranks,
            self._prefetcher,
            self._line.note,
        )
        self._epoch_plan: EpochPlan | None = None  # of the epoch last asked for
        # 3. How far the run is; all but the last two are saved.
        self.position = Position()
        self._best: float | None = None
        self._misses = 0  # validations since the best one
        self._characters = 0
        self._validated_step = -1
        self._started = clock()
        self._waited = 0.0  # seconds, for data

    def resume(self) -> None:
        """Continues from the last save of the run."""
        saved = self._ranks.run_on_rank0(self.run.load_trainer)
        # The last weights, not the best ones that model.safetensors holds.
        self.model.load_state_dict(saved["model"])
        self._optimizer.load_state_dict(saved["optimizer"])
        self.position = Position(**saved["position"])
        self._best = saved["best"]
        self._misses = saved["misses"]
        self._validated_step = saved["validated_step"]
        self._characters = saved["characters"]

    def fit(self) -> Outcome:
        """Trains until the budget is spent, nothing improves any more, or Ctrl-C; saves the end."""
        every = self._validation_interval()
        start = self.position
        self._started = self._clock() - start.seconds
        self.model.train()
        with (
            Interrupt(announces_sigterm=self._ranks.size == 1) as interrupt,
            self._journal() as journal,
            self._prefetcher,
        ):
            if self.position.step == 0:
                self._save(journal)  # so that a run that dies early can be resumed as well
            # All ranks make the same decisions here, from reduced numbers.
            reason = self._stop_reason(interrupt)
            while reason is None:
                journal.write(self._step())
                self._tick()
                if self.position.step % every == 0:
                    self._validate(journal)
                    self._tick()
                elif self.position.step % self.config.save_every == 0:
                    self._save(journal)
                reason = self._stop_reason(interrupt)
            self._finish(reason, journal)
        # A share that is not near 0 says that the data, not the model, sets the pace.
        share = self._waited / max(self.position.seconds - start.seconds, 1e-9)
        if self._ranks.is_first:
            self._line.note(_("waited for data: {share:.2%} of the time").format(share=share))
        step = self.position.step
        return Outcome(reason, self._best, step, step - start.step)

    def _validation_interval(self) -> int:
        """Steps from one validation to the next."""
        if self.config.validate_every:
            return self.config.validate_every
        fewest, most = _VALIDATION_STEPS
        return min(max(len(self._plan(0).batches), fewest), most)

    def _finish(self, reason: Reason, journal: Journal | NoJournal) -> None:
        """Validates the last weights, or just saves them where there is no time for it."""
        if reason != "interrupted":
            if self._validated_step != self.position.step:
                self._validate(journal)
            return
        self._save(journal)
        # Interrupted before the first validation there would be nothing to write with.
        if self._ranks.is_first and not self.run.has_model:
            self.run.save_model(self.model.state_dict())

    def _journal(self) -> Journal | NoJournal:
        if self._ranks.is_first:
            return Journal(self.run, self.position.step)
        return NoJournal()

    def _tick(self) -> None:
        """Brings the position's seconds up to date, alike on all ranks."""
        seconds = self._ranks.broadcast(self._clock() - self._started)
        self.position = self.position._replace(seconds=seconds)

    def _stop_reason(self, interrupt: Interrupt) -> Reason | None:
        """The outcome's reason where training is over, else None."""
        if self._ranks.any(interrupt.asked):
            return "interrupted"
        if self._used() >= 1:
            return "budget"
        if self._misses >= self.config.patience:
            return "patience"
        return None

    def _used(self) -> float:
        """The spent share of the budget."""
        batches = self._plan(self.position.epoch).batches
        return progress(self.config, self.position, len(batches))

    def _plan(self, epoch: int) -> EpochPlan:
        """The pairs and batches of an epoch; that of the last one asked for is kept."""
        plan = self._epoch_plan
        if plan is None or plan.epoch != epoch:
            with self._prefetcher.waiting():
                plan = plan_epoch(self._train, self.config, epoch)
            self._epoch_plan = plan
        return plan

    def _step(self) -> dict[str, Any]:
        """One optimiser step; returns what the journal keeps of it."""
        # 1. Learning rate and gradients.
        position = self.position
        batches = self._plan(position.epoch).batches
        rate = learning_rate(self.config, position.step, self._used())
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        total = self._gradients(batches[position.batch])
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm).item()
        loss = total.nll_sum / total.tokens
        # 2. The step, unless it would spoil the weights.
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise TrainingError(self._not_finite(loss, norm, rate))
        self._optimizer.step()
        # 3. Where the run is now.
        self.position = position.after_step(len(batches))
        self._characters += total.characters
        waited = self._prefetcher.waited()
        self._waited += waited
        self._line.update(
            step=self.position.step,
            epoch=position.epoch + (position.batch + 1) / len(batches),
            loss=loss,
            best=self._best,
            characters=self._characters,
            used=self._used(),
        )
        return {
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

    def _gradients(self, indices: NDArray[np.int64]) -> LossStats:
        """Fills the gradients of a batch of the epoch; returns its loss."""
        plan = self._plan(self.position.epoch)
        # At the end of an epoch there is no next batch: the next epoch is planned in its time.
        next_indices = np.empty(0, dtype=np.int64)
        if self.position.batch + 1 < len(plan.batches):
            next_indices = plan.batches[self.position.batch + 1]
        return self._batch_gradients.compute(plan.pairs, indices, next_indices, self.position.step)

    def _not_finite(self, loss: float, norm: float, rate: float) -> str:
        position = self.position
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

    def _validate(self, journal: Journal | NoJournal) -> None:
        """Measures the validation part, keeps the weights if they are the best, and saves."""
        # 1. Bits per character of the main task and, where there are several, of each.
        found = self._evaluate(self._valid)
        value = found.bits_per_character
        by_task = {}
        for name, pairs in self._by_task.items():
            by_task[name] = value
            if pairs is not self._valid:
                by_task[name] = self._evaluate(pairs).bits_per_character
        # 2. The best weights are kept.
        step = self.position.step
        is_best = math.isfinite(value) and (self._best is None or value < self._best)
        self._validated_step = step
        self._misses += 1
        if is_best:
            self._misses = 0
            self._best = value
            self._save_best(step, value)
        # 3. It is recorded, saved and shown.
        record: dict[str, Any] = {
            "step": step,
            "validation_bpc": value,
            "validation_perplexity": found.perplexity,
            "is_best": is_best,
            "seconds": round(self.position.seconds, 3),
        }
        if by_task:
            record["validation_bpc_by_task"] = by_task
        journal.write(record)
        self._save(journal)
        note = validation_note(step, self.position.seconds, value, self._best, is_best)
        figures = [f"{name} {bits:.3f}" for name, bits in by_task.items()]
        self._line.note(" · ".join([note, *figures]))
        if self._ranks.is_first and self._observe is not None:
            self.model.eval()
            self._observe(self.model, Validation(step, value, is_best))
            self.model.train()
        release_freed_memory()
        self._line.pause()

    def _evaluate(self, pairs: Pairs) -> LossStats:
        return evaluate_loss(
            self.model,
            pairs,
            batch_tokens=2 * self.config.batch_tokens,  # no gradients: twice as much fits
            device=self.device,
            precision=self._precision,
            ranks=self._ranks,
        )

    def _save_best(self, step: int, bits_per_character: float) -> None:
        if not self._ranks.is_first:
            return
        self.run.save_model(self.model.state_dict())
        best = {"step": step, "validation_bpc": bits_per_character}
        self.run.save_info({**self._info, "best": best})

    def _save(self, journal: Journal | NoJournal) -> None:
        """Saves what `resume` reads."""
        if not self._ranks.is_first:
            return
        journal.flush()
        self.run.save_trainer(
            {
                "model": self.model.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "position": self.position._asdict(),
                "best": self._best,
                "misses": self._misses,
                "validated_step": self._validated_step,
                "characters": self._characters,
            }
        )
