"""Alarms: what goes wrong in a training while there is time to put it right, each with a remedy.

An alarm is a pure function of figures that were observed: an Alarm, or None where all is well. What
is normal was read off the trainings of docs/benchmarks.md. `Watch` looks at the figures of a run,
and gives each alarm once.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median
from typing import Any, NamedTuple

from novelgen.config import flag
from novelgen.i18n import _

# The loss is the mean of so many steps: the first, and the last.
_WINDOW = 20
# After so many steps, or twice the warm-up, the loss must have fallen by 2 %: it falls by 10 % at
# least. Of a run that begins with trained weights it first rises, by 7 % from the base model on a
# novel whose validation then fell.
_STEPS_TO_FALL = 100
_SHARE_TO_FALL = 0.02
_WARM_RISE = 0.2
# Norms of the gradients are 0.2 to 1, single ones up to 30: it is the median that must not be high.
_HIGH_NORM = 10.0
# BPC above the best validation that is no chance, in so many validations in a row.
_RISE = 0.02
_RISING_VALIDATIONS = 2
# The mean weight of the position that gets most: 0.04 by default, 0.99 of attention that is stuck.
_ONE_PLACE = 0.9
# A model attends to nothing before.
_STEPS_TO_ATTEND = 100
# With less text than this not even the tone of a novel is learnt from scratch.
_FEWEST_CHARACTERS = 20_000
_MEMORY_SHARE = 0.05
_MEMORY_STEPS = 20  # between two looks at the memory
_GIB = 2**30
_CUDA_INDEX = "https://download.pytorch.org/whl/cu128"


class Alarm(NamedTuple):
    """What is wrong, by name for programs, and what to do, in a line for a person."""

    name: str
    message: str

    def record(self, step: int) -> dict[str, Any]:
        """What metrics.jsonl keeps."""
        return {"step": step, "alarm": self.name, "message": self.message}


class Memory(NamedTuple):
    """The memory of the machine, or of the container, in bytes."""

    available: int
    total: int


class GpuSupport(NamedTuple):
    """Whether there is an NVIDIA GPU, and what torch makes of it."""

    is_present: bool
    torch_version: str
    cuda_version: str | None  # that torch was built with; None of a CPU build
    is_available: bool  # to torch


def unused_gpu(support: GpuSupport) -> Alarm | None:
    """A GPU that torch cannot use."""
    if not support.is_present or support.is_available:
        return None
    if support.cuda_version is not None:
        return Alarm(
            "unused_gpu",
            _(
                "this machine has an NVIDIA GPU that torch cannot use: its driver is too "
                "old for CUDA {cuda}; install a newer driver, and see what nvidia-smi says"
            ).format(cuda=support.cuda_version),
        )
    version = support.torch_version.partition("+")[0]
    command = f"pip install --force-reinstall torch=={version} --index-url {_CUDA_INDEX}"
    return Alarm(
        "unused_gpu",
        _(
            "this machine has an NVIDIA GPU, but this torch ({found}) is a build for CPUs; "
            "the build for GPUs: {command}"
        ).format(found=support.torch_version, command=command),
    )


def small_corpus(characters: int) -> Alarm | None:
    """Target characters to learn from that are too few."""
    if characters >= _FEWEST_CHARACTERS:
        return None
    return Alarm(
        "small_corpus",
        _(
            "only {count:,} characters to learn from: a novel's tone takes some ten "
            "thousand, sense a million; put more novels into the folder"
        ).format(count=characters),
    )


def low_memory(memory: Memory | None) -> Alarm | None:
    """Memory that is nearly used up; None where it is not known."""
    if memory is None or memory.available >= _MEMORY_SHARE * memory.total:
        return None
    return Alarm(
        "low_memory",
        _(
            "of {total:.1f} GiB of memory {available:.1f} are left; close other programs, "
            "or stop with Ctrl-C and go on with --resume --accumulation-steps 4"
        ).format(total=memory.total / _GIB, available=memory.available / _GIB),
    )


def no_fall(first: float, last: float, step: int, is_warm: bool) -> Alarm | None:
    """A loss that is not lower after `step` steps than at first; `is_warm` as for `Watch`.

    With trained weights, one that is much higher.
    """
    highest = 1 + _WARM_RISE if is_warm else 1 - _SHARE_TO_FALL
    if last < highest * first:
        return None
    return Alarm(
        "no_fall",
        _(
            "after {step} steps the loss has not fallen ({first:.2f}, now {last:.2f}); stop "
            "with Ctrl-C and train again with {option} auto"
        ).format(step=step, first=first, last=last, option=flag("learning_rate")),
    )


def exploding_gradients(norms: Sequence[float], rate: float) -> Alarm | None:
    """Norms of the gradients of the last steps that are all too high."""
    usual = median(norms)
    if usual <= _HIGH_NORM:
        return None
    return Alarm(
        "exploding_gradients",
        _(
            "the gradients explode (norm {norm:.3g}, normal are 0.2 to 1); stop with Ctrl-C "
            "and train again with a lower {option} (now {rate:.2g})"
        ).format(norm=usual, option=flag("learning_rate"), rate=rate),
    )


def not_finite(message: str) -> Alarm:
    """A loss or gradients of NaN or infinity, which end a training with `message`."""
    return Alarm("not_finite", message)


def learning_by_heart(best: float, validations: Sequence[float]) -> Alarm | None:
    """The last validations are worse than the best one while the training loss goes on falling."""
    if len(validations) < _RISING_VALIDATIONS or min(validations) < best + _RISE:
        return None
    return Alarm(
        "learning_by_heart",
        _(
            "validation rises ({best:.3f}, now {last:.3f} BPC) while the training loss "
            "falls: the model learns by heart. The best weights are kept; more text or a higher "
            "{option} help"
        ).format(best=best, last=validations[-1], option=flag("dropout")),
    )


def stuck_attention(share: float, step: int) -> Alarm | None:
    """Attention that gives one position nearly all its weight, whatever is written."""
    # NaN, of a model that does not attend, is never more.
    if step < _STEPS_TO_ATTEND or not share > _ONE_PLACE:
        return None
    return Alarm(
        "stuck_attention",
        _(
            "attention looks at one place only, which gets {share:.0%} of its weight; "
            "--token-in-query with --guide 1, the default, prevents it"
        ).format(share=share),
    )


class Watch:
    """Looks at what a run records, and returns each alarm once.

    `is_warm` says that it began with trained weights. `memory` reads the memory; None is not known.
    A run that is resumed goes on from the records of before, by `replay`.
    """

    def __init__(
        self,
        *,
        warmup_steps: int = 0,
        is_warm: bool = False,
        memory: Callable[[], Memory | None] = lambda: None,
    ) -> None:
        self.steps_to_fall = max(_STEPS_TO_FALL, 2 * warmup_steps)
        self._is_warm = is_warm
        self._memory = memory
        self._given: set[str] = set()
        self._first: list[float] = []
        self._losses: deque[float] = deque(maxlen=_WINDOW)
        self._norms: deque[float] = deque(maxlen=_WINDOW)
        # Since the validation before; the training loss at the best one; validations since then.
        self._bpc: list[float] = []
        self._best = math.inf
        self._best_training = math.inf
        self._since_best: list[float] = []

    def replay(self, record: Mapping[str, Any]) -> None:
        """Takes note of a record of before."""
        if "alarm" in record:
            self._given.add(record["alarm"])
        elif "loss" in record:
            self._note_step(record)
        elif "validation_bpc" in record:
            self._note_validation(record["validation_bpc"])

    def new(self, *alarms: Alarm | None) -> list[Alarm]:
        """Those alarms that were not given before; they are now."""
        found = [alarm for alarm in alarms if alarm is not None and alarm.name not in self._given]
        self._given.update(alarm.name for alarm in found)
        return found

    def after_step(self, record: Mapping[str, Any]) -> list[Alarm]:
        """New alarms, by the record of a step."""
        self._note_step(record)
        step = record["step"]
        alarms = []
        if step == self.steps_to_fall and len(self._losses) == _WINDOW:
            alarms.append(no_fall(fmean(self._first), fmean(self._losses), step, self._is_warm))
        if len(self._norms) == _WINDOW:
            alarms.append(exploding_gradients(self._norms, record["learning_rate"]))
        if step % _MEMORY_STEPS == 0:
            alarms.append(low_memory(self._memory()))
        return self.new(*alarms)

    def after_validation(self, bpc: float) -> list[Alarm]:
        """New alarms, by a validation."""
        training = self._note_validation(bpc)
        if not training < self._best_training:
            return []
        return self.new(learning_by_heart(self._best, self._since_best[-_RISING_VALIDATIONS:]))

    def _note_step(self, record: Mapping[str, Any]) -> None:
        if len(self._first) < _WINDOW:
            self._first.append(record["loss"])
        self._losses.append(record["loss"])
        self._norms.append(record["gradient_norm"])
        self._bpc.append(record["bpc"])

    def _note_validation(self, bpc: float) -> float:
        """Returns the training loss since the validation before, in BPC; inf for none."""
        training = fmean(self._bpc) if self._bpc else math.inf
        self._bpc = []
        if bpc < self._best:
            self._best = bpc
            self._best_training = training
            self._since_best = []
        else:
            self._since_best.append(bpc)
        return training
