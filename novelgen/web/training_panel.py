"""What the page shows while there is no trained run: an offer to train one, and its progress."""

from __future__ import annotations

from typing import Any, NamedTuple

import gradio as gr

from novelgen.errors import TrainingError
from novelgen.i18n import _, join_list
from novelgen.training.progress import clock
from novelgen.web.error_toasts import errors_as_toasts
from novelgen.web.events import LIGHT, WITH_TOASTS, page_load
from novelgen.web.language import browser_text, localized
from novelgen.web.model_registry import ModelRegistry
from novelgen.web.training import MINUTES, PageTraining, Status

_SECONDS = 0.5  # between two states of the bar
# The label of the bar for a screen reader comes with its value, in the visitor's language.
_BAR = """
<div class="bar" role="group"><progress max="1" hidden></progress><p aria-live="polite"></p></div>
"""
_BAR_SCRIPT = """
const draw = () => {
  const { share, text, label } = props.value;
  const bar = element.querySelector("progress");
  bar.hidden = share === undefined;
  bar.ariaLabel = label;
  // Without a value the bar only moves.
  if (typeof share === "number") bar.value = share; else bar.removeAttribute("value");
  element.querySelector("p").textContent = text;
};
draw();
watch("value", draw);
"""


class _Parts(NamedTuple):
    """The components of the panel."""

    panel: gr.Column
    bar: gr.HTML
    start: gr.Button
    cancel: gr.Button


def build(
    training: PageTraining, registry: ModelRegistry, run: gr.Dropdown, takes_novels: bool = False
) -> None:
    """The panel, visible while there is no run, or the first one is being trained.

    Afterwards the new run is chosen in `run`. `takes_novels` says whether the Model tab takes a
    visitor's novel.
    """
    # 1. The components. The timer looks after the training only while the panel is visible.
    parts = _layout(visible=run.value is None, takes_novels=takes_novels)
    timer = gr.Timer(_SECONDS, active=run.value is None)
    outputs = [*parts, timer, run]

    # 2. What the buttons do; each handler returns the new state of all components.
    @localized
    def look(chosen: str | None) -> tuple[Any, ...]:
        return _panel(training, registry, chosen)

    @localized
    def begin(chosen: str | None) -> tuple[Any, ...]:
        with errors_as_toasts():
            _begin(training, registry)
        return _panel(training, registry, chosen)

    @localized
    def end(chosen: str | None) -> tuple[Any, ...]:
        training.cancel()
        return _panel(training, registry, chosen)

    # 3. The events.
    timer.tick(look, run, outputs, **LIGHT)
    parts.start.click(begin, run, outputs, **WITH_TOASTS)
    parts.cancel.click(end, run, outputs, **LIGHT)
    # When the page is opened: another visitor may be training.
    page_load()(look, run, outputs, **LIGHT)


def _layout(visible: bool, takes_novels: bool) -> _Parts:
    with gr.Column(visible=visible, elem_id="training-panel") as panel:
        gr.Markdown(
            browser_text(
                "### No trained model yet\nTrain the smallest one (tiny, about two minutes) on the"
                " novel that comes with the program, then write with it. For a novel of your own"
                " run `python -m novelgen train --corpus mine.txt` in a terminal; the run appears"
                " here by itself."
            ),
            elem_id="training-words",
        )
        if takes_novels:
            gr.Markdown(
                browser_text("Or drop your novel into “Teach it a novel” in the Model tab."),
                elem_id="training-own",
            )
        bar = progress_bar("training-progress")
        start = gr.Button(
            browser_text("Train a small model"), variant="primary", elem_id="training-start"
        )
        cancel = gr.Button(
            browser_text("Cancel training"),
            variant="secondary",
            visible=False,
            elem_id="training-cancel",
        )
    return _Parts(panel, bar, start, cancel)


def progress_bar(elem_id: str) -> gr.HTML:
    """A bar with a line of text, which shows what `bar_state` returns."""
    # What it shows comes when the page is opened, in the visitor's language.
    return gr.HTML(
        {"text": ""},
        html_template=_BAR,
        js_on_load=_BAR_SCRIPT,
        label=browser_text("Training progress"),
        elem_id=elem_id,
        elem_classes="training-bar",
    )


def _begin(training: PageTraining, registry: ModelRegistry) -> None:
    """Starts the training. Raises TrainingError when there is a run already.

    The page then shows no offer, but a program could ask again and again, and each time would cost
    the machine minutes.
    """
    if registry.runs() and not training.status().is_running:
        raise TrainingError(_("there is a trained model already; no other is trained from here"))
    training.start(registry.folder)


def _panel(training: PageTraining, registry: ModelRegistry, chosen: str | None) -> tuple[Any, ...]:
    """New values for the panel, the bar, both buttons, the timer and the choice of the run."""
    status = training.status()
    names = list(registry.runs())
    # A training on a visitor's novel has a bar of its own, in the Model tab.
    is_first = status.is_running and not status.is_uploaded
    is_shown = is_first or not names
    # A choice that the visitor has made is left alone.
    run: Any = gr.skip()
    if not is_shown and chosen not in names:
        # The names come last: a run that was saved meanwhile is among them.
        newest = registry.newest()
        run = gr.Dropdown(choices=list(registry.runs()), value=newest)
    return (
        gr.Column(visible=is_shown),
        bar_state(status),
        gr.Button(visible=not status.is_running),
        gr.Button(visible=status.is_running),
        gr.Timer(active=is_shown),
        run,
    )


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
        left = _("{time} left").format(time=clock(status.seconds_left))
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
