"""The whole page: its head, the tabs in their order, and the endpoint for programs."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from novelgen.web import (
    api,
    attention_tab,
    compare_tab,
    limits,
    model_tab,
    training_panel,
    writing_tab,
)
from novelgen.web.language import both
from novelgen.web.model_registry import ModelRegistry
from novelgen.web.training import TinyTraining

# The browser's own fonts: nothing is fetched, and Chinese is never empty boxes.
_SANS = (
    "system-ui",
    "-apple-system",
    "PingFang SC",
    "Microsoft YaHei",
    "Noto Sans CJK SC",
    "WenQuanYi Zen Hei",
    "sans-serif",
)
_MONO = ("ui-monospace", "Consolas", "Noto Sans Mono CJK SC", "monospace")
# A folder's name is somebody's own text, and is never HTML.
_AS_TEXT = """
const show = () => { element.querySelector("span").textContent = props.value || ""; };
show();
watch("value", show);
"""
# Gradio's margins, of which a phone has no room. They lie outside what a style sheet of ours may reach.
HEAD = "<style>@media (max-width: 640px) { .gradio-container > .main { padding: 8px 12px !important; } }</style>"


def theme() -> gr.Theme:
    """Ink on paper with a seal's red; light and dark."""
    return gr.themes.Default(
        primary_hue="red", secondary_hue="stone", neutral_hue="stone", font=_SANS, font_mono=_MONO
    )


def build(shelf: ModelRegistry, project: Path) -> gr.Blocks:
    """The page of the runs on `shelf`, not yet launched. `project` is the folder with train.py and corpus/."""
    with gr.Blocks(title="novelgen · 中文小说", analytics_enabled=False) as blocks:
        run = gr.Dropdown(
            list(shelf.runs()),
            value=shelf.newest(),
            label=both("模型（训练目录）", "Model (run directory)"),
            elem_id="model-run",
            interactive=True,
            filterable=False,
            render=False,
        )
        _head(run)
        _tabs(blocks, shelf, project, run)
        # Whoever opens the page gets the run that is newest then, not when the server was started.
        blocks.load(
            lambda: gr.Dropdown(list(shelf.runs()), value=shelf.newest()),
            None,
            run,
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )
    blocks.queue(max_size=limits.WAITING, default_concurrency_limit=None, api_open=False)
    return blocks


def _head(run: gr.Dropdown) -> None:
    with gr.Row(elem_id="page-head"):
        gr.Markdown(
            both("# novelgen · 中文小说", "# novelgen · Chinese novels"), elem_id="page-title"
        )
        name = gr.HTML(
            run.value,
            html_template="<span></span>",
            js_on_load=_AS_TEXT,
            elem_id="page-run",
            padding=False,
            label=both("正在用的模型", "Model in use"),
        )
    run.change(
        lambda chosen: chosen,
        run,
        name,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )


def _tabs(blocks: gr.Blocks, shelf: ModelRegistry, project: Path, run: gr.Dropdown) -> None:
    training_panel.build(TinyTraining(project), shelf, run)
    with gr.Tab(both("写作", "Write"), id="write", elem_id="write-tab"):
        writing = writing_tab.build(shelf, run)
    with gr.Tab(both("注意力", "Attention"), id="attention", elem_id="attention-tab"):
        attention_tab.build(shelf, writing)
    with gr.Tab(both("对比", "Compare"), id="compare", elem_id="compare-tab"):
        compare_tab.build(shelf, run, writing)
    with gr.Tab(both("模型", "Model"), id="model", elem_id="model-tab"):
        model_tab.build(shelf, run)
    api.add(shelf, blocks)
