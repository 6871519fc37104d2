"""The tab 模型 Model: which run is used, what it is, and how its training went or goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd
from gradio.context import Context

from novelgen.errors import NovelgenError
from novelgen.report.card import UNKNOWN, Card, card
from novelgen.training.progress import clock
from novelgen.web.language import both
from novelgen.web.metrics import History, Metrics, curves
from novelgen.web.model_registry import ModelRegistry

_SECONDS = 2.0  # between looks at the file
_TRAINING, _VALIDATION = "训练 training", "验证 validation"
_COLOURS = {_TRAINING: "#3b82c4", _VALIDATION: "#d9603b"}  # both clear on white and on black
# What was drawn: the run, its weights' age, its journal's age and size.
Drawn = tuple[str | None, int, tuple[int, int]]
# The same of a run in training, and before it all their names.
Watched = tuple[tuple[str, ...], str | None, int, tuple[int, int]]
_LIGHT = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def build(shelf: ModelRegistry, run: gr.Dropdown) -> None:
    """Renders `run`, and below it the chosen run's card and curves, which follow a training in another process.

    Above it, while there are any, the runs in training that have saved nothing yet to write with.
    """
    metrics, timer = Metrics(), gr.Timer(_SECONDS)
    _in_training(shelf, metrics, timer)
    with gr.Row(equal_height=True):
        run.render()
        refresh = gr.Button(
            both("刷新", "Refresh"), scale=0, min_width=100, elem_id="model-refresh"
        )
    problem = gr.Textbox(
        label=both("打不开", "Cannot be opened"),
        interactive=False,
        lines=1,
        max_lines=4,
        visible=False,
        elem_id="model-problem",
    )
    outputs = [problem, *_card(), *_curves("model")]
    drawn = gr.State(None)

    def show(chosen: str | None) -> tuple[Any, ...]:
        return _shown(shelf, metrics, chosen)

    def follow(chosen: str | None, before: Drawn | None) -> tuple[Any, ...]:
        if _state(shelf, metrics, chosen) == before:
            return (gr.skip(),) * (len(outputs) + 1)
        return _shown(shelf, metrics, chosen)

    gr.on(
        None, show, run, [*outputs, drawn], **_LIGHT
    )  # when the page is opened, and when another run is chosen
    timer.tick(follow, [run, drawn], [*outputs, drawn], **_LIGHT)
    gr.on([run.focus, refresh.click], lambda chosen: _choices(shelf, chosen), run, run, **_LIGHT)
    refresh.click(show, run, [*outputs, drawn], **_LIGHT)


def _in_training(shelf: ModelRegistry, metrics: Metrics, timer: gr.Timer) -> None:
    """Makes the part for the runs in training, which is seen while there are any."""
    with gr.Column(visible=False, elem_id="model-training") as part:
        watched = gr.Dropdown(
            [],
            interactive=True,
            filterable=False,
            elem_id="model-watched",
            label=both(
                "训练中：还没有存下模型，不能用来写",
                "In training: nothing saved yet, so it cannot write",
            ),
        )
        with gr.Row(elem_id="model-training-card"):
            facts = [
                _field(both("语料", "Corpus"), "training-corpus"),
                _field(both("结构", "Architecture"), "training-architecture", min_width=600),
                _field(both("训练进度", "Training so far"), "training-progress", min_width=600),
            ]
        curves_shown = _curves("model-training")
    drawn = gr.State(None)
    outputs = [part, watched, *facts, *curves_shown, drawn]

    def watch(chosen: str | None, before: Watched | None) -> tuple[Any, ...]:
        return _watched(shelf, metrics, chosen, before) or (gr.skip(),) * len(outputs)

    for event in (timer.tick, watched.input, Context.root_block.load):
        event(watch, [watched, drawn], outputs, **_LIGHT)


def _card() -> list[gr.Textbox]:
    """One field for each of Card's, and one for what the journal tells."""
    with gr.Row(elem_id="model-card"):
        return [
            _field(both("语料", "Corpus"), "corpus"),
            _field(both("分词", "Tokenizer"), "tokenizer"),
            _field(both("词表", "Vocabulary"), "vocabulary"),
            _field(both("结构", "Architecture"), "architecture", min_width=600),
            _field(both("参数", "Parameters"), "parameters"),
            _field(both("最佳步数", "Best step"), "steps"),
            _field(both("验证 BPC（越低越好）", "Held-out BPC (lower is better)"), "bpc"),
            _field(both("日期", "Date"), "date"),
            _field(both("训练进度", "Training so far"), "progress", min_width=600),
        ]


