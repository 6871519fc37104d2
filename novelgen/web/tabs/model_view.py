"""What the Model tab shows of a run: its card, its curves, and which runs there are to choose."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import pandas as pd  # type: ignore[import-untyped]  # its stubs are a package of their own

from novelgen.errors import NovelgenError
from novelgen.i18n import _, ngettext
from novelgen.report.card import UNKNOWN, Card, card
from novelgen.training.progress import format_duration
from novelgen.web.services.metrics import Curves, History, Metrics, curves
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.tabs.run_names import choices
from novelgen.web.tabs.writing_view import Values

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


def run_choices(registry: ModelRegistry, chosen: str | None) -> Any:
    """The runs that are there now; a choice that has gone gives way to the newest.

    A choice that is still there is not sent back: the visitor may have made another meanwhile.
    """
    if chosen in registry.runs():
        return gr.update(choices=choices(registry))
    # The names come last: a run that was saved meanwhile is among them.
    newest = registry.newest()
    return gr.update(choices=choices(registry), value=newest)


def drawn_state(registry: ModelRegistry, metrics: Metrics, chosen: str | None) -> Drawn:
    """What decides whether the run is drawn again."""
    try:
        run = registry.run(chosen)
        return Drawn(chosen, _config_time(run.path), metrics.stamp(run.metrics))
    except NovelgenError:
        return Drawn(chosen, 0, (0, 0))


def run_values(registry: ModelRegistry, metrics: Metrics, chosen: str | None) -> Values:
    """Values for the error, the card's fields, the plot, the words in its place, and the state."""
    state = drawn_state(registry, metrics, chosen)
    try:
        run = registry.run(chosen)
        no_problem = gr.Textbox(visible=False)
        return (no_problem, *card(run), *_drawing(metrics.history(run.metrics)), state)
    except NovelgenError as error:
        # Without any run the panel above the tabs says what to do.
        problem = gr.Textbox(str(error), visible=chosen is not None)
        facts = [UNKNOWN] * len(Card._fields)
        return (problem, *facts, UNKNOWN, *_no_curves(with_words=False), state)


def training_values(
    registry: ModelRegistry, metrics: Metrics, chosen: str | None, before: Watched | None
) -> Values | None:
    """Values for the part of the runs in training; None when nothing has changed.

    They are its visibility, the choice, the facts, the curves, and the state.
    """
    runs = registry.in_training()
    # 1. The run to show: the chosen one while it trains, else the one that has written last.
    name = chosen if chosen in runs else next(iter(runs), None)
    state = Watched((), _NOTHING_DRAWN)
    if name is not None:
        run = runs[name]
        drawn = Drawn(name, _config_time(run.path), metrics.stamp(run.metrics))
        state = Watched(tuple(runs), drawn)
    if state == before:
        return None
    # 2. What is known about it.
    shown: Values = (UNKNOWN, UNKNOWN, UNKNOWN, *_no_curves(with_words=False))
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


def _drawing(history: History) -> Values:
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
        step=last.step, time=format_duration(last.seconds), characters=last.characters
    )
    count = len(history.validations)
    if not count:
        return progress
    validations = ngettext("{count:,} validation", "{count:,} validations", count)
    return f"{progress} · {validations.format(count=count)}"


def _config_time(path: Path) -> int:
    try:
        return (path / "config.json").stat().st_mtime_ns
    except OSError:
        return 0
