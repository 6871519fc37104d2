"""What stands on the Write tab, and where."""

from __future__ import annotations

from typing import Literal, NamedTuple

import gradio as gr

from novelgen.web import limits
from novelgen.web.language import BrowserText, browser_text
from novelgen.web.services.manuscript import CancellationToken, UndoHistory
from novelgen.web.tabs.controls import Controls
from novelgen.web.tabs.controls import build as build_controls

_Variant = Literal["primary", "secondary", "stop"]
# Of the draft boxes and of the buttons below them, limits.CANDIDATES each.
_DRAFT_LABELS = (
    browser_text("Draft 1"),
    browser_text("Draft 2"),
    browser_text("Draft 3"),
    browser_text("Draft 4"),
)
_ACCEPT_LABELS = (
    browser_text("Accept draft 1"),
    browser_text("Accept draft 2"),
    browser_text("Accept draft 3"),
    browser_text("Accept draft 4"),
)
# By the name in the element's id.
_BUTTON_LABELS = {
    "continue": browser_text("Continue"),
    "stop": browser_text("Stop"),
    "rewrite": browser_text("Rewrite"),
    "accept": browser_text("Accept"),
    "undo": browser_text("Undo"),
    "redo": browser_text("Redo"),
    "pin": browser_text("Pin seed"),
    "clear": browser_text("New"),
}
_BUTTON_VARIANTS: dict[str, _Variant] = {"continue": "primary", "stop": "stop"}


class Draft(NamedTuple):
    """One of the drafts that stand side by side."""

    column: gr.Column
    text: gr.Textbox
    accept: gr.Button


class Parts(NamedTuple):
    """The components of the tab."""

    base_note: gr.Markdown
    manuscript: gr.Textbox
    examples: gr.Dataset
    buttons: dict[str, gr.Button]
    drafts: list[Draft]
    status: gr.HTML
    title: gr.Textbox
    opening: gr.Textbox
    paragraphs: gr.Slider
    controls: Controls
    # What the server keeps for the session: GenerationResult or None, UndoHistory and
    # CancellationToken.
    result: gr.State
    undo_history: gr.State
    cancellation: gr.State

    @property
    def draft_texts(self) -> list[gr.Textbox]:
        """The text boxes of the drafts."""
        return [draft.text for draft in self.drafts]

    @property
    def draft_columns(self) -> list[gr.Column]:
        """The columns of the drafts, which are shown or hidden as a whole."""
        return [draft.column for draft in self.drafts]


def lay_out(takes_novels: bool) -> Parts:
    """Makes the components where it is called, without any events.

    `takes_novels` says whether the Model tab takes a visitor's novel.
    """
    result = gr.State(None)
    undo_history = gr.State(UndoHistory())
    cancellation = gr.State(CancellationToken())
    with gr.Row(elem_id="write"):
        # 1. The wide column: the text.
        with gr.Column(scale=5, min_width=320):
            base_note = _base_note(takes_novels)
            manuscript = _manuscript()
            examples = _examples()
            buttons = _buttons()
            drafts = _drafts()
            status = gr.HTML(elem_id="write-status", container=False)
            title, buttons["download"] = _file()
        # 2. The narrow column: how it is to go on.
        with gr.Column(scale=2, min_width=280):
            opening = _opening()
            paragraphs = _paragraphs()
            controls = build_controls()
    return Parts(
        base_note=base_note,
        manuscript=manuscript,
        examples=examples,
        buttons=buttons,
        drafts=drafts,
        status=status,
        title=title,
        opening=opening,
        paragraphs=paragraphs,
        controls=controls,
        result=result,
        undo_history=undo_history,
        cancellation=cancellation,
    )


def _base_note(takes_novels: bool) -> gr.Markdown:
    """What is said while the base model writes, hidden until the run is known."""
    words = browser_text(
        "You are writing with the base model: it has read public-domain Chinese novels, classical"
        " and modern. To have it write like a novel of yours, run"
        " `python -m novelgen train --corpus mine.txt` in a terminal."
    )
    if takes_novels:
        words = browser_text(
            "You are writing with the base model: it has read public-domain Chinese novels,"
            " classical and modern. To have it write like a novel of yours, drop that into “Teach"
            " it a novel” in the Model tab."
        )
    return gr.Markdown(words, visible=False, elem_id="write-base")


def _manuscript() -> gr.Textbox:
    return gr.Textbox(
        label=browser_text("Manuscript"),
        lines=12,
        max_lines=18,
        buttons=["copy"],
        elem_id="write-manuscript",
        placeholder=browser_text(
            "Write a paragraph of a novel, or click one of the examples if there are any below; "
            "then press Continue."
        ),
    )


def _examples() -> gr.Dataset:
    """Paragraphs to start from, empty and hidden until the run is known."""
    return gr.Dataset(
        components=["textbox"],
        samples=[],
        type="values",
        layout="gallery",
        elem_id="write-examples",
        visible=False,
        label=browser_text("Examples: paragraphs that the model has not read"),
    )


def _buttons() -> dict[str, gr.Button]:
    with gr.Row(elem_id="write-buttons"):
        return {
            name: gr.Button(
                label,
                variant=_BUTTON_VARIANTS.get(name, "secondary"),
                min_width=72,
                elem_id=f"write-{name}",
            )
            for name, label in _BUTTON_LABELS.items()
        }


def _drafts() -> list[Draft]:
    numbers = range(1, limits.CANDIDATES + 1)
    with gr.Row(elem_id="write-drafts"):
        return [
            _draft(number, label, accept_label)
            for number, label, accept_label in zip(
                numbers, _DRAFT_LABELS, _ACCEPT_LABELS, strict=True
            )
        ]


def _draft(number: int, label: BrowserText, accept_label: BrowserText) -> Draft:
    # Only the first column is shown where there are no candidates.
    is_first = number == 1
    with gr.Column(min_width=220, visible=is_first, elem_classes="write-candidate") as column:
        text = gr.Textbox(
            label=label,
            lines=4,
            max_lines=14,
            elem_id=f"write-draft-{number}",
            buttons=["copy"],
            interactive=True,
            placeholder=browser_text("The next paragraph appears here; it can be edited"),
        )
        accept = gr.Button(
            accept_label, size="sm", elem_id=f"write-pick-{number}", elem_classes="write-pick"
        )
    return Draft(column, text, accept)


def _file() -> tuple[gr.Textbox, gr.Button]:
    """The title and the button with which the manuscript becomes a file."""
    with gr.Row(elem_id="write-file"):
        title = gr.Textbox(
            label=browser_text("Title"),
            placeholder=browser_text("Untitled"),
            scale=3,
            elem_id="write-title",
            max_lines=1,
        )
        download = gr.Button(
            browser_text("Download .txt"), scale=1, min_width=120, elem_id="write-download"
        )
    return title, download


def _opening() -> gr.Textbox:
    return gr.Textbox(
        label=browser_text("Opening of the next paragraph"),
        placeholder=browser_text("words that the paragraph is to begin with"),
        max_lines=3,
        elem_id="write-opening",
    )


def _paragraphs() -> gr.Slider:
    return gr.Slider(
        1,
        limits.PARAGRAPHS,
        value=1,
        step=1,
        precision=0,
        label=browser_text("Paragraphs in one go"),
        elem_id="write-paragraphs",
    )