def _field(label: Any, name: str, min_width: int = 200) -> gr.Textbox:
    # Text of a run directory, which may be a stranger's: a field shows it as it is.
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
        x_title="步数 steps",
        y_title="每字比特数 bits per character (BPC)",
        color_title=" ",
        color_map=_COLOURS,
        height=360,
        tooltip="all",
        buttons=["export", "fullscreen"],
        label=both("学习曲线", "Learning curves"),
        show_label=False,
        visible=False,
        elem_id=f"{prefix}-curves",
    )
    words = gr.Markdown(
        both(
            "这个训练目录的 `metrics.jsonl` 里还没有什么可画的。",
            "There is nothing to draw in this run's `metrics.jsonl`.",
        ),
        visible=False,
        elem_id=f"{prefix}-no-curves",
    )
    return [plot, words]


def _choices(shelf: ModelRegistry, chosen: str | None) -> Any:
    """The runs that are there now; a choice that has gone gives way to the newest.

    One that is there is not sent back: the visitor may have made another meanwhile.
    """
    names = list(shelf.runs())
    if chosen in names:
        return gr.update(choices=names)
    return gr.update(choices=names, value=shelf.newest())


def _state(shelf: ModelRegistry, metrics: Metrics, chosen: str | None) -> Drawn:
    try:
        run = shelf.run(chosen)
        return chosen, _changed(run.path), metrics.stamp(run.metrics)
    except NovelgenError:
        return chosen, 0, (0, 0)


def _changed(path: Path) -> int:
    try:
        return (path / "config.json").stat().st_mtime_ns
    except OSError:
        return 0


def _shown(shelf: ModelRegistry, metrics: Metrics, chosen: str | None) -> tuple[Any, ...]:
    """Values for what is wrong, the card's fields, the plot, the words in its place, and what was drawn."""
    state = _state(shelf, metrics, chosen)
    try:
        run = shelf.run(chosen)
        return (
            gr.Textbox(visible=False),
            *card(run),
            *_drawing(metrics.history(run.metrics)),
            state,
        )
    except NovelgenError as error:
        # Without a run the panel above the tabs says what to do.
        problem = gr.Textbox(str(error), visible=chosen is not None)
        return (problem, *[UNKNOWN] * len(Card._fields), UNKNOWN, *_nothing(is_told=False), state)


def _watched(
    shelf: ModelRegistry, metrics: Metrics, chosen: str | None, before: Watched | None
) -> tuple[Any, ...] | None:
    """Values for the part of the runs in training: whether it is seen, the choice, the facts, the curves, what was drawn.

    None when nothing has changed.
    """
    runs = shelf.in_training()
    name = chosen if chosen in runs else next(iter(runs), None)
    if name is None:
        state: Watched = ((), None, 0, (0, 0))
        shown: tuple[Any, ...] = (UNKNOWN, UNKNOWN, UNKNOWN, *_nothing(is_told=False))
    else:
        run = runs[name]
        state = (tuple(runs), name, _changed(run.path), metrics.stamp(run.metrics))
        try:
            facts = card(run)
            shown = (facts.corpus, facts.architecture, *_drawing(metrics.history(run.metrics)))
        except NovelgenError as error:
            shown = (UNKNOWN, UNKNOWN, str(error), *_nothing(is_told=False))
    if state == before:
        return None
    labels = [(f"{each} · 训练中 training", each) for each in runs]
    choice = gr.update(choices=labels) if name == chosen else gr.update(choices=labels, value=name)
    return (gr.update(visible=name is not None), choice, *shown, state)


def _drawing(history: History) -> tuple[Any, ...]:
    """How far the training has come, the plot, and the words in its place."""
    found = curves(history)
    if found is None:
        return UNKNOWN, *_nothing(is_told=True)
    points = [
        (step, bpc, name)
        for name, line in ((_TRAINING, found.training), (_VALIDATION, found.validation))
        for step, bpc in line
    ]
    frame = pd.DataFrame(points, columns=["step", "bpc", "series"])
    return (
        _progress(history),
        gr.LinePlot(frame, y_lim=[found.low, found.high], visible=True),
        gr.Markdown(visible=False),
    )


def _nothing(is_told: bool) -> tuple[gr.LinePlot, gr.Markdown]:
    """No curves; `is_told` by words."""
    return gr.LinePlot(visible=False), gr.Markdown(visible=is_told)


def _progress(history: History) -> str:
    """How far the training has come, from its journal."""
    if not history.steps:
        return UNKNOWN
    last = history.steps[-1]
    looks = f" · 验证 validations {len(history.looks):,}" if history.looks else ""
    return f"第 {last.step:,} 步 step {last.step:,} · {clock(last.seconds)} · {last.characters:,} 字 characters{looks}"
