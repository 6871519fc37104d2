"""The first training, started from the page: `train.py --preset tiny` in a process of its own."""

from __future__ import annotations

import atexit
import contextlib
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import NamedTuple

from novelgen.errors import TrainingError
from novelgen.presets import preset
from novelgen.training.checkpoint import RunDirectory
from novelgen.web.metrics import Metrics

MINUTES = preset("tiny").training.max_minutes
_PATIENCE = 5.0  # seconds that the process has for ending by itself


class Status(NamedTuple):
    """How the training stands."""

    phase: str  # "idle", "preparing", "training", "finishing", "done", "failed", "cancelled"
    name: str = ""  # of the run
    share: float = 0.0  # of the budget that is spent
    seconds_left: float = 0.0
    step: int = 0
    training_bpc: float | None = None
    validation_bpc: float | None = None
    error: str = ""  # the last line that the process said

    @property
    def is_running(self) -> bool:
        return self.phase in ("preparing", "training", "finishing")


class TinyTraining:
    """One training at a time, for all visitors together; it ends with the program. Threads may share it.

    What is cancelled or fails leaves no run behind.
    """

    def __init__(self, project: Path, minutes: float = MINUTES) -> None:
        """`project` is the folder with train.py and corpus/novel.txt."""
        self._project, self._minutes = Path(project), minutes
        self._metrics = Metrics()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._output = Path()
        self._status = Status("idle")  # what stays when no process runs
        self._cancelled = False
        self._seen: tuple[float, float] | None = (
            None  # seconds trained, by the file; when this was first seen
        )
        self._spent = 0.0  # seconds, as last told
        atexit.register(self.cancel)

    def start(self, folder: Path) -> None:
        """Begins a training whose run will lie in `folder`; nothing when one is under way.

        Raises TrainingError when the program or the novel is not there, or the process does not start.
        """
        with self._lock:
            if self._process is not None:
                return
            script, corpus = self._project / "train.py", self._project / "corpus" / "novel.txt"
            for needed in (script, corpus):
                if not needed.is_file():
                    raise TrainingError(
                        f"{needed}：没有这个文件；请在 novelgen 的文件夹里运行 | no such file; run the program in "
                        "novelgen's own folder"
                    )
            self._output = _free(Path(folder))
            command = [
                sys.executable,
                str(script),
                "--preset",
                "tiny",
                "--max-minutes",
                f"{self._minutes:g}",
                "--corpus",
                str(corpus),
                "--output",
                str(self._output),
            ]
            try:
                # In a session of its own, so that Ctrl-C in the terminal reaches this program alone, which then ends it.
                self._process = subprocess.Popen(
                    command,
                    cwd=self._project,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    encoding="utf-8",
                    errors="replace",
                    start_new_session=True,
                )
            except OSError as error:
                raise TrainingError(f"训练启动不了：{error} | training cannot be started") from None
            self._cancelled, self._seen, self._spent = False, None, 0.0
            threading.Thread(
                target=self._watch, args=(self._process, self._output), daemon=True
            ).start()

    def _watch(self, process: subprocess.Popen[str], output: Path) -> None:
        """Reads what the process says until it has ended, and clears up."""
        last = deque((line.strip() for line in process.stdout if line.strip()), maxlen=1)
        process.stdout.close()
        failed = process.wait() != 0
        if failed or self._cancelled:
            shutil.rmtree(output, ignore_errors=True)
        if self._cancelled:
            ended = Status("cancelled")
        elif failed:
            ended = Status("failed", error=last[0] if last else f"train.py: {process.returncode}")
        else:
            ended = Status("done", output.name, 1.0)
        with self._lock:
            self._status, self._process = ended, None

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
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
        self.wait(_PATIENCE)

    def wait(self, seconds: float) -> bool:
        """Waits for the end of the training; whether it has come."""
        until = time.monotonic() + seconds
        while self._process is not None and time.monotonic() < until:
            time.sleep(0.02)
        return self._process is None

    def status(self) -> Status:
        """How the training stands now."""
        with self._lock:
            if self._process is None:
                return self._status
            output = self._output
        history = self._metrics.history(RunDirectory(output).metrics)
        if not history.steps:
            return Status("preparing", output.name)
        last = history.steps[-1]
        seen = self._seen
        if seen is None or seen[0] != last.seconds:
            self._seen = seen = (last.seconds, time.monotonic())
        # The file grows by blocks, the clock in between; a bar never goes back.
        self._spent = spent = max(self._spent, last.seconds + time.monotonic() - seen[1])
        budget = 60 * self._minutes
        recent = history.steps[-20:]
        return Status(
            "training" if spent < budget else "finishing",
            output.name,
            min(spent / budget, 1.0),
            max(budget - spent, 0.0),
            last.step,
            sum(step.bpc for step in recent) / len(recent),
            min((look.bpc for look in history.looks), default=None),
        )


def _free(folder: Path) -> Path:
    """A folder for the run that is not there yet."""
    number = 1
    while (path := folder / (f"novel-tiny-{number}" if number > 1 else "novel-tiny")).exists():
        number += 1
    return path
