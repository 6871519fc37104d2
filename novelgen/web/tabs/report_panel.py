"""The part of the Model tab that writes a report about the chosen run."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import gradio as gr

from novelgen.api.report import FORMATS
from novelgen.i18n import _
from novelgen.web import limits
from novelgen.web.error_toasts import errors_as_toasts
from novelgen.web.events import LIGHT, Changes, Given, disable_after, enable_at
from novelgen.web.language import browser_text, localized
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.services.report import ReportRequest, write

# What stands in a choice; the suffixes need no translation.
_LABELS = {"docx": "Word (.docx)", "pdf": "PDF", "html": "HTML", "md": "Markdown"}


def build(registry: ModelRegistry, run: gr.Dropdown) -> None:
    """Makes the panel where it is called, closed at first."""
    with gr.Accordion(browser_text("A report about this run"), open=False, elem_id="report-panel"):
        gr.Markdown(
            browser_text(
                "For a course, say: the model with its equations, the corpus, curves, what every"
                " decoding setting writes, attention, failures counted, conclusions, references."
                " Every figure is the run's own or measured now."
            )
        )
        fields = _fields()
        with gr.Row():
            start = gr.Button(
                browser_text("Write the report"), variant="primary", elem_id="report-start"
            )
            stop = gr.Button(browser_text("Stop"), interactive=False, elem_id="report-stop")
        status = gr.Textbox(
            label=browser_text("Progress"), interactive=False, max_lines=2, elem_id="report-status"
        )
        files = gr.File(
            label=browser_text("Files"),
            interactive=False,
            file_count="multiple",
            visible=False,
            elem_id="report-files",
        )

    @localized
    def write_it(given: Given) -> Iterator[Changes]:
        with errors_as_toasts():
            path = registry.run(given[run]).path
            asked = {name: given[field] for name, field in fields.items()}
            request = ReportRequest(path, **asked)
            with closing(write(request, _folder() / path.name)) as steps:
                for step in steps:
                    made = [str(file) for file in step.files]
                    shown = gr.update(value=made or None, visible=bool(made))
                    yield {status: step.status, files: shown}

    enable_at(start, stop)
    begun = start.click(
        write_it,
        {run, *fields.values()},
        [status, files],
        **limits.READING,
        show_progress_on=status,
        api_visibility="private",
    )
    disable_after(begun, stop)

    @localized
    def stopped() -> Changes:
        return {status: _("stopped"), stop: gr.update(interactive=False)}

    # What was measured stays: the next time it goes on behind it.
    ended = stop.click(lambda: None, cancels=[begun], **LIGHT)
    ended.then(stopped, None, [status, stop], **LIGHT)


@functools.cache
def _folder() -> Path:
    """Where reports are written while the page is served: what is measured is measured once."""
    return Path(tempfile.mkdtemp(prefix="novelgen-report-"))


def _fields() -> dict[str, gr.Component]:
    """The fields of a ReportRequest but for its run."""
    formats = gr.CheckboxGroup(
        [(_LABELS[name], name) for name in sorted(FORMATS, key=[*_LABELS].index)],
        value=["docx"],
        label=browser_text("Formats"),
        elem_id="report-formats",
    )
    title = gr.Textbox(label=browser_text("Title"), max_lines=1, elem_id="report-title")
    with gr.Row():
        author = gr.Textbox(label=browser_text("Author"), max_lines=1, elem_id="report-author")
        number = gr.Textbox(
            label=browser_text("Student number"), max_lines=1, elem_id="report-student"
        )
        course = gr.Textbox(label=browser_text("Course"), max_lines=1, elem_id="report-course")
    quick = gr.Checkbox(
        value=True,
        label=browser_text("Preview: a minute, with rough figures; the whole takes several"),
        elem_id="report-quick",
    )
    return {
        "formats": formats,
        "title": title,
        "author": author,
        "student_id": number,
        "course": course,
        "quick": quick,
    }
