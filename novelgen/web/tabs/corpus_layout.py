"""The components of “Teach it a novel”, from top to bottom."""

from __future__ import annotations

from typing import NamedTuple, cast

import gradio as gr

from novelgen.presets import preset
from novelgen.web import limits
from novelgen.web.language import browser_text
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.tabs import start_from
from novelgen.web.tabs.training_panel import progress_bar

_SECONDS = 1.0  # between two states of the bar

PRESET = "small"
_PRESETS = {
    "tiny": browser_text("tiny: for a first try"),
    "small": browser_text("small: for the CPU of a laptop"),
    "base": browser_text("base: for one GPU"),
    "large": browser_text("large: for a data-centre GPU"),
}
AUTO = "auto"
# The encodings that novels are in; what they are called is the same in every language.
_ENCODINGS = ("utf-8", "gb18030", "big5", "utf-16")


class Parts(NamedTuple):
    """The components of the section."""

    # What to read, and how.
    files: gr.File
    shipped: gr.Button
    encoding: gr.Dropdown
    replace: gr.Checkbox
    simplify: gr.Checkbox
    keep: gr.Checkbox
    reading: gr.Textbox
    # What was found.
    found: gr.Column
    report: gr.Textbox
    removed_note: gr.Markdown
    removed: gr.Dataframe
    # The training.
    init: gr.Dropdown
    preset: gr.Dropdown
    minutes: gr.Slider
    start: gr.Button
    discard: gr.Button
    training: gr.Column
    bar: gr.HTML
    cancel: gr.Button
    # Looks after it, and has the name of its run when that is finished.
    timer: gr.Timer
    finished: gr.State

    @property
    def switches(self) -> dict[str, gr.Component]:
        """How the files are read, by the parameters of corpus_view.text_config."""
        return {
            "encoding": self.encoding,
            "replace": self.replace,
            "simplify": self.simplify,
            "keep": self.keep,
        }


def lay_out(registry: ModelRegistry) -> Parts:
    """Makes the components where it is called."""
    with gr.Accordion(browser_text("Teach it a novel"), open=False, elem_id="corpus"):
        # 1. The files, and the switches for how they are read.
        gr.Markdown(
            browser_text(
                "Drop a novel here: .txt, .epub, .docx, .html, .md or .zip, one file or several, at"
                " most 64 MiB. What was found and what was left out is shown first; nothing is"
                " trained before you start it. The files themselves are deleted afterwards."
            )
        )
        files = gr.File(
            file_count="multiple", label=browser_text("Files of the novel"), elem_id="corpus-files"
        )
        shipped = gr.Button(
            browser_text("Take the novel that comes with the program"),
            size="sm",
            elem_id="corpus-shipped",
        )
        with gr.Row():
            encoding, replace, simplify, keep = _switches()
        # The name of a file may be anything: a text field shows it as it is.
        reading = gr.Textbox(
            label=browser_text("State"),
            interactive=False,
            lines=1,
            max_lines=2,
            visible=False,
            elem_id="corpus-reading",
        )
        # 2. The report, and what the model is to be.
        with gr.Column(visible=False, elem_id="corpus-found") as found:
            report, removed_note, removed = _report()
            with gr.Row():
                init, size, minutes = _budget(registry)
            with gr.Row():
                start = gr.Button(
                    browser_text("Train on this novel"), variant="primary", elem_id="corpus-start"
                )
                discard = gr.Button(browser_text("Discard it"), elem_id="corpus-discard")
        # 3. The training.
        with gr.Column(visible=False, elem_id="corpus-training") as training:
            bar = progress_bar("corpus-progress")
            cancel = gr.Button(browser_text("Cancel training"), elem_id="corpus-cancel")
    return Parts(
        files=files,
        shipped=shipped,
        encoding=encoding,
        replace=replace,
        simplify=simplify,
        keep=keep,
        reading=reading,
        found=found,
        report=report,
        removed_note=removed_note,
        removed=removed,
        init=init,
        preset=size,
        minutes=minutes,
        start=start,
        discard=discard,
        training=training,
        bar=bar,
        cancel=cancel,
        timer=gr.Timer(_SECONDS, active=False),
        finished=gr.State(""),
    )


def budget(name: str) -> float:
    """The minutes that a preset is made for."""
    return cast("float", preset(name).training.max_minutes)


def _switches() -> tuple[gr.Dropdown, gr.Checkbox, gr.Checkbox, gr.Checkbox]:
    encoding = gr.Dropdown(
        [(browser_text("by the evidence of the file"), AUTO), *_ENCODINGS],
        value=AUTO,
        filterable=False,
        label=browser_text("Encoding"),
        elem_id="corpus-encoding",
    )
    replace = gr.Checkbox(
        label=browser_text("Leave out what cannot be decoded"), elem_id="corpus-replace"
    )
    simplify = gr.Checkbox(
        label=browser_text("Traditional to Simplified Chinese"), elem_id="corpus-simplify"
    )
    keep = gr.Checkbox(
        label=browser_text("Keep adverts, notes and marks of sites"), elem_id="corpus-keep"
    )
    return encoding, replace, simplify, keep


def _report() -> tuple[gr.Textbox, gr.Markdown, gr.Dataframe]:
    report = gr.Textbox(
        label=browser_text("What was found"),
        interactive=False,
        lines=6,
        max_lines=20,
        elem_id="corpus-report",
    )
    with gr.Accordion(browser_text("Lines that cleaning took out"), open=False):
        note = gr.Markdown(elem_id="corpus-removed-note")
        removed = gr.Dataframe(
            datatype="str",
            type="array",
            interactive=False,
            wrap=True,
            row_count=0,
            label=browser_text("Lines that cleaning took out"),
            show_label=False,
            max_height=400,
            elem_id="corpus-removed",
        )
    return report, note, removed


def _budget(registry: ModelRegistry) -> tuple[gr.Dropdown, gr.Dropdown, gr.Slider]:
    starts = start_from.choices(registry)
    init = gr.Dropdown(
        starts,
        value=starts[0][1],
        filterable=False,
        label=browser_text("Start from"),
        elem_id="corpus-init",
    )
    size = gr.Dropdown(
        [(label, name) for name, label in _PRESETS.items()],
        value=PRESET,
        filterable=False,
        label=browser_text("Size of the model"),
        elem_id="corpus-preset",
    )
    minutes = gr.Slider(
        1,
        limits.TRAINING_MINUTES,
        value=budget(PRESET),
        step=1,
        label=browser_text("Minutes of training"),
        elem_id="corpus-minutes",
    )
    return init, size, minutes
