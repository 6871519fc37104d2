"""What the Compare tab asks for, and the table as it grows."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Any, NamedTuple, cast

from novelgen.config import DecodingConfig
from novelgen.data.passages import PassageIndex
from novelgen.errors import ConfigError, NovelgenError
from novelgen.evaluation.grid import Cell, Row, cells, fill
from novelgen.i18n import _
from novelgen.training.stores import ready_data
from novelgen.web import limits
from novelgen.web.services.decoding import DECODERS, seed_of
from novelgen.web.services.model_registry import ModelRegistry

_CELLS = 60  # of one table
_PACE = 0.25  # seconds between two states of a growing table


class Request(NamedTuple):
    """A table to be made."""

    prompt: str
    grid: list[Cell]
    seed: int
    notes: list[str]


class Comparison(NamedTuple):
    """A table as far as it has come; without a request nothing was asked for yet."""

    request: Request | None = None
    rows: tuple[Row, ...] = ()  # the finished ones


class Snapshot(NamedTuple):
    """A comparison at one moment."""

    comparison: Comparison
    # The row that is being written; it is not one of the comparison's yet.
    growing: Row | None = None


def read_request(
    registry: ModelRegistry,
    prompt: str | None,
    runs: Sequence[str] | None,
    decoders: Sequence[str] | None,
    temperatures: Sequence[str] | None,
    seed: str | None,
) -> Request:
    """What was asked for; a program may leave out anything.

    Raises ConfigError for what cannot be compared, and CheckpointError for a run that has gone.
    """
    # 1. The prompt: of a long one the end.
    prompt = prompt or ""
    if not prompt.strip():
        raise ConfigError(_("give a prompt first, or take the manuscript"))
    notes = []
    if len(prompt) > limits.PROMPT:
        prompt = prompt[-limits.PROMPT :]
        message = _("only the last {count:,} characters are used")
        notes.append(message.format(count=limits.PROMPT))
    # 2. The grid.
    names = list(runs or ())
    for name in names:
        registry.run(name)
    known_decoders = [name for name in DECODERS if name in (decoders or ())]
    grid = cells(names, known_decoders, _numbers(temperatures or ()))
    if not grid:
        message = _(
            "choose at least one model and one decoder; sampling needs a temperature as well"
        )
        raise ConfigError(message)
    if len(grid) > _CELLS:
        message = _("{count} cells are too many for one table (at most {most}); choose fewer")
        raise ConfigError(message.format(count=len(grid), most=_CELLS))
    # 3. The seed.
    number = seed_of(seed)
    if number is None:
        number = secrets.randbelow(2**32)
    return Request(prompt, grid, number, notes)


def _numbers(temperatures: Sequence[str]) -> list[float]:
    """The temperatures as typed, each once, in rising order. Raises ConfigError."""
    return sorted({_temperature(typed) for typed in temperatures})


def _temperature(typed: str) -> float:
    # DecodingConfig knows which temperatures there are; it refuses nan and inf as well.
    try:
        return DecodingConfig(temperature=float(typed)).temperature
    except (ValueError, TypeError, OverflowError, ConfigError):
        message = _("temperature {value!r}: give a number above 0 and at most 100")
        raise ConfigError(message.format(value=str(typed)[:20])) from None


def compare(
    registry: ModelRegistry, request: Request, clock: Callable[[], float] = time.monotonic
) -> Generator[Snapshot, None, None]:
    """Makes the table; snapshots of it several times a second, by `clock`.

    Closing the stream stops the model.
    """
    comparison = Comparison(request)
    shown_at = clock()
    yield Snapshot(comparison)
    rows = fill(
        request.grid,
        request.prompt,
        request.seed,
        registry.generator,
        lambda name: _training_text(registry, name),
    )
    with closing(cast("Any", rows)) as stream:
        for row in stream:
            growing = None
            if row.finished:
                comparison = comparison._replace(rows=(*comparison.rows, row))
            elif clock() - shown_at < _PACE:
                continue
            else:
                growing = row
            shown_at = clock()
            yield Snapshot(comparison, growing)


def _training_text(registry: ModelRegistry, name: str) -> PassageIndex | None:
    """What a run was trained on; None where that is gone."""
    try:
        run = registry.run(name)
        data = ready_data(run.path, run.load_info())
    except NovelgenError:
        return None
    return None if data is None else data.passages()
