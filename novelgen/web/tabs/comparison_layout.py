"""The components of the Compare tab, from top to bottom."""

from __future__ import annotations

from typing import NamedTuple

import gradio as gr

from novelgen.web import static_files
from novelgen.web.language import browser_text
from novelgen.web.services.decoding import DECODERS
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.tabs.run_names import choices

_TEMPERATURES = ("0.5", "0.8", "1.0", "1.2")


class Parts(NamedTuple):
    """The components of the tab."""

    prompt: gr.Textbox
    take: gr.Button
    runs: gr.Dropdown
    decoders: gr.CheckboxGroup
    temperatures: gr.Dropdown
    seed: gr.Textbox
    start: gr.Button
    stop: gr.Button
    status: gr.Textbox
    table: gr.HTML
    files: dict[str, gr.Button]
    saver: gr.HTML

    @property
    def inputs(self) -> dict[str, gr.Component]:
        """What is compared, by the parameters of services.comparison.read_request."""
        return {
            "prompt": self.prompt,
            "runs": self.runs,
            "decoders": self.decoders,
            "temperatures": self.temperatures,
            "seed": self.seed,
        }


def lay_out(registry: ModelRegistry, run: gr.Dropdown) -> Parts:
    """Makes the components where it is called."""
    # 1. What to compare.
    with gr.Row(elem_id="compare-ask"):
        with gr.Column(scale=3, min_width=300):
            prompt, take = _prompt_fields()
        with gr.Column(scale=2, min_width=300):
            runs, decoders, temperatures, seed = _grid_fields(registry, run)
    # 2. The buttons.
    with gr.Row(elem_id="compare-buttons"):
        start, stop, csv, markdown = _buttons()
    # 3. The table, and what its columns mean.
    status = gr.Textbox(
        label=browser_text("Progress"), interactive=False, max_lines=3, elem_id="compare-status"
    )
    table = _empty_table()
    gr.Markdown(
        browser_text(
            "Log-probabilities are natural and the model's own (temperature 1, no rules), the end"
            " of the paragraph included, divided by characters. Copied is the share of the text's"
            " 8-character strings that occur in the training text; “—” where that text is gone. All"
            " other settings are at their defaults."
        ),
        elem_id="compare-words",
    )
    # Hidden; its script saves what it is given as a file.
    saver = gr.HTML(
        None,
        html_template="",
        js_on_load=static_files.read("dom.js", "save.js"),
        visible="hidden",
        elem_id="compare-saver",
    )
    return Parts(
        prompt=prompt,
        take=take,
        runs=runs,
        decoders=decoders,
        temperatures=temperatures,
        seed=seed,
        start=start,
        stop=stop,
        status=status,
        table=table,
        files={"csv": csv, "md": markdown},
        saver=saver,
    )


def _prompt_fields() -> tuple[gr.Textbox, gr.Button]:
    prompt = gr.Textbox(
        label=browser_text("Prompt"),
        lines=6,
        max_lines=12,
        placeholder=browser_text("the paragraph that the models go on from"),
        elem_id="compare-prompt",
    )
    take = gr.Button(browser_text("Take the manuscript"), size="sm", elem_id="compare-take")
    return prompt, take


def _grid_fields(
    registry: ModelRegistry, run: gr.Dropdown
) -> tuple[gr.Dropdown, gr.CheckboxGroup, gr.Dropdown, gr.Textbox]:
    """The runs, the decoders, the temperatures and the seed."""
    runs = gr.Dropdown(
        choices(registry),
        value=[run.value] if run.value else [],
        multiselect=True,
        filterable=False,
        label=browser_text("Models"),
        elem_id="compare-runs",
    )
    decoders = gr.CheckboxGroup(
        [(browser_text(label), name) for name, label in DECODERS.items()],
        value=list(DECODERS),
        label=browser_text("Decoders"),
        elem_id="compare-decoders",
    )
    temperatures = gr.Dropdown(
        list(_TEMPERATURES),
        value=list(_TEMPERATURES[:3]),
        multiselect=True,
        allow_custom_value=True,
        label=browser_text("Temperatures (for sampling; you can type others)"),
        elem_id="compare-temperatures",
    )
    seed = gr.Textbox(
        label=browser_text("Seed"),
        placeholder=browser_text("random"),
        max_lines=1,
        elem_id="compare-seed",
    )
    return runs, decoders, temperatures, seed


def _buttons() -> tuple[gr.Button, gr.Button, gr.Button, gr.Button]:
    """Start, stop, and a download for each type of file."""
    start = gr.Button(
        browser_text("Run the comparison"),
        variant="primary",
        min_width=100,
        elem_id="compare-start",
    )
    stop = gr.Button(
        browser_text("Stop"),
        variant="stop",
        min_width=100,
        interactive=False,
        elem_id="compare-stop",
    )
    csv = gr.Button(browser_text("Download CSV"), min_width=100, elem_id="compare-csv")
    markdown = gr.Button(
        browser_text("Download Markdown"), min_width=100, elem_id="compare-markdown"
    )
    return start, stop, csv, markdown


def _empty_table() -> gr.HTML:
    """The table, which shows what comparison_view.table_value returns."""
    return gr.HTML(
        {},
        html_template="<table><thead><tr></tr></thead><tbody></tbody></table>",
        js_on_load=static_files.read("comparison.js"),
        apply_default_css=False,
        label=browser_text("Results"),
        elem_id="compare-table",
    )
