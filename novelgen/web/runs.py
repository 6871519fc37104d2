"""The run directories that the page offers, and their models, loaded once for everybody."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from novelgen.decoding.generator import Generator
from novelgen.errors import CheckpointError
from novelgen.training.checkpoint import RunDirectory

_LOADED = 3  # models kept in memory


class Shelf:
    """The runs in a folder, and perhaps one of elsewhere, by name. Threads may share it.

    A visitor names a run and never a path, so that nobody can open what is not on the shelf.
    """

    def __init__(self, folder: Path, chosen: Path | None = None, device: str = "auto") -> None:
        """`chosen` is the run that comes first, wherever it lies; raises CheckpointError when it cannot be used."""
        self.folder, self._chosen, self._device = Path(folder), chosen, device
        self._loaded: OrderedDict[Path, tuple[int, Generator]] = OrderedDict()
        self._lock = threading.Lock()
        if chosen is not None:
            self.generator(self._name(chosen))

    def runs(self) -> dict[str, RunDirectory]:
        """The runs that can write, by name; the chosen one first, then the newest."""
        found = [path for path in self.folder.glob("*") if RunDirectory(path).exists and RunDirectory(path).has_model]
        found.sort(key=_changed, reverse=True)
        if self._chosen is not None:
            found = [self._chosen, *(path for path in found if path.resolve() != self._chosen.resolve())]
        return {self._name(path): RunDirectory(path) for path in found}

    def _name(self, path: Path) -> str:
        """The folder's name; a chosen run of elsewhere goes by its whole path, which no other can have."""
        return path.resolve().name if path.resolve().parent == self.folder.resolve() else str(path)

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
        if name not in found:
            raise CheckpointError(f"没有训练好的模型 {name or ''}；请先训练，或在“模型”页另选一个 | no such trained model; train one "
                                  "first, or choose another under Model")
        return found[name]

    def generator(self, name: str | None) -> Generator:
        """The run's generator, loaded anew only when its weights have changed. Raises CheckpointError."""
        run = self.run(name)
        with self._lock:
            changed = _changed(run.path)
            known = self._loaded.get(run.path)
            if known is None or known[0] != changed:
                known = (changed, Generator.load(run.path, self._device))
            self._loaded[run.path] = known
            self._loaded.move_to_end(run.path)
            while len(self._loaded) > _LOADED:
                self._loaded.popitem(last=False)
            return known[1]


def _changed(path: Path) -> int:
    """When the weights were last written, in nanoseconds; 0 when they have just gone."""
    try:
        return (path / "model.safetensors").stat().st_mtime_ns
    except OSError:
        return 0
