"""What “Teach it a novel” shows: the report on the files, and the training on them."""

from __future__ import annotations

import gradio as gr

from novelgen.config import TextConfig
from novelgen.i18n import _, ngettext
from novelgen.web.events import Changes
from novelgen.web.services import corpus_import
from novelgen.web.services.corpus_import import Read
from novelgen.web.services.training import Status
from novelgen.web.tabs.corpus_layout import AUTO, Parts
from novelgen.web.tabs.training_view import bar_state


def text_config(encoding: str | None, replace: bool, simplify: bool, keep: bool) -> TextConfig:
    """How to read the files. Raises ConfigError."""
    errors = "replace" if replace else "strict"
    return TextConfig(
        encoding=encoding or AUTO,
        errors=errors,
        simplify=bool(simplify),
        keep_site_lines=bool(keep),
    )


def waiting_changes(parts: Parts, note: str) -> Changes:
    """What is shown while there is no report: a note, and nothing below it."""
    return {
        parts.reading: gr.update(value=note, visible=bool(note)),
        parts.found: gr.update(visible=False),
    }


def report_changes(parts: Parts, result: Read) -> Changes:
    """The report, and the table of removed lines."""
    headings, rows = corpus_import.table(result.removed)
    return {
        parts.reading: gr.update(visible=False),
        parts.found: gr.update(visible=True),
        parts.report: result.summary,
        parts.removed_note: _removed_note(len(rows), result.more),
        parts.removed: gr.update(headers=headings, value=rows, visible=bool(rows)),
    }


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


def training_changes(parts: Parts, status: Status) -> Changes:
    """The training's part, its bar, both buttons, the timer and the finished run."""
    is_own = status.is_uploaded
    is_done = is_own and status.phase == "done"
    bar = bar_state(status)
    if is_done:
        bar["text"] = _("“{run}” is trained; choose it under “Model (run directory)”").format(
            run=status.name
        )
    return {
        parts.training: gr.update(visible=is_own),
        parts.bar: bar,
        parts.start: gr.update(interactive=not status.is_running),
        parts.cancel: gr.update(visible=is_own and status.is_running),
        parts.timer: gr.Timer(active=status.is_running),
        parts.finished: status.name if is_done else "",
    }
