"""What stands on the Write tab, and where."""

from __future__ import annotations

from typing import NamedTuple

import gradio as gr

from novelgen.web import limits, static_files
from novelgen.web.language import BrowserText, browser_text
from novelgen.web.services.desk_words import words
from novelgen.web.services.manuscript import CancellationToken, UndoHistory
from novelgen.web.tabs.controls import Controls
from novelgen.web.tabs.controls import build as build_controls

# Lines of a text box that grows with its text.
_ENDLESS = 100_000
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
# Below the sheet, by the name in the element's id, in the order of the page.
_BUTTON_LABELS = {
    "continue": browser_text("Continue"),
    "stop": browser_text("Stop"),
    "accept": browser_text("Accept"),
    "discard": browser_text("Discard"),
    "rewrite": browser_text("Rewrite"),
    "undo": browser_text("Undo"),
    "redo": browser_text("Redo"),
}
_DESK_SCRIPTS = (
    "dom.js",
    "fields.js",
    "buttons.js",
    "sheet.js",
    "finding.js",
    "stories.js",
    "desk.js",
)


class Draft(NamedTuple):
    """One of the drafts that stand side by side."""

    column: gr.Column
    text: gr.Textbox
    accept: gr.Button


class Hidden(NamedTuple):
    """Texts that the browser has and shows to nobody."""

    # Of services.undo_journal, draft_source and reading_window.
    journal: gr.Textbox
    source: gr.Textbox
    window: gr.Textbox


class Parts(NamedTuple):
    """The components of the tab, and the page's choice of the run that writes."""

    run: gr.Dropdown
    base_note: gr.Markdown
    title: gr.Textbox
    # The menus above the sheet, and all that the browser does by itself.
    desk: gr.HTML
    manuscript: gr.Textbox
    drafts: list[Draft]
    status: gr.HTML
    buttons: dict[str, gr.Button]
    examples: gr.Dataset
    opening: gr.Textbox
    paragraphs: gr.Slider
    controls: Controls
    hidden: Hidden
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


def lay_out(run: gr.Dropdown, takes_novels: bool) -> Parts:
    """Makes the components where it is called, without any events.

    `takes_novels` says whether the Model tab takes a visitor's novel.
    """
    result = gr.State(None)
    undo_history = gr.State(UndoHistory())
    cancellation = gr.State(CancellationToken())
    with gr.Row(elem_id="write"):
        # 1. The wide column: the text.
        with gr.Column(scale=5, min_width=320, elem_id="write-paper"):
            base_note = _base_note(takes_novels)
            with gr.Row(elem_id="write-head"):
                title = _title()
                clear = gr.Button(
                    browser_text("New"), size="sm", min_width=60, scale=0, elem_id="write-clear"
                )
            desk = _desk()
            with gr.Column(elem_id="write-sheet"):
                manuscript = _manuscript()
                drafts = _drafts()
            status, buttons = _bar()
            buttons["clear"] = clear
            examples = _examples()
            hidden = Hidden(*(_hidden_field(name) for name in Hidden._fields))
        # 2. The narrow column: how it is to go on.
        with gr.Column(scale=2, min_width=280, elem_id="write-settings"):
            opening = _opening()
            paragraphs = _paragraphs()
            controls = build_controls()
    return Parts(
        run=run,
        base_note=base_note,
        title=title,
        desk=desk,
        manuscript=manuscript,
        drafts=drafts,
        status=status,
        buttons=buttons,
        examples=examples,
        opening=opening,
        paragraphs=paragraphs,
        controls=controls,
        hidden=hidden,
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


def _title() -> gr.Textbox:
    return gr.Textbox(
        label=browser_text("Title"),
        placeholder=browser_text("Untitled"),
        elem_id="write-title",
        max_lines=1,
    )


def _desk() -> gr.HTML:
    return gr.HTML(
        {},
        html_template=static_files.read("desk.html"),
        js_on_load=static_files.read(*_DESK_SCRIPTS),
        words=words(),
        apply_default_css=False,
        elem_id="write-desk",
    )


def _manuscript() -> gr.Textbox:
    return gr.Textbox(
        label=browser_text("Manuscript"),
        # With one line, Enter would be no line end. The page scrolls, not the box.
        lines=2,
        max_lines=_ENDLESS,
        autoscroll=False,
        buttons=["copy"],
        elem_id="write-manuscript",
        placeholder=browser_text(
            "Write a paragraph of a novel, or click one of the examples if there are any below; "
            "then press Continue."
        ),
    )


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
            lines=2,
            max_lines=_ENDLESS,
            autoscroll=False,
            elem_id=f"write-draft-{number}",
            buttons=["copy"],
            interactive=True,
            placeholder=browser_text("The next paragraph appears here; it can be edited"),
        )
        accept = gr.Button(
            accept_label, size="sm", elem_id=f"write-pick-{number}", elem_classes="write-pick"
        )
    return Draft(column, text, accept)


def _bar() -> tuple[gr.HTML, dict[str, gr.Button]]:
    """The status line and the buttons, which stay in sight below the sheet."""
    with gr.Column(elem_id="write-bar"):
        with gr.Row(elem_id="write-state"):
            status = gr.HTML(elem_id="write-status", container=False)
            pin = gr.Button(
                browser_text("Pin seed"), size="sm", min_width=60, scale=0, elem_id="write-pin"
            )
        with gr.Row(elem_id="write-buttons"):
            buttons = {
                name: gr.Button(
                    label,
                    variant="primary" if name == "continue" else "secondary",
                    min_width=60,
                    elem_id=f"write-{name}",
                )
                for name, label in _BUTTON_LABELS.items()
            }
    buttons["pin"] = pin
    return status, buttons


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


def _hidden_field(name: str) -> gr.Textbox:
    # One that is not visible at all would not be in the browser.
    return gr.Textbox(
        visible="hidden",
        # Without one it would be called by Gradio's own word.
        label=browser_text("Kept by the page"),
        show_label=False,
        elem_id=f"write-{name}",
    )


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
