"""“Teach it a novel” in the Model tab: files are dropped, reported on, and trained on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from novelgen.config import TextConfig
from novelgen.errors import NovelgenError
from novelgen.i18n import _, ngettext
from novelgen.web import corpus_import, limits
from novelgen.web.corpus_import import Dropped, Read
from novelgen.web.corpus_layout import AUTO, Parts, budget, lay_out
from novelgen.web.error_toasts import errors_as_toasts
from novelgen.web.events import LIGHT, WITH_TOASTS, page_load
from novelgen.web.language import localized
from novelgen.web.model_registry import ModelRegistry
from novelgen.web.training import PageTraining, Status, TrainingRequest
from novelgen.web.training_panel import bar_state

_SECONDS = 1.0  # between two states of the bar


def build(training: PageTraining, registry: ModelRegistry, run: gr.Dropdown) -> None:
    """The section where it is called; a run that is finished joins the choices of `run`."""
    # 1. The components.
    parts = lay_out()
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
    def follow() -> tuple[Any, ...]:
        return _progress(training.status())

    @localized
    def begin(before: Dropped | None, preset: str, minutes: float) -> tuple[Any, ...]:
        with errors_as_toasts():
            _begin(training, registry.folder, before, preset, minutes)
        return (None, gr.update(visible=False), *_progress(training.status()))

    @localized
    def cancel() -> tuple[Any, ...]:
        training.cancel()
        return _progress(training.status())

    # 3. The events. When the page is opened, another visitor may be training.
    for event in (timer.tick, page_load()):
        event(follow, None, shown, **LIGHT)
    parts.start.click(
        begin,
        [dropped, parts.preset, parts.minutes],
        [dropped, parts.found, *shown],
        **WITH_TOASTS,
    )
    parts.cancel.click(cancel, None, shown, **LIGHT)
    finished.change(lambda: gr.update(choices=list(registry.runs())), None, run, **LIGHT)
    parts.preset.input(budget, parts.preset, parts.minutes, **LIGHT)


def _wire_reading(runs: Path, parts: Parts, dropped: gr.State) -> None:
    """Files that are dropped are read; and again when a switch changes how."""
    found = [dropped, parts.reading, parts.found, parts.report, parts.removed_note, parts.removed]

    @localized
    def receive(uploads: list[str] | None, before: Dropped | None) -> tuple[Any, ...]:
        with errors_as_toasts():
            new = corpus_import.receive(runs, [Path(upload) for upload in uploads or ()])
        corpus_import.remove(before)
        # The field is empty again: the files are no longer where it would link to.
        return None, new

    @localized
    def read(
        before: Dropped | None, encoding: str, replace: bool, simplify: bool, keep: bool
    ) -> Iterator[tuple[Any, ...]]:
        if before is None:
            yield (gr.skip(),) * len(found)
            return
        yield _waiting(before, _("Reading {name}…").format(name=before.source.name))
        try:
            with errors_as_toasts():
                text = _options(encoding, replace, simplify, keep)
                result = corpus_import.read(before, text)
        except gr.Error:
            # The files stay: another switch may be what they need.
            note = _("“{name}” could not be read; change a switch, or drop another file")
            yield _waiting(before, note.format(name=before.source.name))
            raise
        yield _found(result)

    @localized
    def discard(before: Dropped | None) -> tuple[Any, ...]:
        corpus_import.remove(before)
        return _waiting(None, "")

    options: dict[str, Any] = {
        "show_progress": "hidden",
        "api_visibility": "private",
        **limits.READING,
    }
    uploaded = [parts.files, dropped]
    received = parts.files.upload(receive, uploaded, uploaded, **WITH_TOASTS)
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


def _options(encoding: str | None, replace: bool, simplify: bool, keep: bool) -> TextConfig:
    """How to read the files. Raises ConfigError."""
    errors = "replace" if replace else "strict"
    return TextConfig(
        encoding=encoding or AUTO,
        errors=errors,
        simplify=bool(simplify),
        keep_site_lines=bool(keep),
    )


def _waiting(dropped: Dropped | None, note: str) -> tuple[Any, ...]:
    """Values while there is no report: the files, a note, and nothing below it."""
    hidden = gr.update(visible=False)
    return dropped, gr.update(value=note, visible=bool(note)), hidden, *(gr.skip(),) * 3


def _found(result: Read) -> tuple[Any, ...]:
    """Values for the report and the table of removed lines."""
    headings, rows = corpus_import.table(result.removed)
    return (
        result.dropped,
        gr.update(visible=False),
        gr.update(visible=True),
        result.summary,
        _removed_note(len(rows), result.more),
        gr.update(headers=headings, value=rows, visible=bool(rows)),
    )


def _removed_note(shown: int, more: int) -> str:
    if not shown:
        return _("No line lost a word.")
    note = ngettext(
        "{count:,} line lost words or is in doubt.",
        "{count:,} lines lost words or are in doubt.",
        shown + more,
    ).format(count=shown + more)
    if not more:
        return note
    first = _("The first {count:,} are shown.").format(count=shown)
    return f"{note} {first}"


def _begin(
    training: PageTraining, runs: Path, dropped: Dropped | None, preset: str, minutes: float
) -> None:
    """Starts the training and removes the files. Raises CorpusError and TrainingError."""
    training.check_free()
    kept = corpus_import.keep(dropped, runs)
    name = corpus_import.run_name(dropped.source) if dropped else ""
    request = TrainingRequest(
        corpus=kept.store,
        name=f"{name}-{preset}",
        preset=preset,
        minutes=minutes,
        is_uploaded=True,
        discard=kept.store if kept.is_new else None,
    )
    try:
        training.start_on(runs, request)
    except NovelgenError:
        # Another visitor was faster: what was read is there for the next try.
        corpus_import.take_back(dropped, kept)
        raise
    corpus_import.remove(dropped)


def _progress(status: Status) -> tuple[Any, ...]:
    """New values for the training's part, its bar, both buttons, the timer and the finished run."""
    is_own = status.is_uploaded
    finished = ""
    bar = bar_state(status)
    if is_own and status.phase == "done":
        finished = status.name
        bar["text"] = _("“{run}” is trained; choose it under “Model (run directory)”").format(
            run=status.name
        )
    return (
        gr.update(visible=is_own),
        bar,
        gr.update(interactive=not status.is_running),
        gr.update(visible=is_own and status.is_running),
        gr.Timer(active=status.is_running),
        finished,
    )
