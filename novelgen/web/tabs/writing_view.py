"""What the Write tab shows: the status line, the drafts, and the editor after a change."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from novelgen.config.effects import applies
from novelgen.i18n import _, ngettext
from novelgen.web.events import Changes
from novelgen.web.services.draft_source import source_of
from novelgen.web.services.manuscript import drafts_of
from novelgen.web.services.streaming import GenerationResult
from novelgen.web.services.undo_journal import journal_of
from novelgen.web.tabs.writing_layout import Parts
from novelgen.web.tabs.writing_state import Editor, editor_inputs


def status_line(result: GenerationResult) -> str:
    """Length, speed, device, seed and notes, as HTML."""
    # 1. The figures, on one line.
    count = result.characters
    figures = [ngettext("{count:,} character", "{count:,} characters", count).format(count=count)]
    if result.speed:
        figures.append(_("{speed:,.0f} characters/s").format(speed=result.speed))
    figures.append(result.device)
    # Beam search and greedy decoding use no seed.
    if applies("seed", result.options.get("decoder", "sample")):
        figures.append(_("seed {seed}").format(seed=_seeds(result)))
    # 2. How the request was understood, a line each. It may quote the prompt, hence the escape.
    notes = [f"<small>{html.escape(note)}</small>" for note in result.generations[0].notes]
    return f"<span>{html.escape(' · '.join(figures))}</span>{''.join(notes)}"


def stopped_line(result: GenerationResult) -> str:
    """The status line of a result whose request was cancelled."""
    # Within the braces of the f-string the catalogue's tools would not find the message.
    note = _("stopped")
    return f"{status_line(result)}<small>{note}</small>"


def _seeds(result: GenerationResult) -> str:
    """The seed, or the first and the last of the candidates' seeds."""
    first = result.generations[0].seed
    last = result.generations[-1].seed
    return str(first) if first == last else f"{first}–{last}"


def result_outputs(parts: Parts) -> list[Any]:
    """The components that `result_changes` changes."""
    shown = [parts.result, parts.status, parts.hidden.source]
    return [*shown, *parts.draft_texts, *parts.draft_columns]


def result_changes(parts: Parts, result: GenerationResult) -> Changes:
    """Shows a result, complete or as far as it has come."""
    return {
        parts.result: result,
        parts.status: status_line(result),
        parts.hidden.source: source_of(result).as_text(),
        **_draft_changes(parts, drafts_of(result), len(result.generations)),
    }


def editor_outputs(parts: Parts) -> list[Any]:
    """The components that `editor_changes` changes."""
    return [parts.status, *editor_inputs(parts), *parts.draft_columns]


def editor_changes(parts: Parts, editor: Editor) -> Changes:
    """Shows the editor after a change to its text."""
    state = editor.state
    # The last draft with text, and those before it.
    count = max((place + 1 for place, draft in enumerate(state.drafts) if draft), default=0)
    status = ""
    if count and state.result is not None:
        status = status_line(state.result)
    return {
        parts.status: status,
        parts.manuscript: state.manuscript,
        parts.opening: editor.opening,
        parts.result: state.result,
        parts.undo_history: editor.undo_history,
        parts.hidden.journal: journal_of(editor.undo_history),
        parts.hidden.source: "" if state.source is None else state.source.as_text(),
        **_draft_changes(parts, state.drafts, count),
    }


def _draft_changes(parts: Parts, drafts: tuple[str, ...], count: int) -> Changes:
    """The drafts and their columns: `count` of them are shown, the first one always."""
    changes: Changes = dict(zip(parts.draft_texts, drafts, strict=True))
    for place, column in enumerate(parts.draft_columns):
        changes[column] = gr.update(visible=place < max(count, 1))
    return changes
