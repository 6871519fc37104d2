"""The Model tab: which run is used, what it is, and how its training went or goes."""

from __future__ import annotations

import gradio as gr

from novelgen.web.events import LIGHT, Changes, Given, page_load
from novelgen.web.language import BrowserText, browser_text, localized
from novelgen.web.services.metrics import Metrics
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.tabs import report_panel
from novelgen.web.tabs.model_view import (
    RunParts,
    WatchedParts,
    drawn_state,
    run_changes,
    run_choices,
    training_changes,
)

_SECONDS = 2.0  # between looks at the file


def build(registry: ModelRegistry, run: gr.Dropdown) -> None:
    """Renders `run`, and below it the chosen run's card and curves.

    They follow a training in another process. Above, while there are any, stand the runs in
    training that have saved no model yet.
    """
    metrics = Metrics()
    timer = gr.Timer(_SECONDS)
    # 1. The components.
    _in_training(registry, metrics, timer)
    with gr.Row(equal_height=True):
        run.render()  # type: ignore[no-untyped-call]  # Gradio's own method
        refresh = gr.Button(
            browser_text("Refresh"), scale=0, min_width=100, elem_id="model-refresh"
        )
    problem = gr.Textbox(
        label=browser_text("Cannot be opened"),
        interactive=False,
        lines=1,
        max_lines=4,
        visible=False,
        elem_id="model-problem",
    )
    *facts, progress = _card()
    parts = RunParts(problem, facts, progress, *_curves("model"), gr.State(None))
    report_panel.build(registry, run)
    outputs = [problem, *facts, progress, parts.plot, parts.words, parts.drawn]

    # 2. The handlers.
    @localized
    def show(chosen: str | None) -> Changes:
        return run_changes(parts, registry, metrics, chosen)

    @localized
    def follow(given: Given) -> Changes:
        chosen, before = given[run], given[parts.drawn]
        if drawn_state(registry, metrics, chosen) == before:
            return {}
        return run_changes(parts, registry, metrics, chosen)

    # 3. The events; the first one is when the page is opened, and when another run is chosen.
    gr.on([run.change, page_load()], show, run, outputs, **LIGHT)
    timer.tick(follow, {run, parts.drawn}, outputs, **LIGHT)
    offer = localized(lambda chosen: run_choices(registry, chosen))
    gr.on([run.focus, refresh.click], offer, run, run, **LIGHT)
    refresh.click(show, run, outputs, **LIGHT)


def _in_training(registry: ModelRegistry, metrics: Metrics, timer: gr.Timer) -> None:
    """Makes the part for the runs in training, which is visible while there are any."""
    with gr.Column(visible=False, elem_id="model-training") as column:
        choice = gr.Dropdown(
            [],
            interactive=True,
            filterable=False,
            elem_id="model-watched",
            label=browser_text("In training: no model saved yet, so it cannot write"),
        )
        with gr.Row(elem_id="model-training-card"):
            corpus = _field(browser_text("Corpus"), "training-corpus")
            architecture = _field(
                browser_text("Architecture"), "training-architecture", min_width=600
            )
            progress = _field(browser_text("Training so far"), "training-progress", min_width=600)
        curves = _curves("model-training")
    drawn = gr.State(None)
    parts = WatchedParts(column, choice, corpus, architecture, progress, *curves, drawn)

    @localized
    def watch(given: Given) -> Changes:
        return training_changes(parts, registry, metrics, given[choice], given[drawn])

    for event in (timer.tick, choice.input, page_load()):
        # The browser goes on sending a run that has left the choices with the part that is hidden:
        # `training_changes` deals with any name, Gradio's check would refuse it for ever.
        event(watch, {choice, drawn}, [*parts], preprocess=False, **LIGHT)


def _card() -> list[gr.Textbox]:
    """One field for each of Card's in their order, and one for what the journal tells."""
    with gr.Row(elem_id="model-card"):
        return [
            _field(browser_text("Corpus"), "corpus"),
            _field(browser_text("Tokenizer"), "tokenizer"),
            _field(browser_text("Vocabulary"), "vocabulary"),
            _field(browser_text("Architecture"), "architecture", min_width=600),
            _field(browser_text("Parameters"), "parameters"),
            _field(browser_text("Best step"), "steps"),
            _field(browser_text("Validation BPC (lower is better)"), "bpc"),
            _field(browser_text("Best n-gram weight"), "ngram"),
            _field(browser_text("Date"), "date"),
            _field(browser_text("Training so far"), "progress", min_width=600),
        ]


def _field(label: BrowserText, name: str, min_width: int = 200) -> gr.Textbox:
    # Text of a run directory may come from anybody: a text field shows it as it is.
    return gr.Textbox(
        label=label,
        interactive=False,
        lines=1,
        max_lines=4,
        min_width=min_width,
        container=True,
        elem_id=f"model-{name}",
    )


def _curves(prefix: str) -> tuple[gr.LinePlot, gr.Markdown]:
    """The plot, and the words in its place where there is nothing to draw."""
    plot = gr.LinePlot(
        x="step",
        y="bpc",
        color="series",
        color_title=" ",
        height=360,
        tooltip="all",
        buttons=["export", "fullscreen"],
        label=browser_text("Learning curves"),
        show_label=False,
        visible=False,
        elem_id=f"{prefix}-curves",
    )
    words = gr.Markdown(
        browser_text("No curves: there is no `metrics.jsonl` here, or nothing to draw in it yet."),
        visible=False,
        elem_id=f"{prefix}-no-curves",
    )
    return plot, words
