"""The controls that say how the model chooses, of which only those are shown that do something."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from novelgen.config import DataConfig, DecodingConfig
from novelgen.errors import ConfigError
from novelgen.web import limits
from novelgen.web.language import both

# Which decoders have a control; all have the others.
_ONLY_FOR = {
    "temperature": ("sample",),
    "top_k": ("sample",),
    "top_p": ("sample",),
    "min_p": ("sample",),
    "seed": ("sample",),
    "beam_size": ("beam",),
    "length_penalty": ("beam",),
    "num_samples": ("sample", "beam"),
}
# With these a hidden control does nothing.
_NEUTRAL = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "num_samples": 1}
DEFAULTS = {spec.name: spec.default for spec in dataclasses.fields(DecodingConfig)}
_TASKS = {
    "next": both("下一段", "next paragraph"),
    "previous": both("上一段", "previous paragraph"),
    "same": both("原段", "the same"),
}
# What the preset buttons set; all of them sample.
PRESETS = {
    "steady": {
        "temperature": 0.6,
        "top_k": 0,
        "top_p": 0.9,
        "min_p": 0.02,
        "repetition_penalty": 1.1,
        "no_repeat_ngram": 4,
    },
    "balanced": {
        name: DEFAULTS[name]
        for name in (
            "temperature",
            "top_k",
            "top_p",
            "min_p",
            "repetition_penalty",
            "no_repeat_ngram",
        )
    },
    "bold": {
        "temperature": 1.1,
        "top_k": 0,
        "top_p": 0.98,
        "min_p": 0.01,
        "repetition_penalty": 1.2,
        "no_repeat_ngram": 3,
    },
}


def applies(name: str, decoder: str) -> bool:
    """Whether a field of DecodingConfig does something with a decoder."""
    return decoder in _ONLY_FOR.get(name, (decoder,))


class Controls:
    """The components by the field of DecodingConfig that each of them sets."""

    def __init__(self, fields: Mapping[str, Component]) -> None:
        self.fields = dict(fields)

    @property
    def components(self) -> list[Component]:
        """Inputs of an event, in the order that `options` reads their values in."""
        return list(self.fields.values())

    @property
    def seed(self) -> Component:
        """The seed, empty for a random one."""
        return self.fields["seed"]

    def options(self, *values: Any) -> dict[str, Any]:
        """The fields of DecodingConfig for a request. Raises ConfigError for a seed that is no number."""
        given = dict(zip(self.fields, values, strict=True))
        decoder = given["decoder"]
        given["seed"] = seed_of(given["seed"]) if applies("seed", decoder) else None
        asked = {
            name: value
            for name, value in given.items()
            if value is not None and applies(name, decoder)
        }
        hidden = {name: value for name, value in _NEUTRAL.items() if not applies(name, decoder)}
        return {**asked, **hidden}


def seed_of(typed: str | None) -> int | None:
    """A seed as typed; None, which is a random one, where nothing was typed. Raises ConfigError."""
    typed = (typed or "").strip()
    if not typed:
        return None
    if not typed.isdecimal() or len(typed) > len(str(limits.SEED)) or int(typed) > limits.SEED:
        raise ConfigError(
            f"种子应是 0 到 {limits.SEED} 的整数，或者空着 | the seed must be a whole number from 0 to {limits.SEED}, "
            "or empty"
        )
    return int(typed)


def build() -> Controls:
    """Makes the components where it is called, with their presets, and lets the decoder decide which are seen."""
    with gr.Row(elem_id="write-presets"):
        buttons = {
            "steady": gr.Button(
                both("稳健", "Steady"), size="sm", min_width=60, elem_id="write-preset-steady"
            ),
            "balanced": gr.Button(
                both("平衡", "Balanced"), size="sm", min_width=60, elem_id="write-preset-balanced"
            ),
            "bold": gr.Button(
                both("大胆", "Bold"), size="sm", min_width=60, elem_id="write-preset-bold"
            ),
        }
    controls = Controls({**_choice(), **_sampling(), **_beam(), **_rules()})
    _wire(controls, buttons)
    return controls


def _choice() -> dict[str, Component]:
    choices = [
        (both("采样", "sample"), "sample"),
        (both("束搜索", "beam search"), "beam"),
        (both("贪心", "greedy"), "greedy"),
    ]
    tasks = [(word, name) for name, word in _TASKS.items()]
    return {
        "task": gr.Radio(
            tasks,
            value=None,
            label=both("写什么", "What to write"),
            elem_id="write-task",
            visible=False,
            info=both(
                "“上一段”往回写，采纳后放在稿子前面",
                "a previous paragraph goes before the manuscript when accepted",
            ),
        ),
        "decoder": gr.Radio(
            choices, value="sample", label=both("解码", "Decoder"), elem_id="write-decoder"
        ),
    }


def tasks_of(data: DataConfig | None) -> Any:
    """The choice of the task for a run, which is seen where there is one; the main task to begin with."""
    names = list(data.task_weights) if data else []
    return gr.update(
        choices=[(_TASKS[name], name) for name in names],
        value=names[0] if len(names) > 1 else None,
        visible=len(names) > 1,
    )


def _slider(
    name: str, label: Any, info: Any, minimum: float, maximum: float, step: float
) -> gr.Slider:
    """A control of the field `name`, at its default, shown when the default decoder has it."""
    precision = 0 if isinstance(DEFAULTS[name], int) else None
    return gr.Slider(
        minimum,
        maximum,
        value=DEFAULTS[name],
        step=step,
        precision=precision,
        label=label,
        info=info,
        visible=applies(name, DEFAULTS["decoder"]),
        elem_id=f"write-{name.replace('_', '-')}",
    )


def _sampling() -> dict[str, Component]:
    return {
        "temperature": _slider(
            "temperature",
            both("温度", "Temperature"),
            both("低则稳，高则奇", "lower is safer, higher is wilder"),
            0.1,
            2.0,
            0.05,
        ),
        "top_p": _slider(
            "top_p",
            both("核采样 top-p", "Top-p"),
            both(
                "只从累计概率达 p 的字里选；1 为不限",
                "choose among the likeliest tokens that make up this probability; 1 is off",
            ),
            0.05,
            1.0,
            0.01,
        ),
        "top_k": _slider(
            "top_k",
            both("前 k 个 top-k", "Top-k"),
            both(
                "只从最可能的 k 个里选；0 为不限", "choose among the k likeliest tokens; 0 is off"
            ),
            0,
            200,
            1,
        ),
        "min_p": _slider(
            "min_p",
            both("最低概率 min-p", "Min-p"),
            both(
                "舍去概率不到最可能者这一比例的字；0 为不限",
                "drop tokens below this share of the likeliest one's probability; 0 is off",
            ),
            0.0,
            0.5,
            0.01,
        ),
    }


def _beam() -> dict[str, Component]:
    return {
        "beam_size": _slider(
            "beam_size",
            both("束宽", "Beam size"),
            both("同时保留几条路", "how many hypotheses are kept"),
            1,
            limits.BEAM,
            1,
        ),
        "length_penalty": _slider(
            "length_penalty",
            both("长度归一", "Length penalty"),
            both("大则偏爱长段", "higher prefers longer paragraphs"),
            0.0,
            2.0,
            0.1,
        ),
        "num_samples": _slider(
            "num_samples",
            both("候选", "Candidates"),
            both(
                "并排几稿供挑选；束搜索为最好的几个（n-best）",
                "drafts side by side; with beam search the n best",
            ),
            1,
            limits.CANDIDATES,
            1,
        ),
    }


def _rules() -> dict[str, Component]:
    return {
        "repetition_penalty": _slider(
            "repetition_penalty",
            both("重复惩罚", "Repetition penalty"),
            both("压低刚写过的字；1 为不罚", "holds back what was just written; 1 is off"),
            1.0,
            2.0,
            0.05,
        ),
        "no_repeat_ngram": _slider(
            "no_repeat_ngram",
            both("不重复的词组", "No-repeat n-gram"),
            both(
                "这么多字的一串不写第二遍；0 为不限",
                "no run of this many is written twice; 0 is off",
            ),
            0,
            10,
            1,
        ),
        "max_length": _slider(
            "max_length",
            both("最长", "Max length"),
            both("一段至多多少字（词元）", "most tokens of a paragraph"),
            10,
            limits.LENGTH,
            10,
        ),
        # A Number would send 0 when it is empty, which is a seed like any other.
        "seed": gr.Textbox(
            label=both("种子", "Seed"),
            elem_id="write-seed",
            placeholder=both("随机", "random"),
            max_lines=1,
            info=both(
                "空着则随机；固定后同样的种子写同样的字，“重写”会换下一个",
                "empty is random; a fixed one writes the same text again, and Rewrite moves on to the next",
            ),
        ),
    }


def _wire(controls: Controls, buttons: Mapping[str, gr.Button]) -> None:
    shown = list(_ONLY_FOR)
    outputs = [controls.fields[name] for name in shown]
    controls.fields["decoder"].change(
        lambda decoder: [gr.update(visible=applies(name, decoder)) for name in shown],
        controls.fields["decoder"],
        outputs,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    for name, button in buttons.items():
        values = {"decoder": "sample", **PRESETS[name]}
        button.click(
            lambda values=values: list(values.values()),
            None,
            [controls.fields[field] for field in values],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )
