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
from novelgen.web.events import LIGHT, WITH_TOASTS, page_load
from novelgen.web.language import localized
from novelgen.web.services import corpus_import
from novelgen.web.services.corpus_import import Dropped
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.services.training import PageTraining
from novelgen.web.tabs import start_from
from novelgen.web.tabs.corpus_layout import Parts, budget, lay_out
from novelgen.web.tabs.corpus_view import (
    report_values,
    text_config,
    training_values,
    waiting_values,
)
from novelgen.web.tabs.run_names import choices
from novelgen.web.tabs.writing_view import Values

_SECONDS = 1.0  # between two states of the bar


def build(training: PageTraining, registry: ModelRegistry, run: gr.Dropdown) -> None:
    """The section where it is called; a run that is finished joins the choices of `run`."""
    # 1. The components.
    parts = lay_out(registry)
    timer = gr.Timer(_SECONDS, active=False)
    # The files of a visitor who has left go with the session.
    dropped = gr.State(None, delete_callback=corpus_import.remove)
    _wire_reading(registry.folder, parts, dropped)

    # 2. What the buttons do.
    # Of two handlers at once that return the same component, one can undo what the other changed:
    # the choice of the run is no output of the timer, which the panel's own timer may meet.
    finished = gr.State("")
    shown = [parts.training, parts.bar, parts.start, parts.cancel, timer, finished]

    @localized
    def follow() -> Values:
        return training_values(training.status())

    @localized
    def begin(before: Dropped | None, init: str, preset: str, minutes: float) -> Values:
        with errors_as_toasts():
            start = start_from.init_of(registry, init)
            corpus_import.train(training, registry.folder, before, preset, minutes, start)
        return (None, gr.update(visible=False), *training_values(training.status()))

    @localized
    def cancel() -> Values:
        training.cancel()
        return training_values(training.status())

    # 3. The events. When the page is opened, another visitor may be training.
    for event in (timer.tick, page_load()):
        event(follow, None, shown, **LIGHT)
    parts.start.click(
        begin,
        [dropped, parts.init, parts.preset, parts.minutes],
        [dropped, parts.found, *shown],
        **WITH_TOASTS,
    )
    parts.cancel.click(cancel, None, shown, **LIGHT)
    offer = localized(lambda: gr.update(choices=choices(registry)))
    finished.change(offer, None, run, **LIGHT)
    parts.init.focus(
        lambda: gr.update(choices=start_from.choices(registry)), None, parts.init, **LIGHT
    )
    parts.preset.input(budget, parts.preset, parts.minutes, **LIGHT)


def _wire_reading(runs: Path, parts: Parts, dropped: gr.State) -> None:
    """Files that are dropped are read; and again when a switch changes how."""
    found = [dropped, parts.reading, parts.found, parts.report, parts.removed_note, parts.removed]

    @localized
    def receive(uploads: list[str] | None, before: Dropped | None) -> Values:
        with errors_as_toasts():
            new = corpus_import.receive(runs, [Path(upload) for upload in uploads or ()])
        corpus_import.remove(before)
        # The field is empty again: the files are no longer where it would link to.
        return None, new

    @localized
    def take_shipped(before: Dropped | None) -> Dropped:
        with errors_as_toasts():
            new = corpus_import.receive(runs, [shipped_novel()], shutil.copy)
        corpus_import.remove(before)
        return new

    @localized
    def read(
        before: Dropped | None, encoding: str, replace: bool, simplify: bool, keep: bool
    ) -> Iterator[Values]:
        if before is None:
            yield (gr.skip(),) * len(found)
            return
        yield waiting_values(before, _("Reading {name}…").format(name=before.source.name))
        try:
            with errors_as_toasts():
                text = text_config(encoding, replace, simplify, keep)
                result = corpus_import.read(before, text)
        except gr.Error:
            # The files stay: another switch may be what they need.
            note = _("“{name}” could not be read; change a switch, or drop another file")
            yield waiting_values(before, note.format(name=before.source.name))
            raise
        yield report_values(result)

    @localized
    def discard(before: Dropped | None) -> Values:
        corpus_import.remove(before)
        return waiting_values(None, "")

    options: dict[str, Any] = {
        "show_progress": "hidden",
        "api_visibility": "private",
        **limits.READING,
    }
    uploaded = [parts.files, dropped]
    for received in (
        parts.files.upload(receive, uploaded, uploaded, **WITH_TOASTS),
        parts.shipped.click(take_shipped, dropped, dropped, **WITH_TOASTS),
    ):
        received.success(read, [dropped, *parts.switches], found, **options)
    changes = [parts.encoding.input, parts.replace.input, parts.simplify.input, parts.keep.input]
    gr.on(
        changes,
        read,
        [dropped, *parts.switches],
        found,
        trigger_mode="always_last",
        **options,
    )
    parts.discard.click(discard, dropped, found, **LIGHT)
