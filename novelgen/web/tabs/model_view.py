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
from novelgen.web.events import Changes
from novelgen.web.services.metrics import Curves, History, Metrics, curves
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.tabs.run_names import choices

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


class RunParts(NamedTuple):
    """The components that show the chosen run."""

    problem: gr.Textbox
    # Of Card's fields, in their order.
    facts: list[gr.Textbox]
    progress: gr.Textbox
    plot: gr.LinePlot
    # In the plot's place.
    words: gr.Markdown
    # A Drawn, or None.
    drawn: gr.State


class WatchedParts(NamedTuple):
    """The components that show the runs in training."""

    column: gr.Column
    choice: gr.Dropdown
    corpus: gr.Textbox
    architecture: gr.Textbox
    progress: gr.Textbox
    plot: gr.LinePlot
    words: gr.Markdown
    # A Watched, or None.
    drawn: gr.State


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


def run_changes(
    parts: RunParts, registry: ModelRegistry, metrics: Metrics, chosen: str | None
) -> Changes:
    """The card and the curves of a run, or what is wrong with it."""
    drawn = drawn_state(registry, metrics, chosen)
    facts = Card(*[UNKNOWN] * len(Card._fields))
    try:
        run = registry.run(chosen)
        curves = _drawing(parts, metrics.history(run.metrics))
        facts = card(run)
        problem = gr.Textbox(visible=False)
    except NovelgenError as error:
        curves = _no_curves(parts, with_words=False)
        # Without any run the panel above the tabs says what to do.
        problem = gr.Textbox(str(error), visible=chosen is not None)
    fields = dict(zip(parts.facts, facts, strict=True))
    return {parts.problem: problem, **fields, **curves, parts.drawn: drawn}


def training_changes(
    parts: WatchedParts,
    registry: ModelRegistry,
    metrics: Metrics,
    chosen: str | None,
    before: Watched | None,
) -> Changes:
    """The part of the runs in training; {} when nothing has changed."""
    runs = registry.in_training()
    # 1. The run to show: the chosen one while it trains, else the one that has written last.
    name = chosen if chosen in runs else next(iter(runs), None)
    state = Watched((), _NOTHING_DRAWN)
    if name is not None:
        run = runs[name]
        drawn = Drawn(name, _config_time(run.path), metrics.stamp(run.metrics))
        state = Watched(tuple(runs), drawn)
    if state == before:
        return {}
    # 2. What is known about it.
    shown = {
        parts.corpus: UNKNOWN,
        parts.architecture: UNKNOWN,
        **_no_curves(parts, with_words=False),
    }
    if name is not None:
        try:
            facts = card(run)
            drawing = _drawing(parts, metrics.history(run.metrics))
            known = {parts.corpus: facts.corpus, parts.architecture: facts.architecture}
            shown |= {**known, **drawing}
        except NovelgenError as error:
            shown[parts.progress] = str(error)
    # 3. The choice; one that the visitor has made is not sent back.
    labels = [(_("{run} · in training").format(run=each), each) for each in runs]
    choice = gr.update(choices=labels)
    if name != chosen:
        choice = gr.update(choices=labels, value=name)
    column = gr.update(visible=name is not None)
    return {parts.column: column, parts.choice: choice, **shown, parts.drawn: state}


def _drawing(parts: RunParts | WatchedParts, history: History) -> Changes:
    """How far the training has come, and the plot, or the words in its place."""
    found = curves(history)
    if found is None:
        return _no_curves(parts, with_words=True)
    return {
        parts.progress: _progress(history),
        parts.plot: _plot(found),
        parts.words: gr.Markdown(visible=False),
    }


def _plot(found: Curves) -> gr.LinePlot:
    """The plot with its words in the visitor's language: the browser translates none of them."""
    training = _("training")
    validation = _("validation")
    points = [(step, bpc, training) for step, bpc in found.training]
    points += [(step, bpc, validation) for step, bpc in _visible(found.validation)]
    return gr.LinePlot(
        pd.DataFrame(points, columns=["step", "bpc", "series"]),
        x_title=_("steps"),
        y_title=_("bits per character (BPC)"),
        color_map={training: _TRAINING_COLOUR, validation: _VALIDATION_COLOUR},
        y_lim=[found.low, found.high],
        visible=True,
    )


def _visible(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """The points of a line. A single one, which would not be drawn, becomes a dash up to it."""
    if len(points) != 1:
        return points
    [(step, bpc)] = points
    return [(step - max(step // 30, 1), bpc), (step, bpc)]


def _no_curves(parts: RunParts | WatchedParts, with_words: bool) -> Changes:
    """No plot, and in its place the words that say so, or nothing."""
    return {
        parts.progress: UNKNOWN,
        parts.plot: gr.LinePlot(visible=False),
        parts.words: gr.Markdown(visible=with_words),
    }


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
