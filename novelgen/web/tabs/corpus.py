"""“Teach it a novel” in the Model tab: files are dropped, reported on, and trained on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from novelgen.i18n import _
from novelgen.shipped import shipped_novel
from novelgen.web import limits
from novelgen.web.error_toasts import errors_as_toasts
from novelgen.web.events import LIGHT, WITH_TOASTS, Changes, Given, page_load
from novelgen.web.language import localized
from novelgen.web.services import corpus_import
from novelgen.web.services.corpus_import import Dropped
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.services.training import PageTraining
from novelgen.web.tabs import start_from
from novelgen.web.tabs.corpus_layout import Parts, budget, lay_out
from novelgen.web.tabs.corpus_view import (
    report_changes,
    text_config,
    training_changes,
    waiting_changes,
)
from novelgen.web.tabs.run_names import choices


def build(training: PageTraining, registry: ModelRegistry, run: gr.Dropdown) -> None:
    """The section where it is called; a run that is finished joins the choices of `run`."""
    # 1. The components.
    parts = lay_out(registry)
    # The files of a visitor who has left go with the session.
    dropped = gr.State(None, delete_callback=corpus_import.remove)
    _wire_reading(registry.folder, parts, dropped)

    # 2. What the buttons do.
    # Of two handlers at once that return the same component, one can undo what the other changed:
    # the choice of the run is no output of the timer, which the panel's own timer may meet.
    shown = [
        parts.training,
        parts.bar,
        parts.start,
        parts.cancel,
        parts.timer,
        parts.finished,
    ]

    @localized
    def follow() -> Changes:
        return training_changes(parts, training.status())

    @localized
    def begin(given: Given) -> Changes:
        with errors_as_toasts():
            start = start_from.init_of(registry, given[parts.init])
            preset, minutes = given[parts.preset], given[parts.minutes]
            corpus_import.train(training, registry.folder, given[dropped], preset, minutes, start)
        return {
            dropped: None,
            parts.found: gr.update(visible=False),
            **training_changes(parts, training.status()),
        }

    @localized
    def cancel() -> Changes:
        training.cancel()
        return training_changes(parts, training.status())

    # 3. The events. When the page is opened, another visitor may be training.
    for event in (parts.timer.tick, page_load()):
        event(follow, None, shown, **LIGHT)
    parts.start.click(
        begin,
        {dropped, parts.init, parts.preset, parts.minutes},
        [dropped, parts.found, *shown],
        **WITH_TOASTS,
    )
    parts.cancel.click(cancel, None, shown, **LIGHT)
    offer = localized(lambda: gr.update(choices=choices(registry)))
    # mypy: Gradio adds the events of a component when its class is made.
    finished: Any = parts.finished
    finished.change(offer, None, run, **LIGHT)
    parts.init.focus(
        lambda: gr.update(choices=start_from.choices(registry)), None, parts.init, **LIGHT
    )
    parts.preset.input(budget, parts.preset, parts.minutes, **LIGHT)


def _wire_reading(runs: Path, parts: Parts, dropped: gr.State) -> None:
    """Files that are dropped are read; and again when a switch changes how."""
    switches = parts.switches
    inputs: set[Any] = {dropped, *switches.values()}
    found = [dropped, parts.reading, parts.found, parts.report, parts.removed_note, parts.removed]

    @localized
    def receive(given: Given) -> Changes:
        with errors_as_toasts():
            new = corpus_import.receive(runs, [Path(upload) for upload in given[parts.files] or ()])
        corpus_import.remove(given[dropped])
        # The field is empty again: the files are no longer where it would link to.
        return {parts.files: None, dropped: new}

    @localized
    def take_shipped(before: Dropped | None) -> Dropped:
        with errors_as_toasts():
            new = corpus_import.receive(runs, [shipped_novel()], shutil.copy)
        corpus_import.remove(before)
        return new

    @localized
    def read(given: Given) -> Iterator[Changes]:
        before: Dropped | None = given[dropped]
        if before is None:
            return
        name = before.source.name
        yield waiting_changes(parts, _("Reading {name}…").format(name=name))
        try:
            with errors_as_toasts():
                text = text_config(**{name: given[switch] for name, switch in switches.items()})
                result = corpus_import.read(before, text)
        except gr.Error:
            # The files stay: another switch may be what they need.
            note = _("“{name}” could not be read; change a switch, or drop another file")
            yield waiting_changes(parts, note.format(name=name))
            raise
        yield {dropped: result.dropped, **report_changes(parts, result)}

    @localized
    def discard(before: Dropped | None) -> Changes:
        corpus_import.remove(before)
        return {dropped: None, **waiting_changes(parts, "")}

    options: dict[str, Any] = {
        "show_progress": "hidden",
        "api_visibility": "private",
        **limits.READING,
    }
    for received in (
        parts.files.upload(receive, {parts.files, dropped}, [parts.files, dropped], **WITH_TOASTS),
        parts.shipped.click(take_shipped, dropped, dropped, **WITH_TOASTS),
    ):
        received.success(read, inputs, found, **options)
    changes = [parts.encoding.input, parts.replace.input, parts.simplify.input, parts.keep.input]
    gr.on(
        changes,
        read,
        inputs,
        found,
        trigger_mode="always_last",
        **options,
    )
    parts.discard.click(discard, dropped, found, **LIGHT)
