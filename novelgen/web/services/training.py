"""Trainings that are started from the page: `novelgen train` in a process of its own."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, NamedTuple, cast

from novelgen.errors import TrainingError
from novelgen.i18n import VARIABLE, _, language
from novelgen.presets import preset
from novelgen.shipped import shipped_novel
from novelgen.training.run_directory import RunDirectory
from novelgen.training.run_lock import training_in
from novelgen.web.services.metrics import Metrics

# How a training is started, and the folder where that finds this very package: a clone need not be
# installed, and nothing in the folder where the user works can stand in a module's way.
_TRAIN = (sys.executable, "-m", "novelgen", "train")
_BESIDE_PACKAGE = Path(__file__).resolve().parents[2]

# What the first training uses, on the novel that comes with the program.
_FIRST_PRESET = "tiny"
MINUTES = cast("float", preset(_FIRST_PRESET).training.max_minutes)
_RECENT = 20  # steps that the training BPC is the mean of


class TrainingRequest(NamedTuple):
    """What to train on, from where, and for how long."""

    corpus: Path  # a file, or what `prepare` wrote
    name: str  # of the run; another run of that name stays, and the new one is numbered
    preset: str
    minutes: float
    init: str = "auto"  # as the option of that name
    is_uploaded: bool = False  # the corpus is a visitor's
    # What is removed together with a run that fails: a corpus that was kept for this run alone.
    discard: Path | None = None


class Status(NamedTuple):
    """How far the training has come."""

    phase: str  # "idle", "preparing", "training", "finishing", "done", "failed", "cancelled"
    name: str = ""  # of the run
    share: float = 0.0  # of the budget that is spent
    seconds_left: float = 0.0
    step: int = 0
    training_bpc: float | None = None
    validation_bpc: float | None = None
    error: str = ""  # the last line that the process printed
    is_uploaded: bool = False  # what is trained on is a visitor's novel

    @property
    def is_running(self) -> bool:
        """Whether a process is training now."""
        return self.phase in ("preparing", "training", "finishing")


class _Seen(NamedTuple):
    """The last record of the run's metrics.jsonl, and when it was first seen."""

    trained: float  # seconds, by the record
    at: float  # seconds, by the clock of PageTraining


