"""A run's metrics.jsonl for the page: read on as it grows, and thinned to what a curve can show."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from novelgen.report.curves import smooth

_FILES = 16  # whose content is kept in memory
_POINTS = 300  # of a curve; a screen shows no more
_LARGEST = 1e12  # of any number; what is beyond is not of this world
_TAIL = 200  # bytes before the place to read on from, by which a file is known again


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
    looks: list[ValidationPoint] = field(default_factory=list)

    def add(self, record: Any) -> None:
        """Takes a record in; one that is none of ours (the file may be a stranger's), or holds no number that can be, is left
        out.
        """
        try:
            if "validation_bpc" in record:
                found = ValidationPoint(int(record["step"]), float(record["validation_bpc"]))
            else:
                found = Step(
                    int(record["step"]),
                    float(record["bpc"]),
                    int(record["characters"]),
                    float(record["seconds"]),
                )
        except (TypeError, KeyError, ValueError, OverflowError):
            return
        if all(abs(value) <= _LARGEST for value in found):  # no NaN either
            (self.looks if isinstance(found, ValidationPoint) else self.steps).append(found)


@dataclass
class _File:
    """A file as far as it was read."""

    number: int = 0  # of the file's inode: one that was replaced is read anew
    offset: int = 0
    tail: bytes = (
        b""  # what stood before the offset: a new file may have been given the old one's inode
    )
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
            return History(list(known.history.steps), list(known.history.looks))


def _read_on(path: Path, known: _File) -> _File:
    try:
        with path.open("rb") as file:
            number = os.fstat(file.fileno()).st_ino
            file.seek(known.offset - len(known.tail))
            if known.number != number or file.read(len(known.tail)) != known.tail:
                known = _File(number)
                file.seek(0)
            grown = file.read()
    except OSError:
        return _File()
    whole = grown[: grown.rfind(b"\n") + 1]  # the last line may be half written
    for line in whole.splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            known.history.add(json.loads(line))
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
    training: list[tuple[int, float]] = []
    if history.steps:
        step, bpc, totals, _ = (
            np.array(column, dtype=float) for column in zip(*history.steps, strict=True)
        )
        # Batches of short paragraphs hold few characters, and the share of their ends is large.
        weights = np.maximum(np.diff(totals, prepend=0), 1)
        line = smooth(bpc, weights, max(1, len(bpc) // 50))
        training = [
            (int(step[place]), round(float(line[place]), 4)) for place in _thin(len(line), points)
        ]
    validation = [
        (look.step, round(look.bpc, 4))
        for look in (history.looks[place] for place in _thin(len(history.looks), points))
    ]
    if not training and not validation:
        return None
    # The first steps, at chance, would press everything else flat.
    shown = [value for _, value in training[len(training) // 20 :] + validation]
    margin = 0.08 * (max(shown) - min(shown)) + 0.05
    return Curves(training, validation, min(shown) - margin, max(shown) + margin)


def _thin(count: int, points: int) -> Sequence[int]:
    """At most `points` places of `count`, evenly, first and last among them."""
    return (
        range(count)
        if count <= points
        else np.linspace(0, count - 1, points).round().astype(int).tolist()
    )
