"""What the Write tab shows of a result: the status line and the drafts, as component values."""

from __future__ import annotations

import html
from typing import Any, TypeAlias

import gradio as gr

from novelgen.config_decoding import applies
from novelgen.i18n import _, ngettext
from novelgen.web.services.draft_source import source_of
from novelgen.web.services.manuscript import EditorState, UndoHistory, drafts_of
from novelgen.web.services.streaming import GenerationResult
from novelgen.web.services.undo_journal import journal_of

# What an event handler returns: a value for each of its output components, in their order.
Values: TypeAlias = tuple[Any, ...]


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


def result_values(result: GenerationResult) -> Values:
    """Values for Writing.outputs."""
    drafts = draft_values(drafts_of(result), len(result.generations))
    return result, status_line(result), source_of(result).as_text(), *drafts


def draft_values(drafts: tuple[str, ...], count: int) -> Values:
    """Values for the drafts and their columns: `count` of them are shown, the first one always."""
    shown = max(count, 1)
    columns = [gr.update(visible=place < shown) for place in range(len(drafts))]
    return *drafts, *columns


def editor_values(state: EditorState, undo_history: UndoHistory, opening: str) -> Values:
    """Values for the components that the buttons which only move text update."""
    # The last draft with text, and those before it.
    count = max((place + 1 for place, draft in enumerate(state.drafts) if draft), default=0)
    status = ""
    if count and state.result is not None:
        status = status_line(state.result)
    source = "" if state.source is None else state.source.as_text()
    return (
        status,
        state.manuscript,
        state.result,
        undo_history,
        opening,
        journal_of(undo_history),
        source,
        *draft_values(state.drafts, count),
    )
