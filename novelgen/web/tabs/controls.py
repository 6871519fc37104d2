"""The controls of how the model decodes, made from services/decoding's settings.

Only those that have an effect with the chosen decoder are shown. What is set is kept in the
browser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from novelgen.config import DataConfig, DecodingConfig
from novelgen.config.effects import applies
from novelgen.i18n import _
from novelgen.web.events import LIGHT, Changes, Given, page_load
from novelgen.web.language import browser_text, localized
from novelgen.web.services.decoding import (
    DECODERS,
    GROUPS,
    PRESETS,
    TASKS,
    Setting,
    described,
    kept,
    preset_of,
    request_options,
    settings_of,
)

_PRESET_LABELS = {
    "steady": browser_text("Steady"),
    "balanced": browser_text("Balanced"),
    "bold": browser_text("Bold"),
}
# Gradio encrypts what the browser keeps. It is no secret, but a key of the server's own would
# change when that is started again.
_KEY = "novelgen-settings"


class Controls:
    """The components by the field of DecodingConfig that each of them sets."""

    def __init__(
        self,
        settings: Mapping[str, Setting],
        fields: Mapping[str, gr.Component],
        headings: Mapping[str, gr.Markdown],
        preset: gr.Radio,
    ) -> None:
        self.settings = dict(settings)
        self.fields = dict(fields)
        # Of the groups of settings that are not common, by the groups' names.
        self.headings = dict(headings)
        self.preset = preset

    @property
    def components(self) -> list[gr.Component]:
        """Inputs of an event."""
        return list(self.fields.values())

    @property
    def seed(self) -> gr.Component:
        """The seed, empty for a random one."""
        return self.fields["seed"]

    def values(self, given: Given) -> dict[str, Any]:
        """What stands in the controls, by field, of an event's values by component."""
        return {name: given[component] for name, component in self.fields.items()}

    def options(self, given: Given) -> dict[str, Any]:
        """The fields of DecodingConfig for a request, of an event's values by component.

        Raises ConfigError for what is typed as a number and none.
        """
        return request_options(self.values(given), self.settings)

    def preset_update(self, values: Mapping[str, Any]) -> Any:
        """Which preset the settings are, and what it sets, in the language that is shown."""
        chosen = preset_of(values)
        return gr.update(value=chosen, info=described(chosen))

    def updates(self, values: Mapping[str, Any]) -> Changes:
        """An event's result by component that sets some fields and leaves the others."""
        return {self.fields[name]: value for name, value in values.items()}


def build(section: type = DecodingConfig) -> Controls:
    """Makes the components where it is called, with the presets above them.

    The decoder decides which of them are seen.
    """
    settings = settings_of(section)
    preset = _presets()
    # The common ones first, among them what is asked before all else.
    common = {name: setting for name, setting in settings.items() if setting.is_common}
    first = {name: common.pop(name) for name in ("task", "decoder")}
    fields = {name: _component(setting) for name, setting in {**first, **common}.items()}
    headings = {}
    with gr.Accordion(browser_text("More settings"), open=False, elem_id="write-more"):
        for group, title in GROUPS.items():
            members = _members(settings, group)
            if members:
                headings[group] = gr.Markdown(
                    browser_text(title),
                    visible=_is_seen(members, "sample"),
                    elem_classes="write-group",
                )
                fields |= {setting.name: _component(setting) for setting in members}
    controls = Controls(settings, fields, headings, preset)
    _wire_visibility(controls)
    return controls


def _presets() -> gr.Radio:
    """The presets; below them stands what the chosen one sets."""
    return gr.Radio(
        [(label, name) for name, label in _PRESET_LABELS.items()],
        value="balanced",
        label=browser_text("Preset"),
        info=" ",
        elem_id="write-preset",
    )


