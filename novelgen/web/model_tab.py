"""The Model tab: which run is used, what it is, and how its training went or goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import pandas as pd  # type: ignore[import-untyped]  # its stubs are a package of their own
from gradio.i18n import I18nData

from novelgen.errors import NovelgenError
from novelgen.i18n import _, ngettext
from novelgen.report.card import UNKNOWN, Card, card
from novelgen.training.progress import clock
from novelgen.web.events import LIGHT, page_load
from novelgen.web.language import browser_text, localized
from novelgen.web.metrics import Curves, History, Metrics, curves
from novelgen.web.model_registry import ModelRegistry

_SECONDS = 2.0  # between looks at the file
# Both clear on white and on black.
_TRAINING_COLOUR = "#3b82c4"
_VALIDATION_COLOUR = "#d9603b"


class Drawn(NamedTuple):
    """What the page shows of a run: it is drawn again only when this changes."""

    run: str | None
    changed: int  # nanoseconds, of its config.json
    journal: tuple[int, int]  # age and size of its metrics.jsonl


class Watched(NamedTuple):
    """The same of a run in training, and the names of all those runs."""

    names: tuple[str, ...]
    drawn: Drawn


_NOTHING_DRAWN = Drawn(None, 0, (0, 0))


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
    shown = [problem, *_card(), *_curves("model")]
    drawn = gr.State(None)
    outputs = [*shown, drawn]

    # 2. The handlers.
    @localized
    def show(chosen: str | None) -> tuple[Any, ...]:
        return _shown(registry, metrics, chosen)

    @localized
    def follow(chosen: str | None, before: Drawn | None) -> tuple[Any, ...]:
        if _state(registry, metrics, chosen) == before:
            return (gr.skip(),) * len(outputs)
        return _shown(registry, metrics, chosen)

    # 3. The events; the first one is when the page is opened, and when another run is chosen.
    gr.on([run.change, page_load()], show, run, outputs, **LIGHT)
    timer.tick(follow, [run, drawn], outputs, **LIGHT)
    gr.on([run.focus, refresh.click], lambda chosen: _choices(registry, chosen), run, run, **LIGHT)
    refresh.click(show, run, outputs, **LIGHT)


def _in_training(registry: ModelRegistry, metrics: Metrics, timer: gr.Timer) -> None:
    """Makes the part for the runs in training, which is visible while there are any."""
    with gr.Column(visible=False, elem_id="model-training") as part:
        watched = gr.Dropdown(
            [],
            interactive=True,
            filterable=False,
            elem_id="model-watched",
            label=browser_text("In training: no model saved yet, so it cannot write"),
        )
        with gr.Row(elem_id="model-training-card"):
            facts = [
                _field(browser_text("Corpus"), "training-corpus"),
                _field(browser_text("Architecture"), "training-architecture", min_width=600),
                _field(browser_text("Training so far"), "training-progress", min_width=600),
            ]
        plot = _curves("model-training")
    drawn = gr.State(None)
    outputs = [part, watched, *facts, *plot, drawn]

    @localized
    def watch(chosen: str | None, before: Watched | None) -> tuple[Any, ...]:
        return _watched(registry, metrics, chosen, before) or (gr.skip(),) * len(outputs)

    for event in (timer.tick, watched.input, page_load()):
        # The browser goes on sending a run that has left the choices with the part that is hidden:
        # `_watched` deals with any name, Gradio's check would refuse it for ever.
        event(watch, [watched, drawn], outputs, preprocess=False, **LIGHT)


def _card() -> list[gr.Textbox]:
    """One field for each of Card's, and one for what the journal tells."""
    with gr.Row(elem_id="model-card"):
        return [
            _field(browser_text("Corpus"), "corpus"),
            _field(browser_text("Tokenizer"), "tokenizer"),
            _field(browser_text("Vocabulary"), "vocabulary"),
            _field(browser_text("Architecture"), "architecture", min_width=600),
            _field(browser_text("Parameters"), "parameters"),
            _field(browser_text("Best step"), "steps"),
            _field(browser_text("Validation BPC (lower is better)"), "bpc"),
            _field(browser_text("Date"), "date"),
            _field(browser_text("Training so far"), "progress", min_width=600),
        ]


def _field(label: I18nData, name: str, min_width: int = 200) -> gr.Textbox:
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


def _curves(prefix: str) -> list[gr.Component]:
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
        browser_text("There is nothing to draw in this run's `metrics.jsonl` yet."),
        visible=False,
        elem_id=f"{prefix}-no-curves",
    )
    return [plot, words]


