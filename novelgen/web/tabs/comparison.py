"""The Compare tab: one prompt over a grid of runs, decoders and temperatures, as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import gradio as gr

from novelgen.web import limits
from novelgen.web.error_toasts import errors_as_toasts
from novelgen.web.events import (
    LIGHT,
    WITH_TOASTS,
    Changes,
    Given,
    disable_after,
    enable_at,
    page_load,
)
from novelgen.web.language import localized
from novelgen.web.services.comparison import Comparison, compare, read_request
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.tabs.comparison_layout import lay_out
from novelgen.web.tabs.comparison_view import (
    run_choices,
    snapshot_changes,
    stopped_changes,
    table_file,
    table_value,
)
from novelgen.web.tabs.run_names import choices
from novelgen.web.tabs.writing import Writing


def build(registry: ModelRegistry, run: gr.Dropdown, writing: Writing) -> None:
    """Makes the tab where it is called.

    `run` is the run to begin with, `writing` has the manuscript.
    """
    parts = lay_out(registry, run)
    made = gr.State(Comparison())

    @localized
    def start(given: Given) -> Iterator[Changes]:
        with errors_as_toasts():
            asked = {name: given[field] for name, field in parts.inputs.items()}
            # Closing the stream frees the model when the visitor leaves.
            with closing(compare(registry, read_request(registry, **asked))) as snapshots:
                for snapshot in snapshots:
                    yield {**snapshot_changes(parts, snapshot), made: snapshot.comparison}

    @localized
    def take(manuscript: str | None) -> str:
        return (manuscript or "").strip()

    # 1. The table is made, and stopped.
    enable_at(parts.start, parts.stop)
    begun = parts.start.click(
        start,
        {*parts.inputs.values()},
        [parts.table, parts.status, made],
        **limits.TURN,
        show_progress_on=parts.status,
        api_visibility="private",
    )
    disable_after(begun, parts.stop)
    # Only when the writing has ended can no row come any more.
    ended = parts.stop.click(lambda: None, cancels=[begun], **LIGHT)
    stop = localized(lambda comparison: stopped_changes(parts, comparison))
    ended.then(stop, made, [parts.table, parts.status, parts.stop], **LIGHT)
    for kind, button in parts.files.items():
        button.click(localized(_saver(kind)), made, parts.saver, **WITH_TOASTS)
    # 2. What it is made of.
    parts.take.click(take, writing.parts.manuscript, parts.prompt, **LIGHT)
    gr.on(
        [run.change, page_load()],
        localized(lambda given: run_choices(registry, given[run], given[parts.runs])),
        {run, parts.runs},
        parts.runs,
        **LIGHT,
    )
    offer = localized(lambda: gr.update(choices=choices(registry)))
    parts.runs.focus(offer, None, parts.runs, **LIGHT)
    # 3. The headings, which the browser does not translate.
    page_load()(localized(lambda: table_value([])), None, parts.table, **LIGHT)


def _saver(kind: str) -> Callable[[Comparison], dict[str, str]]:
    """The handler that makes a file of the table: "csv" or "md"."""

    @errors_as_toasts()
    def save(made: Comparison) -> dict[str, str]:
        return table_file(made, kind)

    return save
