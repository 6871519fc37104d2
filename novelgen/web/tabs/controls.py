"""The controls of how the model decodes; only those that have an effect are shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.i18n import I18nData

from novelgen.config import DataConfig, DecodingConfig
from novelgen.config_decoding import applies
from novelgen.i18n import N_, _
from novelgen.web.events import LIGHT
from novelgen.web.language import browser_text
from novelgen.web.services.decoding import DECODERS, seed_of
from novelgen.web.tabs.sliders import SLIDERS

DEFAULTS: dict[str, Any] = {spec.name: spec.default for spec in dataclasses.fields(DecodingConfig)}
_TASKS = {
    "next": N_("next paragraph"),
    "previous": N_("previous paragraph"),
    "same": N_("the same paragraph"),
}
# The defaults are the balanced preset.
_BALANCED = (
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "repetition_penalty",
    "no_repeat_ngram",
)
# What the preset buttons set; all of them sample.
PRESETS: dict[str, dict[str, Any]] = {
    "steady": {
        "temperature": 0.6,
        "top_k": 0,
        "top_p": 0.9,
        "min_p": 0.02,
        "repetition_penalty": 1.1,
        "no_repeat_ngram": 4,
    },
    "balanced": {name: DEFAULTS[name] for name in _BALANCED},
    "bold": {
        "temperature": 1.1,
        "top_k": 0,
        "top_p": 0.98,
        "min_p": 0.01,
        "repetition_penalty": 1.2,
        "no_repeat_ngram": 3,
    },
}


class Controls:
    """The components by the field of DecodingConfig that each of them sets."""

    def __init__(self, fields: Mapping[str, Component]) -> None:
        self.fields = dict(fields)

    @property
    def components(self) -> list[Component]:
        """Inputs of an event, in the order in which `options` takes their values."""
        return list(self.fields.values())

    @property
    def seed(self) -> Component:
        """The seed, empty for a random one."""
        return self.fields["seed"]

    def options(self, *values: Any) -> dict[str, Any]:
        """The fields of DecodingConfig for a request.

        Raises ConfigError for a seed that is no number.
        """
        given = dict(zip(self.fields, values, strict=True))
        decoder = given["decoder"]
        # 1. The seed is typed as text. A hidden one is not read: what stands in it is no error.
        seed = given.pop("seed")
        if applies("seed", decoder):
            given["seed"] = seed_of(seed)
        # 2. What the visitor sees; an empty field leaves the default.
        return {
            name: value
            for name, value in given.items()
            if value is not None and applies(name, decoder)
        }


def build() -> Controls:
    """Makes the components where it is called, with their presets.

    The decoder decides which of them are seen.
    """
    buttons = {}
    with gr.Row(elem_id="write-presets"):
        buttons["steady"] = _preset_button("steady", browser_text("Steady"))
        buttons["balanced"] = _preset_button("balanced", browser_text("Balanced"))
        buttons["bold"] = _preset_button("bold", browser_text("Bold"))
    # The order here is the order on the page.
    fields = {
        **_choices(),
        **_sliders(),
        "seed": _seed(),
    }
    controls = Controls(fields)
    _wire(controls, buttons)
    return controls


def _preset_button(name: str, label: I18nData) -> gr.Button:
    return gr.Button(label, size="sm", min_width=60, elem_id=f"write-preset-{name}")


def _choices() -> dict[str, Component]:
    """The task, which is hidden until a run has several, and the decoder."""
    task = gr.Radio(
        [(browser_text(label), name) for name, label in _TASKS.items()],
        value=None,
        label=browser_text("What to write"),
        info=browser_text("a previous paragraph goes before the manuscript when accepted"),
        visible=False,
        elem_id="write-task",
    )
    decoder = gr.Radio(
        [(browser_text(label), name) for name, label in DECODERS.items()],
        value="sample",
        label=browser_text("Decoder"),
        elem_id="write-decoder",
    )
    return {"task": task, "decoder": decoder}


def tasks_of(data: DataConfig | None) -> Any:
    """The choice of the task for a run, visible where there is one; first the main task.

    To be called within a `localized` handler.
    """
    names: list[str] = []
    if data is not None:
        names = list(data.task_weights)
    choices = [(_(_TASKS[name]), name) for name in names]
    # A run of one task does it without being asked.
    if len(names) < 2:
        return gr.update(choices=choices, value=None, visible=False)
    return gr.update(choices=choices, value=names[0], visible=True)


def _sliders() -> dict[str, Component]:
    """Sliders by field, each at its default, visible when the default decoder has it."""
    made: dict[str, Component] = {}
    for spec in SLIDERS:
        default = DEFAULTS[spec.name]
        # Without it the browser sends a whole number as 5.0.
        precision = 0 if isinstance(default, int) else None
        made[spec.name] = gr.Slider(
            spec.minimum,
            spec.maximum,
            value=default,
            step=spec.step,
            precision=precision,
            label=spec.label,
            info=spec.info,
            visible=applies(spec.name, DEFAULTS["decoder"]),
            elem_id=f"write-{spec.name.replace('_', '-')}",
        )
    return made


def _seed() -> gr.Textbox:
    # A gr.Number would send 0 when it is empty, which is a seed like any other.
    return gr.Textbox(
        label=browser_text("Seed"),
        placeholder=browser_text("random"),
        info=browser_text(
            "empty is random; a fixed one writes the same text again, and Rewrite moves on to the"
            " next"
        ),
        max_lines=1,
        elem_id="write-seed",
    )


def _wire(controls: Controls, buttons: Mapping[str, gr.Button]) -> None:
    """Lets the decoder show its controls, and the buttons set theirs."""
    conditional = [
        name for name in controls.fields if not all(applies(name, decoder) for decoder in DECODERS)
    ]

    def show(decoder: str) -> list[Any]:
        return [gr.update(visible=applies(name, decoder)) for name in conditional]

    # mypy: Gradio adds the events of a component when its class is made.
    decoder: Any = controls.fields["decoder"]
    outputs = [controls.fields[name] for name in conditional]
    decoder.change(show, decoder, outputs, **LIGHT)
    for name, button in buttons.items():
        values = {"decoder": "sample", **PRESETS[name]}
        components = [controls.fields[field] for field in values]
        # The default argument binds this preset's values, not the last one's.
        button.click(lambda values=values: list(values.values()), None, components, **LIGHT)
