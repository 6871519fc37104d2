"""The tab 模型 Model: which run is used, what it is, and how its training went or goes."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from novelgen.errors import NovelgenError
from novelgen.report.card import UNKNOWN, Card, card
from novelgen.training.progress import clock
from novelgen.web.language import both
from novelgen.web.metrics import History, Metrics, curves
from novelgen.web.runs import Shelf

_SECONDS = 2.0  # between looks at the file
_TRAINING, _VALIDATION = "训练 training", "验证 validation"
_COLOURS = {_TRAINING: "#3b82c4", _VALIDATION: "#d9603b"}  # both clear on white and on black
# What was drawn: the run, its weights' age, its journal's age and size.
Drawn = tuple[str | None, int, tuple[int, int]]


def build(shelf: Shelf, run: gr.Dropdown) -> None:
    """Renders `run`, and below it the chosen run's card and curves, which follow a training in another process."""
    metrics = Metrics()
    with gr.Row(equal_height=True):
        run.render()
        refresh = gr.Button(both("刷新", "Refresh"), scale=0, min_width=100, elem_id="model-refresh")
    outputs = [*_card(), *_curves()]
    drawn = gr.State(None)
    timer = gr.Timer(_SECONDS)

    def show(chosen: str | None) -> tuple[Any, ...]:
        return _shown(shelf, metrics, chosen)

    def follow(chosen: str | None, before: Drawn | None) -> tuple[Any, ...]:
        if _state(shelf, metrics, chosen) == before:
            return (gr.skip(),) * (len(outputs) + 1)
        return _shown(shelf, metrics, chosen)

    light = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    gr.on(None, show, run, [*outputs, drawn], **light)  # when the page is opened, and when another run is chosen
    timer.tick(follow, [run, drawn], [*outputs, drawn], **light)
    gr.on([run.focus, refresh.click], lambda chosen: _choices(shelf, chosen), run, run, **light)
    refresh.click(show, run, [*outputs, drawn], **light)


def _card() -> list[gr.Textbox]:
    """One field for each of Card's, and one for what the journal tells."""
    with gr.Row(elem_id="model-card"):
        return [_field(both("语料", "Corpus"), "corpus"), _field(both("分词", "Tokenizer"), "tokenizer"),
                _field(both("词表", "Vocabulary"), "vocabulary"),
                _field(both("结构", "Architecture"), "architecture", min_width=600),
                _field(both("参数", "Parameters"), "parameters"), _field(both("最好的一步", "Best step"), "steps"),
                _field(both("验证 BPC（越低越好）", "Held-out BPC (lower is better)"), "bpc"),
                _field(both("日期", "Date"), "date"),
                _field(both("训练经过", "Training so far"), "progress", min_width=600)]


def _field(label: Any, name: str, min_width: int = 200) -> gr.Textbox:
    # Text of a run directory, which may be a stranger's: a field shows it as it is.
    return gr.Textbox(label=label, interactive=False, lines=1, max_lines=4, min_width=min_width, container=True,
                      elem_id=f"model-{name}")


def _curves() -> list[gr.Component]:
    plot = gr.LinePlot(x="step", y="bpc", color="series", x_title="步数 steps", y_title="每字比特数 bits per character (BPC)",
                       color_title=" ", color_map=_COLOURS, height=360, tooltip="all", buttons=["export", "fullscreen"],
                       label=both("学习曲线", "Learning curves"), show_label=False, visible=False, elem_id="model-curves")
    words = gr.Markdown(both("这个训练目录里没有 `metrics.jsonl`，画不出曲线。",
                             "This run has no `metrics.jsonl`, so there are no curves."), visible=False, elem_id="model-no-curves")
    return [plot, words]


def _choices(shelf: Shelf, chosen: str | None) -> Any:
    """The runs that are there now; a choice that has gone gives way to the newest.

    One that is there is not sent back: the visitor may have made another meanwhile.
    """
    names = list(shelf.runs())
    return gr.update(choices=names) if chosen in names else gr.update(choices=names, value=shelf.newest())


def _state(shelf: Shelf, metrics: Metrics, chosen: str | None) -> Drawn:
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


def _shown(shelf: Shelf, metrics: Metrics, chosen: str | None) -> tuple[Any, ...]:
    """Values for the card's fields, the plot, the words beside it, and what was drawn."""
    state = _state(shelf, metrics, chosen)
    try:
        run = shelf.run(chosen)
        facts, history = card(run), metrics.history(run.metrics)
    except NovelgenError as error:
        if chosen is not None:
            gr.Warning(html.escape(str(error), quote=False))
        facts, history = Card(*[UNKNOWN] * len(Card._fields)), History()
    found = curves(history)
    if found is None:
        return (*facts, UNKNOWN, gr.LinePlot(visible=False), gr.Markdown(visible=chosen is not None), state)
    points = [(step, bpc, name) for name, line in ((_TRAINING, found.training), (_VALIDATION, found.validation)) for step, bpc in line]
    frame = pd.DataFrame(points, columns=["step", "bpc", "series"])
    plot = gr.LinePlot(frame, y_lim=[found.low, found.high], visible=True)
    return (*facts, _progress(history), plot, gr.Markdown(visible=False), state)


def _progress(history: History) -> str:
    """How far the training has come, from its journal."""
    if not history.steps:
        return UNKNOWN
    last = history.steps[-1]
    looks = f" · 验证 validations {len(history.looks):,}" if history.looks else ""
    return f"第 {last.step:,} 步 step {last.step:,} · {clock(last.seconds)} · {last.characters:,} 字 characters{looks}"
