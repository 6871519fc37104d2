"""The run directories that the page offers, and their models, loaded once for everybody."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Container
from pathlib import Path

from novelgen.decoding.generator import Generator
from novelgen.errors import CheckpointError
from novelgen.training.checkpoint import RunDirectory

_LOADED = 3  # models kept in memory
_NAME = 80  # characters of a name that is not ours
_SILENCE = 1800.0  # seconds; a training that has written nothing for so long has ended


class ModelRegistry:
    """The runs in a folder, and perhaps one of elsewhere, by name. Threads may share it.

    A visitor names a run and never a path, so that nobody can open what is not on the shelf.
    """

    def __init__(self, folder: Path, chosen: Path | None = None, device: str = "auto") -> None:
        """`chosen` is the run that comes first, wherever it lies; raises CheckpointError when it cannot be used."""
        self.folder, self._chosen, self._device = Path(folder), chosen, device
        self._loaded: OrderedDict[Path, tuple[int, Generator]] = OrderedDict()
        self._lock = threading.Lock()
        if chosen is not None:
            self.generator(chosen.resolve().name)

    def runs(self) -> dict[str, RunDirectory]:
        """The runs that can write, by the names of their folders; the chosen one first, then the newest."""
        found = {
            path.name: RunDirectory(path)
            for path in sorted(self.folder.glob("*"), key=_changed, reverse=True)
            if RunDirectory(path).exists and RunDirectory(path).has_model
        }
        if self._chosen is None:
            return found
        chosen = self._chosen.resolve()
        others = {name: run for name, run in found.items() if run.path.resolve() != chosen}
        # Where the chosen one lies is nobody's business; another of the same name is numbered, and whoever has chosen keeps it.
        return {
            chosen.name: RunDirectory(self._chosen),
            **{
                _numbered(name, others) if name == chosen.name else name: run
                for name, run in others.items()
            },
        }

    def in_training(self) -> dict[str, RunDirectory]:
        """The runs of the folder that have saved nothing yet to write with, by name; the one that was begun last comes first."""
        found = [
            run
            for run in map(RunDirectory, self.folder.glob("*"))
            if run.exists and not run.has_model
        ]
        alive = {
            run.path.name: told for run in found if time.time() - (told := _told(run)) < _SILENCE
        }
        return {
            name: RunDirectory(self.folder / name)
            for name in sorted(alive, key=alive.get, reverse=True)
        }

    def newest(self) -> str | None:
        """The run to begin with: the chosen one, or the newest that opens; None when there is none."""
        for name in self.runs():
            try:
                self.generator(name)
                return name
            except CheckpointError:
                continue
        return None

    def run(self, name: str | None) -> RunDirectory:
        """A run that is offered; raises CheckpointError for any other name."""
        found = self.runs()
        if name is None or name == "":
            raise CheckpointError(
                "还没有训练好的模型；请先训练一个 | no trained model yet; train one first"
            )
        if name not in found:
            raise CheckpointError(
                f"没有训练好的模型“{name[:_NAME]}”，可能已改名或删去；请在“模型”页另选一个 | no such trained model; it "
                "may have been renamed or deleted; choose another under Model"
            )
        return found[name]

    def generator(self, name: str | None) -> Generator:
        """The run's generator, loaded anew only when its weights have changed. Raises CheckpointError."""
        run = self.run(name)
        with self._lock:
            changed = _changed(run.path)
            known = self._loaded.get(run.path)
            if known is None or known[0] != changed:
                known = (changed, Generator.load(run.path, self._device))
                known[1].warm_up()
            self._loaded[run.path] = known
            self._loaded.move_to_end(run.path)
            while len(self._loaded) > _LOADED:
                self._loaded.popitem(last=False)
            return known[1]

    def weights(self, name: str | None) -> int:
        """Which weights a run has now: another number when they have been replaced. Raises CheckpointError."""
        return _changed(self.run(name).path)


def _numbered(name: str, taken: Container[str]) -> str:
    return next(
        free for number in itertools.count(2) if (free := f"{name} ({number})") not in taken
    )


def _told(run: RunDirectory) -> float:
    """When the training last wrote anything down, in seconds of the epoch; 0 when it never has."""
    times = [0.0]
    for path in (run.metrics, run.path):
        with contextlib.suppress(OSError):
            times.append(path.stat().st_mtime)
    return max(times)


def _changed(path: Path) -> int:
    """When the weights were last written, in nanoseconds; 0 when they have just gone."""
    try:
        return (path / "model.safetensors").stat().st_mtime_ns
    except OSError:
        return 0
