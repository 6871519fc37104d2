"""What stands on the Write tab, and where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import gradio as gr

from novelgen.web import limits
from novelgen.web.controls import Controls
from novelgen.web.controls import build as build_controls
from novelgen.web.language import both
from novelgen.web.manuscript import CancellationToken, UndoHistory


class Parts(NamedTuple):
    """The components of the tab."""

    manuscript: gr.Textbox
    drafts: list[gr.Textbox]
    columns: list[gr.Column]  # of the drafts
    status: gr.HTML
    opening: gr.Textbox
    paragraphs: gr.Slider
    title: gr.Textbox
    buttons: Mapping[str, gr.Button]
    picks: list[gr.Button]
    examples: gr.Dataset
    controls: Controls
    written: gr.State
    desk: gr.State
    pen: gr.State


def lay_out() -> Parts:
    """Makes the components where it is called; nothing happens yet when they are used."""
    written, desk, pen = gr.State(None), gr.State(UndoHistory()), gr.State(CancellationToken())
    with gr.Row(elem_id="write"):
        with gr.Column(scale=5, min_width=320):
            manuscript = gr.Textbox(
                label=both("稿纸", "Manuscript"),
                lines=12,
                max_lines=18,
                buttons=["copy"],
                elem_id="write-manuscript",
                placeholder=both(
                    "写下小说的一段（下面若有例子，点一个也行），再按“续写”。",
                    "Write a paragraph of a novel, or click one of the examples if there are any below, then Continue.",
                ),
            )
            samples = gr.Dataset(
                components=["textbox"],
                samples=[],
                type="values",
                layout="gallery",
                elem_id="write-examples",
                visible=False,
                label=both(
                    "例子：模型没有读过的段落", "Examples: paragraphs that the model has not read"
                ),
            )
            buttons = _buttons()
            drafts, columns, picks = _drafts()
            line = gr.HTML(elem_id="write-status", container=False)
            with gr.Row(elem_id="write-file"):
                title = gr.Textbox(
                    label=both("书名", "Title"),
                    placeholder=both("未命名", "Untitled"),
                    scale=3,
                    elem_id="write-title",
                    max_lines=1,
                )
                buttons["download"] = gr.Button(
                    both("下载 .txt", "Download .txt"),
                    scale=1,
                    min_width=120,
                    elem_id="write-download",
                )
        with gr.Column(scale=2, min_width=280):
            opening = gr.Textbox(
                label=both("下一段的开头", "Opening of the next paragraph"),
                placeholder="他笑道：“",
                max_lines=3,
                elem_id="write-opening",
            )
            paragraphs = gr.Slider(
                1,
                limits.PARAGRAPHS,
                value=1,
                step=1,
                precision=0,
                label=both("连写几段", "Paragraphs in one go"),
                elem_id="write-paragraphs",
            )
            controls = build_controls()
    return Parts(
        manuscript,
        drafts,
        columns,
        line,
        opening,
        paragraphs,
        title,
        buttons,
        picks,
        samples,
        controls,
        written,
        desk,
        pen,
    )


def _buttons() -> dict[str, gr.Button]:
    names = {
        "continue": both("续写", "Continue"),
        "stop": both("停止", "Stop"),
        "rewrite": both("重写", "Rewrite"),
        "accept": both("采纳", "Accept"),
        "undo": both("撤销", "Undo"),
        "redo": both("重做", "Redo"),
        "pin": both("固定种子", "Pin seed"),
        "clear": both("新稿", "New"),
    }
    variants = {"continue": "primary", "stop": "stop"}
    with gr.Row(elem_id="write-buttons"):
        return {
            name: gr.Button(
                text, variant=variants.get(name, "secondary"), min_width=72, elem_id=f"write-{name}"
            )
            for name, text in names.items()
        }


def _drafts() -> tuple[list[gr.Textbox], list[gr.Column], list[gr.Button]]:
    labels = [
        both(f"第 {number} 稿", f"Draft {number}") for number in range(1, limits.CANDIDATES + 1)
    ]
    drafts, columns, picks = [], [], []
    with gr.Row(elem_id="write-drafts"):
        for place, label in enumerate(labels):
            with gr.Column(
                min_width=220, visible=place == 0, elem_classes="write-candidate"
            ) as column:
                drafts.append(
                    gr.Textbox(
                        label=label,
                        lines=4,
                        max_lines=14,
                        elem_id=f"write-draft-{place + 1}",
                        buttons=["copy"],
                        interactive=True,
                        placeholder=both(
                            "下一段写在这里，可以改",
                            "The next paragraph appears here; it can be edited",
                        ),
                    )
                )
                picks.append(
                    gr.Button(
                        both(f"采纳第 {place + 1} 稿", f"Accept draft {place + 1}"),
                        size="sm",
                        elem_id=f"write-pick-{place + 1}",
                        elem_classes="write-pick",
                    )
                )
            columns.append(column)
    return drafts, columns, picks
