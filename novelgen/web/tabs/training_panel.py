"""What the page shows while there is no trained run: an offer to train one, and its progress."""

from __future__ import annotations

import gradio as gr

from novelgen.errors import TrainingError
from novelgen.i18n import _
from novelgen.web.error_toasts import errors_as_toasts
from novelgen.web.events import LIGHT, WITH_TOASTS, Changes, page_load
from novelgen.web.language import browser_text, localized
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.services.training import PageTraining
from novelgen.web.tabs.training_view import Parts, panel_changes

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


def build(
    training: PageTraining, registry: ModelRegistry, run: gr.Dropdown, takes_novels: bool = False
) -> None:
    """The panel, visible while there is no run, or the first one is being trained.

    Afterwards the new run is chosen in `run`. `takes_novels` says whether the Model tab takes a
    visitor's novel.
    """
    # 1. The components.
    parts = _layout(run, takes_novels)
    outputs = [*parts]

    # 2. What the buttons do.
    @localized
    def look(chosen: str | None) -> Changes:
        return panel_changes(parts, training, registry, chosen)

    @localized
    def begin(chosen: str | None) -> Changes:
        with errors_as_toasts():
            start_first_training(training, registry)
        return panel_changes(parts, training, registry, chosen)

    @localized
    def end(chosen: str | None) -> Changes:
        training.cancel()
        return panel_changes(parts, training, registry, chosen)

    # 3. The events.
    parts.timer.tick(look, run, outputs, **LIGHT)
    parts.start.click(begin, run, outputs, **WITH_TOASTS)
    parts.cancel.click(end, run, outputs, **LIGHT)
    # When the page is opened: another visitor may be training.
    page_load()(look, run, outputs, **LIGHT)


def _layout(run: gr.Dropdown, takes_novels: bool) -> Parts:
    visible = run.value is None
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
    timer = gr.Timer(_SECONDS, active=visible)
    return Parts(panel, bar, start, cancel, timer, run)


def progress_bar(elem_id: str) -> gr.HTML:
    """A bar with a line of text, which shows what training_view.bar_state returns."""
    # What it shows comes when the page is opened, in the visitor's language.
    return gr.HTML(
        {"text": ""},
        html_template=_BAR,
        js_on_load=_BAR_SCRIPT,
        label=browser_text("Training progress"),
        elem_id=elem_id,
        elem_classes="training-bar",
    )


def start_first_training(training: PageTraining, registry: ModelRegistry) -> None:
    """Starts the training. Raises TrainingError when there is a run already.

    The page then shows no offer, but a program could ask again and again, and each time would cost
    the machine minutes.
    """
    if registry.runs() and not training.status().is_running:
        raise TrainingError(_("there is a trained model already; no other is trained from here"))
    training.start(registry.folder)
