"""What the Compare tab shows of a comparison: the table, the status, the files, the runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import gradio as gr

from novelgen.errors import ConfigError
from novelgen.evaluation.grid import Row
from novelgen.i18n import _
from novelgen.report.tables import (
    COMPARISON,
    comparison,
    shown,
    to_csv,
    to_markdown,
    with_settings,
)
from novelgen.web.events import Changes
from novelgen.web.services.comparison import Comparison, Request, Snapshot
from novelgen.web.services.decoding import DECODERS
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.tabs.comparison_layout import Parts
from novelgen.web.tabs.run_names import choices, shown_name

_RUN_COLUMN = 0
_DECODER_COLUMN = 1
_TEXT_COLUMN = 3
_FILES: dict[str, Callable[[Sequence[str], Iterable[Sequence[Any]]], str]] = {
    "csv": to_csv,
    "md": to_markdown,
}
_TYPES = {"csv": "text/csv;charset=utf-8", "md": "text/markdown;charset=utf-8"}


def run_choices(registry: ModelRegistry, chosen: str | None, picked: Sequence[str]) -> Any:
    """The runs that are there; a choice of several stays, a single one follows the page's."""
    names = list(registry.runs())
    # `picked` may name runs that have gone since.
    kept = [name for name in picked or () if name in names]
    follows = len(kept) <= 1 and chosen in names
    return gr.update(choices=choices(registry), value=[chosen] if follows else kept)


def snapshot_changes(parts: Parts, snapshot: Snapshot) -> Changes:
    """The table and the status as far as the comparison has come."""
    made, growing = snapshot
    rows = list(made.rows)
    if growing is not None:
        # `comparison` leaves out rows that are not finished; here the growing one is seen as well.
        rows.append(growing._replace(finished=True))
    status = ""
    if made.request is not None:
        status = _status(made.request, len(made.rows))
    return {parts.table: table_value(rows), parts.status: status}


def table_value(rows: Iterable[Row]) -> dict[str, Any]:
    """A value for the table, its words in the visitor's language."""
    lines = []
    for values in comparison(rows):
        line = [shown(value) for value in values]
        line[_RUN_COLUMN] = shown_name(line[_RUN_COLUMN])
        line[_DECODER_COLUMN] = _(DECODERS[line[_DECODER_COLUMN]])
        lines.append(line)
    headers = [_(heading) for heading in COMPARISON]
    return {"headers": headers, "data": lines, "wide": _TEXT_COLUMN}


def _status(request: Request, done: int) -> str:
    """The status while `done` rows of a table are finished."""
    count = len(request.grid)
    if done == count:
        line = _("done · {done}/{count} · seed {seed}")
        status = line.format(done=done, count=count, seed=request.seed)
    else:
        cell = request.grid[done]
        options = cell.setting.options
        decoder = _(DECODERS[options["decoder"]])
        if "temperature" in options:
            decoder = f"{decoder} {options['temperature']:g}"
        line = _("{done}/{count} · {run} · {decoder} · seed {seed}")
        status = line.format(
            done=done,
            count=count,
            run=shown_name(cell.run),
            decoder=decoder,
            seed=request.seed,
        )
    return "\n".join([status, *request.notes])


def stopped_changes(parts: Parts, made: Comparison) -> Changes:
    """The table without the text that was broken off, and the status; nothing to stop any more."""
    stopped: Changes = {parts.stop: gr.update(interactive=False)}
    request = made.request
    if request is None or len(made.rows) == len(request.grid):
        return stopped
    status = _("stopped · {status}").format(status=_status(request, len(made.rows)))
    return {**stopped, parts.table: table_value(made.rows), parts.status: status}


def table_file(made: Comparison, kind: str) -> dict[str, str]:
    """A file of the table with prompt and settings: "csv" or "md", the headings in English.

    Raises ConfigError where there is no row.
    """
    if not made.rows:
        raise ConfigError(_("there are no results to download yet"))
    # The time makes two downloads of the same table two events.
    return {
        "name": f"novelgen-{time.strftime('%Y%m%d-%H%M%S')}.{kind}",
        "type": _TYPES[kind],
        "text": _FILES[kind](*with_settings(made.rows)),
    }