class PageTraining:
    """One training at a time, for all visitors together; it ends with the program.

    A training that is cancelled or fails leaves no run behind. Threads may share this.
    """

    def __init__(
        self,
        minutes: float = MINUTES,
        train: Sequence[str] = _TRAIN,
        *,
        patience: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`minutes` is the budget of the first training; `train` starts one, given its options.

        `patience` is how many seconds a process that is cancelled has for ending by itself, and
        `clock` what the time spent is read from.
        """
        self._minutes = minutes
        self._train = tuple(train)
        self._patience = patience
        self._clock = clock
        self._metrics = Metrics()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._watcher: threading.Thread | None = None  # of the process
        self._output = Path()
        self._request: TrainingRequest  # of the process that runs
        self._status = Status("idle")  # what is shown while no process runs
        self._cancelled = False
        self._seen: _Seen | None = None
        self._spent = 0.0  # seconds, as the last status had it
        atexit.register(self.cancel)

    def start(self, folder: Path) -> None:
        """Starts the first training, whose run will lie in `folder`.

        Does nothing when a training is under way. Raises CorpusError when the novel that comes
        with the program is missing, TrainingError as `start_on`.
        """
        name = f"novel-{_FIRST_PRESET}"
        self._start(folder, TrainingRequest(shipped_novel(), name, _FIRST_PRESET, self._minutes))

    def start_on(self, folder: Path, request: TrainingRequest) -> None:
        """Starts the training that is asked for; its run will lie in `folder`.

        The process speaks the language of the visitor who started it. Raises TrainingError when
        a training is under way, the program or the corpus is missing, or the process does not
        start.
        """
        if not self._start(folder, request):
            raise _under_way()

    def check_free(self) -> None:
        """Raises TrainingError when a training is under way."""
        if self._process is not None:
            raise _under_way()

    def _start(self, folder: Path, request: TrainingRequest) -> bool:
        """Whether the training was started; False when another one is under way."""
        with self._lock:
            if self._process is not None:
                return False
            self._output = _unused_folder(Path(folder), request.name)
            self._process = self._launch(request, self._output)
            self._request = request
            self._cancelled = False
            self._seen = None
            self._spent = 0.0
            self._watcher = threading.Thread(
                target=self._watch, args=(self._process, request, self._output), daemon=True
            )
            self._watcher.start()
            return True

    def _launch(self, request: TrainingRequest, output: Path) -> subprocess.Popen[str]:
        if not request.corpus.exists():
            message = _("{path}: no such file; it was moved or removed, drop the novel again")
            raise TrainingError(message.format(path=request.corpus))
        # Absolute paths: the process works in another folder.
        command = [
            *self._train,
            "--preset",
            request.preset,
            "--init",
            request.init,
            "--max-minutes",
            f"{request.minutes:g}",
            "--corpus",
            str(request.corpus.absolute()),
            "--output",
            str(output.absolute()),
        ]
        try:
            # In a session of its own, so that Ctrl-C in the terminal reaches this program alone,
            # which then ends it.
            return subprocess.Popen(
                command,
                cwd=_BESIDE_PACKAGE,
                env={**os.environ, VARIABLE: language()},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            message = _("the training cannot be started: {reason}")
            raise TrainingError(message.format(reason=error)) from None

    def _watch(
        self, process: subprocess.Popen[str], request: TrainingRequest, output: Path
    ) -> None:
        """Reads what the process prints until it has ended, and removes what failed."""
        # 1. A pipe that nobody reads would fill up and stop the process.
        last_line = ""
        if process.stdout is not None:
            last_line = _last_line(process.stdout)
            process.stdout.close()
        failed = process.wait() != 0
        # 2. The run stays only where it is whole, or where it is that of another process, which
        # has taken the folder first.
        if failed or self._cancelled:
            if training_in(output) is None:
                shutil.rmtree(output, ignore_errors=True)
            if request.discard is not None:
                shutil.rmtree(request.discard, ignore_errors=True)
        # 3. What the page shows from now on.
        if self._cancelled:
            ended = Status("cancelled")
        elif failed:
            ended = Status("failed", error=last_line or f"novelgen train: {process.returncode}")
        else:
            ended = Status("done", output.name, 1.0)
        with self._lock:
            self._status = ended._replace(is_uploaded=request.is_uploaded)
            self._process = None

    def cancel(self) -> None:
        """Ends the training, if there is one, and waits until it is gone."""
        with self._lock:
            process = self._process
            if process is None:
                return
            self._cancelled = True
        with contextlib.suppress(OSError):
            process.terminate()
        try:
            process.wait(self._patience)
        except subprocess.TimeoutExpired:
            process.kill()
        self.wait(self._patience)

    def wait(self, seconds: float) -> bool:
        """Waits for the end of the training, at most so long; whether it has come."""
        watcher = self._watcher
        if watcher is not None:
            watcher.join(seconds)
        return self._process is None

    def status(self) -> Status:
        """How far the training is now."""
        with self._lock:
            if self._process is None:
                return self._status
            output = self._output
            request = self._request
        history = self._metrics.history(RunDirectory(output).metrics)
        if not history.steps:
            return Status("preparing", output.name, is_uploaded=request.is_uploaded)
        last = history.steps[-1]
        spent = self._advance(last.seconds)
        budget = 60 * request.minutes
        recent = history.steps[-_RECENT:]
        validations = [point.bpc for point in history.validations]
        return Status(
            phase="training" if spent < budget else "finishing",
            name=output.name,
            share=min(spent / budget, 1.0),
            seconds_left=max(budget - spent, 0.0),
            step=last.step,
            training_bpc=sum(step.bpc for step in recent) / len(recent),
            validation_bpc=min(validations, default=None),
            is_uploaded=request.is_uploaded,
        )

    def _advance(self, trained: float) -> float:
        """The seconds spent, by the last record's and the clock since; they never go back.

        The file grows by blocks of records, and the clock fills the time in between.
        """
        seen = self._seen
        if seen is None or seen.trained != trained:
            seen = _Seen(trained, self._clock())
            self._seen = seen
        spent = max(self._spent, trained + self._clock() - seen.at)
        self._spent = spent
        return spent


def _under_way() -> TrainingError:
    return TrainingError(_("another training is under way; wait until it has ended, or cancel it"))


def _last_line(output: IO[str]) -> str:
    """Reads to the end; the last line that was not blank."""
    lines = (line.strip() for line in output)
    last = deque((line for line in lines if line), maxlen=1)
    return last[0] if last else ""


def _unused_folder(folder: Path, name: str) -> Path:
    """A folder for the run that does not exist yet."""
    path = folder / name
    number = 1
    while path.exists():
        number += 1
        path = folder / f"{name}-{number}"
    return path
