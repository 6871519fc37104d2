"""What the Write tab does differently with a run of pairs, and what it says of the base model."""

from __future__ import annotations

from typing import Any

import gradio as gr

from novelgen.config import Config, decoding_defaults
from novelgen.errors import NovelgenError
from novelgen.i18n import _
from novelgen.web.events import LIGHT, Changes, Given, page_load
from novelgen.web.language import localized
from novelgen.web.services.decoding import DEFAULTS
from novelgen.web.services.model_registry import BASE, ModelRegistry
from novelgen.web.tabs.controls import Controls, keep


def learned_pairs(registry: ModelRegistry, name: str | None) -> bool:
    """Whether a run was trained on pairs of a file; False where it cannot be opened."""
    try:
        config: Config = registry.run(name).load_info()["config"]
    except NovelgenError:
        return False
    return config.from_pairs


def wire(
    registry: ModelRegistry,
    run: gr.Dropdown,
    manuscript: gr.Textbox,
    paragraphs: gr.Slider,
    controls: Controls,
) -> None:
    """Adapts the tab when a run of the other type is chosen.

    The settings go back to that type's defaults, and the text field says what it holds. Those for
    novels are kept in the browser.
    """
    # What sampling chooses from stays as it is: beam search does not see it.
    fields = [name for name in decoding_defaults(True) if name in controls.fields]
    before = gr.State(False)  # whether the last run had learned pairs
    outputs = [before, manuscript, paragraphs, controls.preset, *controls.components]

    @localized
    def fitted(given: Given) -> Changes:
        from_pairs = learned_pairs(registry, given[run])
        # Of two runs of the same type the second changes nothing that the visitor has set.
        if from_pairs == given[before]:
            return {}
        type_defaults = {**DEFAULTS, **decoding_defaults(from_pairs)}
        values = {name: type_defaults[name] for name in fields}
        label = _("Manuscript")
        if from_pairs:
            label = _("Source")
        return {
            before: from_pairs,
            manuscript: gr.update(label=label),
            paragraphs: gr.update(value=1, visible=not from_pairs),
            controls.preset: controls.preset_update({**controls.values(given), **values}),
            **controls.updates(values),
        }

    inputs = {run, before, *controls.components}
    gr.on([run.change, page_load()], fitted, inputs, outputs, **LIGHT)
    keep(controls, run, lambda name: not learned_pairs(registry, name))


def wire_base_note(run: gr.Dropdown, note: gr.Markdown) -> None:
    """Shows the note while the base model is the one that writes."""

    def show(name: str | None) -> Any:
        return gr.update(visible=name == BASE)

    gr.on([run.change, page_load()], show, run, note, **LIGHT)
