"""The training loop: from a model and pairs to the best weights that a budget buys."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from novelgen.config import TrainingConfig, flag
from novelgen.data.batches import plan_batches
from novelgen.data.pairs import Pairs
from novelgen.data.tasks import TaskPairs
from novelgen.errors import ConfigError, TrainingError
from novelgen.training.checkpoint import RunDirectory
from novelgen.training.distributed import SINGLE_PROCESS, GradientSum, Ranks
from novelgen.training.graphs import record_steps
from novelgen.training.hardware import choose_precision, release_freed_memory
from novelgen.training.interrupt import Interrupt
from novelgen.training.journal import Journal, NoJournal
from novelgen.training.loss import LossStats, batch_loss, evaluate_loss, loss_stats
from novelgen.training.prefetch import BatchPrefetcher
from novelgen.training.progress import ProgressLine, clock
from novelgen.training.schedule import Position, learning_rate, progress

# Without --validate-every: once an epoch, but neither all the time on a tiny corpus nor hardly ever on a huge one.
_VALIDATION_STEPS = (50, 1000)


class Validation(NamedTuple):
    """What a look at the validation part found."""

    step: int
    bits_per_character: float
    is_best: bool


class Outcome(NamedTuple):
    """How training ended: `reason` is "budget", "patience" or "interrupted"."""

    reason: str
    best: float | None  # validation BPC of the weights that were kept


class Trainer:
    """Trains `model` on `train`, keeping in `run` the weights that do best on `valid`.

    Everything random in a step follows from the seed and the step's number, and the batches from the seed and the epoch: a run
    that is resumed from its last save goes on bit for bit (on CPU) as if it had never stopped, given a budget of steps or
    epochs; one of minutes plans by the clock. `info` is what config.json
    shall hold; `observe` is called with the model, in evaluation mode, after every validation. Where there are several tasks
    `by_task` are the validation pairs of each, of the main one `valid` itself; the others are told and decide nothing.

    Of several `ranks` each takes its rows of every batch, the first alone writes and observes, and all decide alike: the
    numbers are those of one process but for rounding, and for the dropout masks, which are as good but others.
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
        observe: Callable[[nn.Module, Validation], None] = lambda model, validation: None,
        by_task: Mapping[str, Pairs] | None = None,
        ranks: Ranks = SINGLE_PROCESS,
    ) -> None:
        if config.epochs is None and config.max_steps is None and config.max_minutes is None:
            raise ConfigError(
                "请给出训练预算：--epochs、--max-steps 或 --max-minutes | give a budget: --epochs, --max-steps or "
                "--max-minutes"
            )
        self.model, self.config, self.run, self.device = model.to(device), config, run, device
        self._train, self._valid, self._info, self._observe, self._ranks = (
            train,
            valid,
            info,
            observe,
            ranks,
        )
        self._by_task = by_task or {}
        ranks.sync_parameters(self.model)
        self._precision = choose_precision(config.precision, device)
        self._optimizer = _optimizer(self.model, config)
        self._gradient_sum = GradientSum(self.model.parameters(), ranks)
        self._graphs = (
            record_steps(self.model, device, self._precision, ranks.size)
            if config.cuda_graph
            else None
        )
        self.position = Position()
        self._best: float | None = None
        self._misses = 0
        self._characters = 0
        self._validated_step = -1
        self._slices = config.accumulation_steps
        self._started = time.monotonic()
        self._epoch: tuple[int, Pairs, list[np.ndarray]] | None = (
            None  # its number, pairs and batches
        )
        self._feed, self._waited = BatchPrefetcher(device), 0.0
        self._line = ProgressLine()

    def resume(self) -> None:
        """Continues from the last save of the run."""
        saved = self._ranks.run_on_rank0(self.run.load_trainer)
        self.model.load_state_dict(saved["model"])
        self._optimizer.load_state_dict(saved["optimizer"])
        self.position = Position(**saved["position"])
        self._best, self._misses, self._validated_step = (
            saved["best"],
            saved["misses"],
            saved["validated_step"],
        )
        self._characters = saved["characters"]

    def fit(self) -> Outcome:
        """Trains until the budget is spent, nothing improves any more, or Ctrl-C; what was reached is saved."""
        every = self.config.validate_every or min(
            max(len(self._plan(0)), _VALIDATION_STEPS[0]), _VALIDATION_STEPS[1]
        )
        before = self.position.seconds
        self._started = time.monotonic() - before
        self.model.train()
        with (
            Interrupt(tells_sigterm=self._ranks.size == 1) as interrupt,
            self._journal() as journal,
            self._feed,
        ):
            if self.position.step == 0:
                self._save(journal)  # so that a run that dies early can be resumed as well
            reason = self._stop_reason(interrupt)
            while not reason:
                journal.step(self._step())
                self._tick()
                if self.position.step % every == 0:
                    self._validate(journal)
                    self._tick()
                elif self.position.step % self.config.save_every == 0:
                    self._save(journal)
                reason = self._stop_reason(interrupt)
            if reason != "interrupted" and self._validated_step != self.position.step:
                self._validate(journal)
            elif reason == "interrupted":
                self._save(journal)
                if self._ranks.is_first and not self.run.has_model:
                    self.run.save_model(self.model.state_dict())
        share = self._waited / max(self.position.seconds - before, 1e-9)
        if self._ranks.is_first:
            self._line.note(f"等数据的时间 waited for data {share:.2%}")
        return Outcome(reason, self._best)

    def _journal(self) -> Journal | NoJournal:
        return Journal(self.run, self.position.step) if self._ranks.is_first else NoJournal()

    def _tick(self) -> None:
        self.position = self.position._replace(
            seconds=self._ranks.broadcast(time.monotonic() - self._started)
        )

    def _stop_reason(self, interrupt: Interrupt) -> str:
        if self._ranks.any(interrupt.asked):
            return "interrupted"
        if self._used() >= 1:
            return "budget"
        return "patience" if self._misses >= self.config.patience else ""

    def _used(self) -> float:
        return progress(self.config, self.position, len(self._plan(self.position.epoch)))

    def _plan(self, epoch: int) -> list[np.ndarray]:
        return self._of_epoch(epoch)[1]

    def _of_epoch(self, epoch: int) -> tuple[Pairs, list[np.ndarray]]:
        """What is trained in an epoch, and its batches."""
        if self._epoch is None or self._epoch[0] != epoch:
            with self._feed.waiting():
                pairs = self._train.epoch(self.config.seed, epoch)
                plan = plan_batches(
                    pairs.source_lengths,
                    pairs.target_lengths,
                    batch_tokens=self.config.batch_tokens,
                    seed=self.config.seed,
                    epoch=epoch,
                )
            self._epoch = (epoch, pairs, plan)
        return self._epoch[1:]

    def _step(self) -> dict[str, Any]:
        """One optimiser step; returns what the journal keeps of it."""
        position, plan = self.position, self._plan(self.position.epoch)
        rate = learning_rate(self.config, position.step, self._used())
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        total = self._gradients(plan[position.batch])
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm).item()
        loss = total.nll_sum / total.tokens
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise TrainingError(self._not_a_number(loss, norm, rate))
        self._optimizer.step()
        ends = position.batch + 1 == len(plan)
        self.position = position._replace(
            step=position.step + 1,
            epoch=position.epoch + ends,
            batch=0 if ends else position.batch + 1,
        )
        self._characters += total.characters
        waited = self._feed.waited()
        self._waited += waited
        self._line.update(
            step=self.position.step,
            epoch=position.epoch + (position.batch + 1) / len(plan),
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

    def _gradients(self, indices: np.ndarray) -> LossStats:
        """Fills the gradients of a batch of the epoch: its summed loss by `batch_tokens`, so that a token counts alike in every batch.

        In slices where asked, or the whole does not fit.
        """
        pairs, _ = self._of_epoch(self.position.epoch)
        tokens = self.config.batch_tokens
        indices = self._share(pairs, indices)
        while True:
            torch.manual_seed(self._step_seed())
            self._optimizer.zero_grad()
            total = LossStats()
            try:
                parts, then = self._parts(indices), self._parts(self._next_indices())
                for number, batch in enumerate(self._feed.batches(pairs, parts, then), 1):
                    if (
                        self._graphs
                        and len(parts) == 1
                        and (nll_sum := self._graphs.gradients(batch, tokens)) is not None
                    ):
                        return loss_stats(batch, nll_sum)
                    with torch.autocast(
                        self.device.type,
                        dtype=self._precision,
                        enabled=self._precision != torch.float32,
                    ):
                        loss = batch_loss(self.model, batch, self.device)
                    self._gradient_sum.backward(loss / tokens, is_last=number == len(parts))
                    total += loss_stats(batch, loss.item())
                self._gradient_sum.finish()
                return total.summed(self._ranks)
            except torch.OutOfMemoryError:
                self._graphs = loss = batch = (
                    None  # they hold the graph, which must go before the next try
                )
                if self._slices >= len(indices):
                    raise TrainingError(
                        "显存连一对段落也装不下；请调小 --segment-length 或模型 | not even one pair fits into the "
                        "GPU's memory; lower --segment-length or the model's sizes"
                    ) from None
            self._slices *= 2
            torch.cuda.empty_cache()
            self._line.note(
                f"显存不够，每批改分 {self._slices} 份 | out of GPU memory: a batch is now accumulated from "
                f"{self._slices} micro-batches"
            )

    def _step_seed(self) -> int:
        """From the seed, the step and the rank alone, so that a resumed run draws the same dropout masks."""
        place = [
            self.config.seed,
            self.position.step,
            *([self._ranks.rank] if self._ranks.rank else []),
        ]
        return int(np.random.SeedSequence(place).generate_state(1)[0])

    def _share(self, pairs: Pairs, indices: np.ndarray) -> np.ndarray:
        """This rank's rows of a batch."""
        return self._ranks.share(
            indices, pairs.source_lengths[indices] + pairs.target_lengths[indices]
        )

    def _parts(self, indices: np.ndarray) -> list[np.ndarray]:
        """What is computed at a time."""
        return np.array_split(indices, min(self._slices, len(indices))) if len(indices) else []

    def _next_indices(self) -> np.ndarray:
        """This rank's rows of the batch after this one, none at the end of an epoch: the next one is planned in its time."""
        (pairs, plan), place = self._of_epoch(self.position.epoch), self.position.batch + 1
        return self._share(pairs, plan[place]) if place < len(plan) else np.empty(0, dtype=np.int64)

    def _not_a_number(self, loss: float, norm: float, rate: float) -> str:
        position = self.position
        return (
            f"第 {position.step + 1} 步（第 {position.epoch + 1} 轮第 {position.batch + 1} 批）损失为 {loss}，梯度范数 {norm}；之前的"
            f"检查点完好，请调低 {flag('learning_rate')}（现为 {rate:g}）后重新训练 | at step {position.step + 1} the loss is "
            f"{loss}, the gradient norm {norm}; the last checkpoint is kept, train again with a lower "
            f"{flag('learning_rate')}"
        )

    def _validate(self, journal: Journal) -> None:
        found = self._measure(self._valid)
        value = found.bits_per_character
        by_task = {
            name: value if pairs is self._valid else self._measure(pairs).bits_per_character
            for name, pairs in self._by_task.items()
        }
        is_best = math.isfinite(value) and (self._best is None or value < self._best)
        self._misses = 0 if is_best else self._misses + 1
        self._validated_step = self.position.step
        self._best = value if is_best else self._best
        if is_best and self._ranks.is_first:
            self.run.save_model(self.model.state_dict())
            self.run.save_info(
                {**self._info, "best": {"step": self.position.step, "validation_bpc": value}}
            )
        journal.validation(
            {
                "step": self.position.step,
                "validation_bpc": value,
                "validation_perplexity": found.perplexity,
                "is_best": is_best,
                "seconds": round(self.position.seconds, 3),
                **({"validation_bpc_by_task": by_task} if by_task else {}),
            }
        )
        self._save(journal)
        others = "".join(f" · {name} {bits:.3f}" for name, bits in by_task.items())
        self._line.note(
            f"验证 validation · 步 step {self.position.step} · {clock(self.position.seconds)} · BPC {value:.3f}"
            + (
                " ★"
                if is_best
                else f"（最好 best {self._best:.3f}）"
                if self._best is not None
                else ""
            )
            + others
        )
        if self._ranks.is_first:
            self.model.eval()
            self._observe(self.model, Validation(self.position.step, value, is_best))
            self.model.train()
        release_freed_memory()
        self._line.pause()

    def _measure(self, pairs: Pairs) -> LossStats:
        return evaluate_loss(
            self.model,
            pairs,
            batch_tokens=2 * self.config.batch_tokens,
            device=self.device,
            precision=self._precision,
            ranks=self._ranks,
        )

    def _save(self, journal: Journal) -> None:
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


def _optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter, 2019); vectors, biases and scores do not decay."""
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() <= 1]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        betas=(0.9, 0.99),
        fused=True,
    )
