"""The whole page: its head, the tabs in their order, and the endpoint for programs."""

from __future__ import annotations

import base64

import gradio as gr

from novelgen.web import api, gradio_texts, limits, static_files
from novelgen.web.events import LIGHT, Changes, building
from novelgen.web.language import browser_text, localized
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.services.training import PageTraining
from novelgen.web.tabs import (
    attention,
    comparison,
    corpus,
    model,
    run_names,
    training_panel,
    writing,
)

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
# Where Gradio's own are too light to be read, and where a button is as loud as the one that starts.
_COLOURS = {
    "color_accent": "*primary_600",
    "body_text_color_subdued": "*neutral_600",
    "block_label_text_color": "*neutral_600",
    "block_title_text_color": "*neutral_600",
    "input_placeholder_color": "*neutral_500",
    "input_placeholder_color_dark": "*neutral_400",
    "button_primary_background_fill": "*primary_600",
    "button_primary_background_fill_hover": "*primary_700",
    "button_cancel_background_fill": "*button_secondary_background_fill",
    "button_cancel_background_fill_dark": "*neutral_600",
    "button_cancel_background_fill_hover": "*button_secondary_background_fill_hover",
    "button_cancel_background_fill_hover_dark": "*neutral_700",
    "button_cancel_text_color": "*primary_700",
    "button_cancel_text_color_dark": "*primary_200",
    "button_cancel_text_color_hover": "*primary_700",
    "button_cancel_text_color_hover_dark": "*primary_200",
}
# Files that were sent and never used: looked for every ten minutes, removed after an hour.
_FILES_LEFT = (600, 3600)
# The name of a directory is anybody's text: it is set as text, never as HTML.
_SHOW_AS_TEXT = """
const show = () => { element.querySelector("span").textContent = props.value || ""; };
show();
watch("value", show);
"""


def head() -> str:
    """What goes into the page's <head>: a style, an icon, and scripts for Gradio's own parts."""
    # Below a path of its own the page would else ask the host for its icon, which is another's.
    picture = base64.b64encode(static_files.read("favicon.svg").encode()).decode()
    icon = f'<link rel="icon" href="data:image/svg+xml;base64,{picture}">'
    scripts = (gradio_texts.script(), static_files.read("bounds.js"))
    elements = "".join(f"<script>{script}</script>" for script in scripts)
    return f"{static_files.read('head.html')}{icon}{elements}"


def theme() -> gr.Theme:
    """Ink on paper with a seal's red; light and dark.

    Every text has a contrast of 4.5 : 1 at least, as WCAG 2 asks for in 1.4.3 at level AA.
    """
    base = gr.themes.Default(
        primary_hue="red", secondary_hue="stone", neutral_hue="stone", font=_SANS, font_mono=_MONO
    )
    return base.set(**_COLOURS)


def build(registry: ModelRegistry, takes_novels: bool = False) -> gr.Blocks:
    """The page of the registry's runs, not yet launched.

    With `takes_novels` a visitor can drop a novel and train on it.
    """
    # The title is the document's, which the browser does not translate.
    blocks = gr.Blocks(title="novelgen", analytics_enabled=False, delete_cache=_FILES_LEFT)
    with blocks, building(blocks):
        run = gr.Dropdown(
            run_names.choices(registry),
            value=registry.newest(),
            label=browser_text("Model (run directory)"),
            elem_id="model-run",
            interactive=True,
            filterable=False,
            # On a phone it has a row of its own.
            min_width=300,
            render=False,
        )
        name = _head()
        _tabs(blocks, registry, run, takes_novels)
        # Whoever opens the page gets the run that is newest then, not when the server was started.
        newest_run = localized(lambda: _newest_run(registry, run, name))
        blocks.load(newest_run, None, [run, name], **LIGHT)
        run.change(localized(run_names.shown_name), run, name, **LIGHT)
    blocks.queue(max_size=limits.WAITING, default_concurrency_limit=None, api_open=False)
    return blocks


def _newest_run(registry: ModelRegistry, run: gr.Dropdown, name: gr.HTML) -> Changes:
    """The choice of the run, and its name in the page's head."""
    # The names come last: a run that was saved meanwhile is among them.
    newest = registry.newest()
    choice = gr.Dropdown(run_names.choices(registry), value=newest)
    return {run: choice, name: run_names.shown_name(newest)}


def _head() -> gr.HTML:
    """The page's name, and beside it the name of the model in use, which is returned."""
    with gr.Row(elem_id="page-head"):
        gr.Markdown(browser_text("# novelgen · Chinese novels"), elem_id="page-title")
        return gr.HTML(
            "",
            html_template="<span></span>",
            js_on_load=_SHOW_AS_TEXT,
            elem_id="page-run",
            padding=False,
            label=browser_text("Model in use"),
        )


def _tabs(blocks: gr.Blocks, registry: ModelRegistry, run: gr.Dropdown, takes_novels: bool) -> None:
    training = PageTraining()
    training_panel.build(training, registry, run, takes_novels)
    with gr.Tab(browser_text("Write"), id="write", elem_id="write-tab"):
        write = writing.build(registry, run, takes_novels)
    with gr.Tab(browser_text("Attention"), id="attention", elem_id="attention-tab"):
        attention.build(registry, write)
    with gr.Tab(browser_text("Compare"), id="compare", elem_id="compare-tab"):
        comparison.build(registry, run, write)
    with gr.Tab(browser_text("Model"), id="model", elem_id="model-tab"):
        model.build(registry, run)
        if takes_novels:
            corpus.build(training, registry, run)
    api.add(registry, blocks)
