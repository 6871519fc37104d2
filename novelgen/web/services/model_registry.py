"""The run directories that the page offers, and their models, loaded once for all visitors."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Container
from pathlib import Path
from typing import NamedTuple

from novelgen.decoding.generator import Generator
from novelgen.errors import CheckpointError
from novelgen.i18n import _
from novelgen.report.card import is_unvalidated
from novelgen.training.run_directory import RunDirectory

# The base model's name for programs. No folder can have it, so that no run is called the same.
BASE = "novelgen/base"
_NAME = 80  # characters of a name that came from outside
_SILENCE = 1800.0  # seconds; a training that has written nothing for so long has ended


class LoadedModel(NamedTuple):
    """A model in memory, and which weights it was loaded from."""

    weights: int  # another number when they were replaced: nanoseconds, as _changed returns them
    generator: Generator


class ModelRegistry:
    """The runs in a folder, perhaps one from elsewhere, and the base model, by name.

    Threads may share it.

    A visitor names a run and never a path, so that nobody can open what is not registered.
    """

    def __init__(
        self,
        folder: Path,
        chosen: Path | None = None,
        device: str = "auto",
        max_loaded: int = 3,
        base: Path | None = None,
    ) -> None:
        """`chosen` is the run that comes first, and `base` the base model, wherever they lie.

        `max_loaded` models stay loaded. Raises CheckpointError when `chosen` cannot be used.
        """
        self.folder = Path(folder)
        self._chosen = chosen
        self._base = base
        self._device = device
        self._max_loaded = max_loaded
        self._loaded: OrderedDict[Path, LoadedModel] = OrderedDict()  # last used comes last
        # Models whose runs have other weights by now, for the texts that they wrote.
        self._replaced: OrderedDict[tuple[Path, int], Generator] = OrderedDict()
        self._lock = threading.Lock()
        if chosen is not None:
            self.generator(self._own_name(chosen))

    def runs(self) -> dict[str, RunDirectory]:
        """The runs that can write, by the names of their folders; the base model is BASE.

        The chosen one comes first, then the newest; the base model comes last.
        """
        named = {}
        if self._chosen is not None:
            # Its path stays unknown to visitors.
            named[self._own_name(self._chosen)] = RunDirectory(self._chosen)
        # The chosen run and the base model may lie in the folder too.
        listed = [path.resolve() for path in (self._chosen, self._base) if path is not None]
        others = {}
        for path in sorted(self.folder.glob("*"), key=_changed, reverse=True):
            run = RunDirectory(path)
            if run.exists and run.has_model and path.resolve() not in listed:
                others[path.name] = run
        # Of two runs of the same name the chosen one keeps it, and the other one is numbered.
        for name, run in others.items():
            free_name = _numbered(name, others) if name in named else name
            named[free_name] = run
        if self._base is not None and RunDirectory(self._base).has_model:
            named.setdefault(BASE, RunDirectory(self._base))
        return named

    def _own_name(self, path: Path) -> str:
        """What a run is called, if no other has its name."""
        place = path.resolve()
        if self._base is not None and place == self._base.resolve():
            return BASE
        return place.name

    def in_training(self) -> dict[str, RunDirectory]:
        """The runs of the folder that have saved no model yet, by name.

        The one that has written last comes first.
        """
        now = time.time()
        alive = []
        for run in map(RunDirectory, self.folder.glob("*")):
            if not run.exists or run.has_model:
                continue
            written = _last_written(run)
            if now - written < _SILENCE:
                alive.append((written, run))
        alive.sort(key=lambda each: each[0], reverse=True)
        return {run.path.name: run for _time, run in alive}

    def newest(self) -> str | None:
        """The run to begin with: the chosen one, the newest that opens, or the base model.

        None when there is none.
        """
        for name in self.runs():
            with contextlib.suppress(CheckpointError):
                self.generator(name)
                return name
        return None

    def run(self, name: str | None) -> RunDirectory:
        """A run that is offered; raises CheckpointError for any other name."""
        found = self.runs()
        if name is None or name == "":
            raise CheckpointError(_("no trained model yet; train one first"))
        if name not in found:
            message = _(
                "“{name}”: no such trained model; it may have been renamed or deleted; choose"
                " another one in the Model tab"
            )
            raise CheckpointError(message.format(name=name[:_NAME]))
        return found[name]

    def generator(self, name: str | None) -> Generator:
        """The run's generator, loaded again only when its weights have changed.

        Raises CheckpointError.
        """
        return self.newest_model(name).generator

    def newest_model(self, name: str | None) -> LoadedModel:
        """The run's generator and which weights it has; raises CheckpointError."""
        run = self.run(name)
        with self._lock:
            changed = _changed(run.path)
            model = self._loaded.get(run.path)
            # 1. Load what is not in memory, or was trained on since.
            if model is None or model.weights != changed:
                if model is not None:
                    self._keep_replaced(run.path, model)
                model = LoadedModel(changed, Generator.load(run.path, self._device))
                model.generator.warm_up()
            # 2. Keep the models that were used last.
            self._loaded[run.path] = model
            self._loaded.move_to_end(run.path)
            while len(self._loaded) > self._max_loaded:
                self._loaded.popitem(last=False)
            return model

    def is_validated(self, name: str | None) -> bool:
        """Whether a run's weights were ever measured. Raises CheckpointError."""
        return not is_unvalidated(self.run(name).load_info())

    def generator_with(self, name: str, weights: int) -> Generator:
        """The run's generator with the weights that it had when it wrote something.

        Raises CheckpointError when they are in memory no more.
        """
        run = self.run(name)
        with self._lock:
            model = self._loaded.get(run.path)
            if model is not None and model.weights == weights:
                return model.generator
            replaced = self._replaced.get((run.path, weights))
        if replaced is not None:
            return replaced
        if _changed(run.path) == weights:
            return self.generator(name)
        raise CheckpointError(
            _(
                "{run}: the model has changed since this paragraph was written; "
                "write another paragraph"
            ).format(run=name[:_NAME])
        )

    def _keep_replaced(self, path: Path, model: LoadedModel) -> None:
        """Keeps a model whose weights were replaced, as many as may be loaded."""
        self._replaced[path, model.weights] = model.generator
        while len(self._replaced) > self._max_loaded:
            self._replaced.popitem(last=False)


def _numbered(name: str, taken: Container[str]) -> str:
    """The name with the first number that makes it a new one."""
    for number in itertools.count(2):
        numbered = f"{name} ({number})"
        if numbered not in taken:
            return numbered
    raise AssertionError("the numbers do not end")


def _last_written(run: RunDirectory) -> float:
    """When the training last wrote anything, in seconds of the epoch; 0 when it never has."""
    times = [0.0]
    for path in (run.metrics, run.path):
        with contextlib.suppress(OSError):
            times.append(path.stat().st_mtime)
    return max(times)


def _changed(path: Path) -> int:
    """When the weights were last written, in nanoseconds; 0 when they have just gone.

    Those of the network, or of the n-gram model beside it, which is written later.
    """
    written = 0
    for name in ("model.safetensors", "ngram.safetensors"):
        with contextlib.suppress(OSError):
            written = max(written, (path / name).stat().st_mtime_ns)
    return written
