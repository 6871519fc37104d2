"""What “Teach it a novel” shows: the report on the files, and the training on them."""

from __future__ import annotations

import gradio as gr

from novelgen.config import TextConfig
from novelgen.i18n import _, ngettext
from novelgen.web.services import corpus_import
from novelgen.web.services.corpus_import import Dropped, Read
from novelgen.web.services.training import Status
from novelgen.web.tabs.corpus_layout import AUTO
from novelgen.web.tabs.training_view import bar_state
from novelgen.web.tabs.writing_view import Values


def text_config(encoding: str | None, replace: bool, simplify: bool, keep: bool) -> TextConfig:
    """How to read the files. Raises ConfigError."""
    errors = "replace" if replace else "strict"
    return TextConfig(
        encoding=encoding or AUTO,
        errors=errors,
        simplify=bool(simplify),
        keep_site_lines=bool(keep),
    )


def waiting_values(dropped: Dropped | None, note: str) -> Values:
    """Values while there is no report: the files, a note, and nothing below it."""
    hidden = gr.update(visible=False)
    return dropped, gr.update(value=note, visible=bool(note)), hidden, *(gr.skip(),) * 3


def report_values(result: Read) -> Values:
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


def training_values(status: Status) -> Values:
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
