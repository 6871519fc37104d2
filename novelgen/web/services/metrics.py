"""A run's metrics.jsonl for the page: read on as it grows, and thinned to what a curve can show."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from novelgen.report.curves import smooth

_FILES = 16  # whose content is kept in memory
_POINTS = 300  # of a curve; a screen shows no more
_LARGEST = 1e12  # of any number; a larger one is damaged
_TAIL = 200  # bytes before the place to read on from, by which a file is recognized


class Step(NamedTuple):
    """One step of the optimiser."""

    step: int
    bpc: float  # of its batch
    characters: int  # seen until then
    seconds: float  # trained until then


class ValidationPoint(NamedTuple):
    """One validation."""

    step: int
    bpc: float


@dataclass
class History:
    """What a metrics.jsonl tells so far."""

    steps: list[Step] = field(default_factory=list)
    validations: list[ValidationPoint] = field(default_factory=list)

    def add(self, record: Any) -> None:
        """Adds one line of the file, as JSON was read from it.

        One that is not a record of ours, or has a number out of all bounds, is left out: the file
        may come from anywhere.
        """
        try:
            if "validation_bpc" in record:
                self._add_validation(record)
            else:
                self._add_step(record)
        except (TypeError, KeyError, ValueError, OverflowError):
            return

    def _add_validation(self, record: Any) -> None:
        point = ValidationPoint(int(record["step"]), float(record["validation_bpc"]))
        if _is_plausible(point):
            self.validations.append(point)

    def _add_step(self, record: Any) -> None:
        step = Step(
            int(record["step"]),
            float(record["bpc"]),
            int(record["characters"]),
            float(record["seconds"]),
        )
        if _is_plausible(step):
            self.steps.append(step)


def _is_plausible(values: Iterable[float]) -> bool:
    return all(abs(value) <= _LARGEST for value in values)  # a NaN is never <=


@dataclass
class _File:
    """A file as far as it was read. One that was replaced is read from its beginning again."""

    inode: int = 0
    offset: int = 0
    # What stood before the offset: a new file may have been given the old one's inode.
    tail: bytes = b""
    history: History = field(default_factory=History)


class Metrics:
    """The histories of runs. Only what a file has grown by is read. Threads may share it."""

    def __init__(self) -> None:
        self._files: OrderedDict[Path, _File] = OrderedDict()
        self._lock = threading.Lock()

    def stamp(self, path: Path) -> tuple[int, int]:
        """The file's age and size, by which a change is noticed; zeros when there is none."""
        try:
            about = path.stat()
        except OSError:
            return 0, 0
        return about.st_mtime_ns, about.st_size

    def history(self, path: Path) -> History:
        """All whole lines so far, as a copy; empty when the file is missing."""
        with self._lock:
            known = self._files.pop(path, _File())
            self._files[path] = known = _read_on(path, known)
            while len(self._files) > _FILES:
                self._files.popitem(last=False)
            return History(list(known.history.steps), list(known.history.validations))


def _read_on(path: Path, known: _File) -> _File:
    """The file with what it has grown by; empty when it is missing."""
    # 1. Read from where the last reading ended, if this is still the same file.
    try:
        with path.open("rb") as file:
            inode = os.fstat(file.fileno()).st_ino
            file.seek(known.offset - len(known.tail))
            if known.inode != inode or file.read(len(known.tail)) != known.tail:
                known = _File(inode)
                file.seek(0)
            grown = file.read()
    except OSError:
        return _File()
    # 2. Add its whole lines.
    whole = grown[: grown.rfind(b"\n") + 1]  # the last line may be half written
    for line in whole.splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            known.history.add(json.loads(line))
    # 3. Remember the place.
    known.offset += len(whole)
    known.tail = (known.tail + whole)[-_TAIL:]
    return known


class Curves(NamedTuple):
    """Points (step, BPC) to draw, and between which BPC they lie."""

    training: list[tuple[int, float]]  # smoothed
    validation: list[tuple[int, float]]
    low: float
    high: float


def curves(history: History, points: int = _POINTS) -> Curves | None:
    """At most `points` of each curve; None when there is nothing to draw."""
    training = _smooth_training(history.steps, points)
    places = _thin(len(history.validations), points)
    chosen = [history.validations[place] for place in places]
    validation = [(point.step, round(point.bpc, 4)) for point in chosen]
    if not training and not validation:
        return None
    # The first steps, at chance, would press everything else flat.
    settled = training[len(training) // 20 :]
    shown = [bpc for _step, bpc in settled + validation]
    lowest = min(shown)
    highest = max(shown)
    margin = 0.08 * (highest - lowest) + 0.05
    return Curves(training, validation, lowest - margin, highest + margin)


def _smooth_training(steps: Sequence[Step], points: int) -> list[tuple[int, float]]:
    if not steps:
        return []
    bpc = np.array([step.bpc for step in steps], dtype=float)
    totals = np.array([step.characters for step in steps], dtype=float)
    # Batches of short paragraphs hold few characters, and the share of their ends is large.
    weights = np.maximum(np.diff(totals, prepend=0), 1)
    line = smooth(bpc, weights, max(1, len(bpc) // 50))
    places = _thin(len(line), points)
    return [(steps[place].step, round(float(line[place]), 4)) for place in places]


def _thin(count: int, points: int) -> Sequence[int]:
    """At most `points` places of `count`, evenly, first and last among them."""
    if count <= points:
        return range(count)
    places: list[int] = np.linspace(0, count - 1, points).round().astype(int).tolist()
    return places