def _component(setting: Setting) -> Any:
    """The component of a setting, at its default."""
    shared: dict[str, Any] = {
        "label": browser_text(setting.label),
        "info": browser_text(setting.info),
        "visible": applies(setting.name, "sample"),
        "elem_id": f"write-{setting.name.replace('_', '-')}",
    }
    if setting.kind == "choice":
        # One without a default is offered where a run has several: see `tasks_of`.
        shared["visible"] = setting.default is not None
        choices = [(browser_text(label), name) for name, label in setting.choices.items()]
        return gr.Radio(choices, value=setting.default, **shared)
    if setting.kind == "switch":
        return gr.Checkbox(setting.default, **shared)
    if setting.kind == "number":
        # mypy: a number has both bounds.
        assert setting.minimum is not None
        assert setting.maximum is not None
        return gr.Slider(
            setting.minimum,
            setting.maximum,
            value=setting.default,
            step=setting.step,
            # Without it the browser sends a whole number as 5.0.
            precision=0 if setting.is_whole else None,
            **shared,
        )
    placeholder = browser_text("random") if setting.name == "seed" else None
    default = "" if setting.default is None else str(setting.default)
    # A text may be a list of words.
    lines = 3 if setting.kind == "text" else 1
    return gr.Textbox(default, max_lines=lines, placeholder=placeholder, **shared)


def _members(settings: Mapping[str, Setting], group: str) -> list[Setting]:
    """The settings below the heading of a group."""
    return [each for each in settings.values() if each.group == group and not each.is_common]


def _is_seen(members: list[Setting], decoder: str) -> bool:
    """Whether a heading has anything below it."""
    return any(applies(setting.name, decoder) for setting in members)


def tasks_of(data: DataConfig | None) -> Any:
    """The choice of the task for a run, visible where there is one; first the main task.

    To be called within a `localized` handler.
    """
    names: list[str] = []
    if data is not None:
        names = list(data.task_weights)
    choices = [(_(TASKS[name]), name) for name in names]
    # A run of one task does it without being asked.
    if len(names) < 2:
        return gr.update(choices=choices, value=None, visible=False)
    return gr.update(choices=choices, value=names[0], visible=True)


def _wire_visibility(controls: Controls) -> None:
    """Lets the decoder show its controls, and the headings above them."""
    conditional = {
        name: component
        for name, component in controls.fields.items()
        if not all(applies(name, decoder) for decoder in DECODERS)
    }

    def show(decoder: str) -> Changes:
        shown = {
            component: gr.update(visible=applies(name, decoder))
            for name, component in conditional.items()
        }
        for group, heading in controls.headings.items():
            members = _members(controls.settings, group)
            shown[heading] = gr.update(visible=_is_seen(members, decoder))
        return shown

    # mypy: Gradio adds the events of a component when its class is made.
    decoder: Any = controls.fields["decoder"]
    outputs = [*conditional.values(), *controls.headings.values()]
    decoder.change(show, decoder, outputs, **LIGHT)


def keep(controls: Controls, run: gr.Dropdown, is_novel: Callable[[str | None], bool]) -> None:
    """Lets the presets set their controls, and the browser keep what is set over a reload.

    What is kept is how novels are written: `is_novel` says whether a run was trained on one.
    """
    stored = gr.BrowserState(None, storage_key=_KEY, secret=_KEY)
    preset = controls.preset
    inputs: set[Any] = {*controls.components, preset, run}

    def noted(values: Mapping[str, Any], run_name: str | None) -> Changes:
        shown: Changes = {preset: controls.preset_update(values)}
        if is_novel(run_name):
            # What to write depends on the run.
            shown[stored] = {name: value for name, value in values.items() if name != "task"}
        return shown

    @localized
    def note(given: Given) -> Changes:
        return noted(controls.values(given), given[run])

    @localized
    def take(given: Given) -> Changes:
        values = PRESETS[given[preset]]
        after = {**controls.values(given), **values}
        return {**controls.updates(values), **noted(after, given[run])}

    @localized
    def restore(given: Given) -> Changes:
        values = kept(given[stored], controls.settings) if is_novel(given[run]) else {}
        after = {**controls.values(given), **values}
        return {**controls.updates(values), preset: controls.preset_update(after)}

    # What a visitor sets is kept, not what the page sets by itself. Of many changes while a slider
    # is moved the last one counts.
    fields: list[Any] = controls.components
    changed = [field.input for field in fields]
    # Gradio tells of a text when a key is pressed: Chinese comes without one.
    changed += [field.blur for field in fields if isinstance(field, gr.Textbox)]
    gr.on(changed, note, inputs, [preset, stored], trigger_mode="always_last", **LIGHT)
    outputs = [*fields, preset, stored]
    preset.input(take, inputs, outputs, **LIGHT)
    page_load()(restore, {*inputs, stored}, outputs, **LIGHT)