def _choices(registry: ModelRegistry, chosen: str | None) -> Any:
    """The runs that are there now; a choice that has gone gives way to the newest.

    A choice that is still there is not sent back: the visitor may have made another meanwhile.
    """
    names = list(registry.runs())
    if chosen in names:
        return gr.update(choices=names)
    # The names come last: a run that was saved meanwhile is among them.
    newest = registry.newest()
    return gr.update(choices=list(registry.runs()), value=newest)


def _state(registry: ModelRegistry, metrics: Metrics, chosen: str | None) -> Drawn:
    try:
        run = registry.run(chosen)
        return Drawn(chosen, _changed(run.path), metrics.stamp(run.metrics))
    except NovelgenError:
        return Drawn(chosen, 0, (0, 0))


def _changed(path: Path) -> int:
    try:
        return (path / "config.json").stat().st_mtime_ns
    except OSError:
        return 0


def _shown(registry: ModelRegistry, metrics: Metrics, chosen: str | None) -> tuple[Any, ...]:
    """Values for the error, the card's fields, the plot, the words in its place, and the state."""
    state = _state(registry, metrics, chosen)
    try:
        run = registry.run(chosen)
        no_problem = gr.Textbox(visible=False)
        return (no_problem, *card(run), *_drawing(metrics.history(run.metrics)), state)
    except NovelgenError as error:
        # Without any run the panel above the tabs says what to do.
        problem = gr.Textbox(str(error), visible=chosen is not None)
        facts = [UNKNOWN] * len(Card._fields)
        return (problem, *facts, UNKNOWN, *_no_curves(with_words=False), state)


def _watched(
    registry: ModelRegistry, metrics: Metrics, chosen: str | None, before: Watched | None
) -> tuple[Any, ...] | None:
    """Values for the part of the runs in training; None when nothing has changed.

    They are its visibility, the choice, the facts, the curves, and the state.
    """
    runs = registry.in_training()
    # 1. The run to show: the chosen one while it trains, else the one that has written last.
    name = chosen if chosen in runs else next(iter(runs), None)
    state = Watched((), _NOTHING_DRAWN)
    if name is not None:
        run = runs[name]
        drawn = Drawn(name, _changed(run.path), metrics.stamp(run.metrics))
        state = Watched(tuple(runs), drawn)
    if state == before:
        return None
    # 2. What is known about it.
    shown: tuple[Any, ...] = (UNKNOWN, UNKNOWN, UNKNOWN, *_no_curves(with_words=False))
    if name is not None:
        try:
            facts = card(run)
            shown = (facts.corpus, facts.architecture, *_drawing(metrics.history(run.metrics)))
        except NovelgenError as error:
            shown = (UNKNOWN, UNKNOWN, str(error), *_no_curves(with_words=False))
    # 3. The choice; one that the visitor has made is not sent back.
    labels = [(_("{run} · in training").format(run=each), each) for each in runs]
    choice = gr.update(choices=labels)
    if name != chosen:
        choice = gr.update(choices=labels, value=name)
    return (gr.update(visible=name is not None), choice, *shown, state)


def _drawing(history: History) -> tuple[Any, ...]:
    """How far the training has come, the plot, and the words in its place."""
    found = curves(history)
    if found is None:
        return UNKNOWN, *_no_curves(with_words=True)
    return _progress(history), _plot(found), gr.Markdown(visible=False)


def _plot(found: Curves) -> gr.LinePlot:
    """The plot with its words in the visitor's language: the browser translates none of them."""
    training = _("training")
    validation = _("validation")
    points = [(step, bpc, training) for step, bpc in found.training]
    points += [(step, bpc, validation) for step, bpc in found.validation]
    return gr.LinePlot(
        pd.DataFrame(points, columns=["step", "bpc", "series"]),
        x_title=_("steps"),
        y_title=_("bits per character (BPC)"),
        color_map={training: _TRAINING_COLOUR, validation: _VALIDATION_COLOUR},
        y_lim=[found.low, found.high],
        visible=True,
    )


def _no_curves(with_words: bool) -> tuple[gr.LinePlot, gr.Markdown]:
    """No plot, and in its place the words that say so, or nothing."""
    return gr.LinePlot(visible=False), gr.Markdown(visible=with_words)


def _progress(history: History) -> str:
    """How far the training has come, from its journal."""
    if not history.steps:
        return UNKNOWN
    last = history.steps[-1]
    progress = _("step {step:,} · {time} · {characters:,} characters").format(
        step=last.step, time=clock(last.seconds), characters=last.characters
    )
    count = len(history.validations)
    if not count:
        return progress
    validations = ngettext("{count:,} validation", "{count:,} validations", count)
    return f"{progress} · {validations.format(count=count)}"
