"""What the Write tab does otherwise with a run of pairs than with one of a novel."""

from __future__ import annotations

import gradio as gr
from gradio.context import Context

from novelgen.config import decoding_defaults
from novelgen.errors import NovelgenError
from novelgen.web.controls import DEFAULTS, Controls
from novelgen.web.model_registry import ModelRegistry

_LIGHT = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def learned_pairs(shelf: ModelRegistry, name: str | None) -> bool:
    """Whether a run was trained on pairs of a file; False where it cannot be opened."""
    try:
        return shelf.run(name).load_info()["config"].from_pairs
    except NovelgenError:
        return False


def wire(
    shelf: ModelRegistry,
    run: gr.Dropdown,
    manuscript: gr.Textbox,
    paragraphs: gr.Slider,
    controls: Controls,
) -> None:
    """When a run of the other kind is chosen, the settings begin anew at its defaults and the page says what it is given."""
    # What sampling chooses from stays as it is: beam search does not see it.
    fields = [name for name in decoding_defaults(True, "sample") if name in controls.fields]
    before = gr.State(False)

    def fitted(name: str | None, before: bool) -> tuple:
        from_pairs = learned_pairs(shelf, name)
        if from_pairs == before:
            return (gr.skip(),) * (3 + len(fields))
        defaults = {**DEFAULTS, **decoding_defaults(from_pairs, "sample")}
        # Both languages at once: what is only known later is not translated.
        label = "源 Source" if from_pairs else "稿纸 Manuscript"
        return (
            from_pairs,
            gr.update(label=label),
            gr.update(value=1, visible=not from_pairs),
            *(defaults[name] for name in fields),
        )

    outputs = [before, manuscript, paragraphs, *(controls.fields[name] for name in fields)]
    gr.on([run.change, Context.root_block.load], fitted, [run, before], outputs, **_LIGHT)
