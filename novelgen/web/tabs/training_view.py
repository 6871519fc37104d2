"""What the page shows of a training: the offer of the first one, the bar, and its words."""

from __future__ import annotations

from typing import Any, NamedTuple

import gradio as gr

from novelgen.i18n import _, join_list
from novelgen.training.progress import format_duration
from novelgen.web.events import Changes
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.services.training import MINUTES, PageTraining, Status
from novelgen.web.tabs.run_names import choices


class Parts(NamedTuple):
    """The components of the panel, and the page's choice of the run that writes."""

    panel: gr.Column
    bar: gr.HTML
    start: gr.Button
    cancel: gr.Button
    # Looks after the training while the panel is visible.
    timer: gr.Timer
    run: gr.Dropdown


def panel_changes(
    parts: Parts, training: PageTraining, registry: ModelRegistry, chosen: str | None
) -> Changes:
    """The panel, the bar and both buttons; and the new run is chosen."""
    status = training.status()
    names = list(registry.runs())
    # A training on a visitor's novel has a bar of its own, in the Model tab.
    is_first = status.is_running and not status.is_uploaded
    is_shown = is_first or not names
    changes = {
        parts.panel: gr.Column(visible=is_shown),
        parts.bar: bar_state(status),
        parts.start: gr.Button(visible=not status.is_running),
        parts.cancel: gr.Button(visible=status.is_running),
        parts.timer: gr.Timer(active=is_shown),
    }
    # A choice that the visitor has made is left alone.
    if not is_shown and chosen not in names:
        # The names come last: a run that was saved meanwhile is among them.
        newest = registry.newest()
        changes[parts.run] = gr.Dropdown(choices=choices(registry), value=newest)
    return changes


def bar_state(status: Status) -> dict[str, Any]:
    """What the bar shows: `share` of the budget, a line of text, and its label.

    The share is None while it is unknown, and absent where there is no bar.
    """
    shown: dict[str, Any] = {"label": _("Training progress"), "text": _line(status)}
    if status.phase == "preparing":
        shown["share"] = None
    elif status.phase in ("training", "finishing"):
        shown["share"] = status.share
    return shown


def _line(status: Status) -> str:
    if status.phase == "preparing":
        return _("{run} · preparing the corpus…").format(run=status.name)
    if status.phase in ("training", "finishing"):
        return _progress(status)
    if status.phase == "failed":
        return _("the training failed: {reason}").format(reason=status.error)
    if status.phase == "cancelled":
        return _("training cancelled; nothing was kept")
    if status.phase == "idle":
        return _("time budget {minutes:g} min · the novel that comes with the program").format(
            minutes=MINUTES
        )
    return ""


def _progress(status: Status) -> str:
    if status.phase == "finishing":
        left = _("finishing")
    else:
        left = _("{time} left").format(time=format_duration(status.seconds_left))
    # Both BPC come with the first step and the first validation.
    figures = []
    if status.training_bpc is not None:
        figures.append(_("training {bpc:.2f}").format(bpc=status.training_bpc))
    if status.validation_bpc is not None:
        figures.append(_("validation {bpc:.2f}").format(bpc=status.validation_bpc))
    return _("{run} · {share:.0%} · {left} · step {step:,} · BPC: {figures}").format(
        run=status.name,
        share=status.share,
        left=left,
        step=status.step,
        figures=join_list(figures),
    )
