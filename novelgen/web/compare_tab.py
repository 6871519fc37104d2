"""The Compare tab: one prompt over a grid of runs, decoders and temperatures, as a table."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any, NamedTuple, cast

import gradio as gr

from novelgen.config import DecodingConfig
from novelgen.errors import ConfigError, NovelgenError
from novelgen.evaluation.grid import Cell, Row, cells, fill
from novelgen.i18n import _
from novelgen.report.tables import COMPARISON, comparison, shown, to_csv, to_markdown
from novelgen.training.stores import ready_data
from novelgen.web import limits
from novelgen.web.compare_layout import lay_out
from novelgen.web.controls import DECODERS, seed_of
from novelgen.web.error_toasts import errors_as_toasts
from novelgen.web.events import LIGHT, WITH_TOASTS, page_load
from novelgen.web.language import localized
from novelgen.web.model_registry import ModelRegistry
from novelgen.web.writing_tab import Writing

_CELLS = 60  # of one table
_DECODER_COLUMN = 1
_PACE = 0.25  # seconds between two states of a growing table
_FILES: dict[str, Callable[[Sequence[str], Iterable[Sequence[Any]]], str]] = {
    "csv": to_csv,
    "md": to_markdown,
}
_TYPES = {"csv": "text/csv;charset=utf-8", "md": "text/markdown;charset=utf-8"}


class _Request(NamedTuple):
    """A table to be made."""

    prompt: str
    grid: list[Cell]
    seed: int
    notes: list[str]


class _Made(NamedTuple):
    """A table as far as it has come; without a request nothing was asked for yet."""

    request: _Request | None = None
    rows: tuple[Row, ...] = ()  # the finished ones


def build(registry: ModelRegistry, run: gr.Dropdown, writing: Writing) -> None:
    """Makes the tab where it is called.

    `run` is the run to begin with, `writing` has the manuscript.
    """
    parts = lay_out(registry, run)
    made = gr.State(_Made())
    outputs = [parts.table, parts.status, made]

    @localized
    def compare(*values: Any) -> Iterator[tuple[Any, ...]]:
        with errors_as_toasts():
            yield from _fill(registry, _request(registry, *values))

    @localized
    def take(manuscript: str | None) -> str:
        return (manuscript or "").strip()

    # 1. The table is made, and stopped.
    begun = parts.start.click(
        compare,
        parts.inputs,
        outputs,
        **limits.TURN,
        show_progress_on=parts.status,
        api_visibility="private",
    )
    # Only when the writing has ended can no row come any more.
    ended = parts.stop.click(lambda: None, cancels=[begun], **LIGHT)
    ended.then(localized(_stopped), made, [parts.table, parts.status], **LIGHT)
    for kind, button in parts.files.items():
        button.click(localized(_saver(kind)), made, parts.saver, **WITH_TOASTS)
    # 2. What it is made of.
    parts.take.click(take, writing.manuscript, parts.prompt, **LIGHT)
    gr.on(
        [run.change, page_load()],
        lambda chosen, picked: _choices(registry, chosen, picked),
        [run, parts.runs],
        parts.runs,
        **LIGHT,
    )
    parts.runs.focus(lambda: gr.update(choices=list(registry.runs())), None, parts.runs, **LIGHT)
    # 3. The headings, which the browser does not translate.
    page_load()(localized(lambda: _table([])), None, parts.table, **LIGHT)


def _choices(registry: ModelRegistry, chosen: str | None, picked: Sequence[str]) -> Any:
    """The runs that are there; a choice of several stays, a single one follows the page's."""
    names = list(registry.runs())
    # `picked` may name runs that have gone since.
    kept = [name for name in picked or () if name in names]
    follows = len(kept) <= 1 and chosen in names
    return gr.update(choices=names, value=[chosen] if follows else kept)


def _request(
    registry: ModelRegistry,
    prompt: str | None,
    runs: Sequence[str] | None,
    decoders: Sequence[str] | None,
    temperatures: Sequence[str] | None,
    seed: str | None,
) -> _Request:
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
    return _Request(prompt, grid, number, notes)


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


def _training_lines(registry: ModelRegistry, name: str) -> Iterator[str] | None:
    """The lines that a run was trained on; None where they are gone."""
    try:
        run = registry.run(name)
        data = ready_data(run.path, run.load_info())
    except NovelgenError:
        return None
    return None if data is None else data.targets("train")


class _Update(NamedTuple):
    """Values for the table, the status and the state of the tab."""

    table: dict[str, Any]
    status: str
    made: _Made


def _fill(registry: ModelRegistry, request: _Request) -> Iterator[_Update]:
    """Makes the table; what it looks like several times a second."""
    made = _Made(request)
    shown_at = time.monotonic()
    yield _update(request, made)
    rows = fill(
        request.grid,
        request.prompt,
        request.seed,
        registry.generator,
        lambda name: _training_lines(registry, name),
    )
    # Closing the generator frees the model when the visitor leaves.
    with closing(cast("Any", rows)) as stream:
        for row in stream:
            growing: tuple[Row, ...] = ()
            if row.finished:
                made = made._replace(rows=(*made.rows, row))
            elif time.monotonic() - shown_at < _PACE:
                continue
            else:
                growing = (row,)
            shown_at = time.monotonic()
            yield _update(request, made, growing)


def _update(request: _Request, made: _Made, growing: Sequence[Row] = ()) -> _Update:
    # `comparison` leaves out rows that are not finished; here the growing one is seen as well.
    rows = [*made.rows, *(row._replace(finished=True) for row in growing)]
    return _Update(_table(rows), _line(request, len(made.rows)), made)


def _table(rows: Iterable[Row]) -> dict[str, Any]:
    """A value for the table, headings and decoders in the visitor's language."""
    lines = []
    for values in comparison(rows):
        line = [shown(value) for value in values]
        line[_DECODER_COLUMN] = _(DECODERS[line[_DECODER_COLUMN]])
        lines.append(line)
    return {"headers": [_(heading) for heading in COMPARISON], "data": lines, "metadata": None}


def _line(request: _Request, done: int) -> str:
    """The status while `done` rows of a table are finished."""
    count = len(request.grid)
    if done == count:
        line = _("done · {done}/{count} · seed {seed}")
        status = line.format(done=done, count=count, seed=request.seed)
    else:
        cell = request.grid[done]
        decoder = _(DECODERS[cell.decoder])
        if cell.temperature is not None:
            decoder = f"{decoder} {cell.temperature:g}"
        line = _("{done}/{count} · {run} · {decoder} · seed {seed}")
        status = line.format(
            done=done, count=count, run=cell.run, decoder=decoder, seed=request.seed
        )
    return "\n".join([status, *request.notes])


def _stopped(made: _Made) -> tuple[Any, ...]:
    """The table without the text that was broken off, and the status."""
    request = made.request
    if request is None or len(made.rows) == len(request.grid):
        return gr.skip(), gr.skip()
    status = _("stopped · {status}").format(status=_line(request, len(made.rows)))
    return _table(made.rows), status


def _saver(kind: str) -> Callable[[_Made], dict[str, str]]:
    """The handler that makes a file of the table: "csv" or "md", with the headings in English."""

    @errors_as_toasts()
    def save(made: _Made) -> dict[str, str]:
        if not made.rows:
            raise ConfigError(_("there are no results to download yet"))
        # The time makes two downloads of the same table two events.
        return {
            "name": f"novelgen-{time.strftime('%Y%m%d-%H%M%S')}.{kind}",
            "type": _TYPES[kind],
            "text": _FILES[kind](COMPARISON, comparison(made.rows)),
        }

    return save
