"""What the page shows while there is no trained run: an offer to train one, and how far it has come."""

from __future__ import annotations

from typing import Any

import gradio as gr

from novelgen.errors import TrainingError
from novelgen.training.progress import clock
from novelgen.web.error_toasts import errors_as_toasts
from novelgen.web.language import both
from novelgen.web.model_registry import ModelRegistry
from novelgen.web.training import MINUTES, Status, TinyTraining

_BAR = """
<div class="bar" role="group"><progress max="1" aria-label="训练进度 training progress"></progress><p aria-live="polite"></p></div>
"""
_BAR_WORKS = """
const draw = () => {
  const { share, text } = props.value;
  const bar = element.querySelector("progress");
  bar.hidden = share === undefined;
  if (typeof share === "number") bar.value = share; else bar.removeAttribute("value");  // without a value it only moves
  element.querySelector("p").textContent = text;
};
draw();
watch("value", draw);
"""


def build(training: TinyTraining, shelf: ModelRegistry, run: gr.Dropdown) -> gr.Column:
    """The panel: there while there is no run, or one is being trained; afterwards the new run is chosen in `run`."""
    with gr.Column(visible=run.value is None, elem_id="training-panel") as panel:
        gr.Markdown(
            both(
                "### 还没有训练好的模型\n先用自带的小说练一个最小的（tiny，约两分钟），练好就能写。想用自己的小说：在终端里运行 "
                "`python train.py --corpus 我的小说.txt`，练出来的会自己出现在这里。",
                "### No trained model yet\nTrain the smallest one (tiny, about two minutes) on the novel that comes with the "
                "program, then write with it. For a novel of your own run `python train.py --corpus mine.txt` in a "
                "terminal; the run appears here by itself.",
            ),
            elem_id="training-words",
        )
        bar = gr.HTML(
            _shown(Status("idle")),
            html_template=_BAR,
            js_on_load=_BAR_WORKS,
            label=both("训练进度", "Training progress"),
            elem_id="training-progress",
        )
        start = gr.Button(
            both("训练一个小模型", "Train a small model"),
            variant="primary",
            elem_id="training-start",
        )
        cancel = gr.Button(
            both("取消训练", "Cancel training"),
            variant="secondary",
            visible=False,
            elem_id="training-cancel",
        )
    timer = gr.Timer(0.5, active=run.value is None)
    outputs = [panel, bar, start, cancel, timer, run]

    def look(chosen: str | None) -> tuple[Any, ...]:
        return _look(training, shelf, chosen)

    def begin(chosen: str | None) -> tuple[Any, ...]:
        with errors_as_toasts():
            _begin(training, shelf)
        return look(chosen)

    def end(chosen: str | None) -> tuple[Any, ...]:
        training.cancel()
        return look(chosen)

    light = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    timer.tick(look, run, outputs, **light)
    start.click(begin, run, outputs, **light)
    cancel.click(end, run, outputs, **light)
    gr.on(None, look, run, outputs, **light)  # when the page is opened: others may be training
    return panel


def _begin(training: TinyTraining, shelf: ModelRegistry) -> None:
    """Starts the training. Raises TrainingError when there is a run already: the offer is for those who have none.

    A program could ask again and again all the same, and each time would cost the machine minutes.
    """
    if shelf.runs() and not training.status().is_running:
        raise TrainingError(
            "已经有训练好的模型了，不用再练 | there is a trained model already; no other is trained from here"
        )
    training.start(shelf.folder)


def _look(training: TinyTraining, shelf: ModelRegistry, chosen: str | None) -> tuple[Any, ...]:
    """New values for the panel, the bar, both buttons, the timer and the choice of the run."""
    status, names = training.status(), list(shelf.runs())
    there = status.is_running or not names
    if there or chosen in names:
        run = gr.skip()
    else:
        run = gr.Dropdown(choices=names, value=shelf.newest())
    return (
        gr.Column(visible=there),
        _shown(status),
        gr.Button(visible=not status.is_running),
        gr.Button(visible=status.is_running),
        gr.Timer(active=there),
        run,
    )


def _shown(status: Status) -> dict[str, Any]:
    """What the bar shows: `share` of the budget (None while unknown; absent for no bar), and a line of text."""
    if status.phase == "preparing":
        return {"share": None, "text": f"{status.name} · 正在准备语料…… | preparing the corpus…"}
    if status.phase in ("training", "finishing"):
        return {"share": status.share, "text": _line(status)}
    if status.phase == "failed":
        return {"text": f"训练没有成功 | the training failed: {status.error}"}
    if status.phase == "cancelled":
        return {"text": "训练已取消，什么也没留下 | cancelled; nothing was kept"}
    return {
        "text": f"预算 budget {MINUTES:g} min · corpus/novel.txt" if status.phase == "idle" else ""
    }


def _line(status: Status) -> str:
    left = (
        "收尾中 finishing"
        if status.phase == "finishing"
        else f"剩 left {clock(status.seconds_left)}"
    )
    figures = [("训练 training", status.training_bpc), ("验证 validation", status.validation_bpc)]
    bpc = "，".join(f"{name} {value:.2f}" for name, value in figures if value is not None)
    return f"{status.name} · {status.share:.0%} · {left} · 步 step {status.step:,} · BPC {bpc}"
