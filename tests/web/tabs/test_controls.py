import asyncio
import dataclasses

import gradio as gr
import pytest

from novelgen.config import DataConfig, DecodingConfig
from novelgen.config.decoding import decoding_config
from novelgen.config.effects import applies
from novelgen.errors import ConfigError
from novelgen.options import Control, option
from novelgen.web import limits
from novelgen.web.services.decoding import PRESETS
from novelgen.web.tabs import controls as module

PROMPT = "宝玉笑道：“我来了，你是他不是他？”黛玉道：“我不来，你去那里？”"


def build(section=DecodingConfig):
    async def build_page():
        with gr.Blocks():
            return module.build(section)

    return asyncio.run(build_page())  # where no loop runs, gradio makes one and leaves it open


@pytest.fixture(scope="module")
def controls():
    return build()


def options(controls, **changes):
    """What the page asks for when some controls are moved from where they stand at first."""
    values = {name: component.value for name, component in controls.fields.items()}
    values |= {"seed": "3", **changes}
    return controls.options({controls.fields[name]: value for name, value in values.items()})


def told(toy, asked):
    """All that a reader sees of a model's answer; it likes a few characters, and repeats itself."""
    generator = toy.generator(favour={toy.first + place: 6.0 for place in range(12)})
    return [
        (each.text, each.seed, [paragraph.score for paragraph in each.paragraphs])
        for each in generator.candidates(PROMPT, **asked)
    ]


def test_untouched_controls_ask_for_the_defaults(controls):
    values = {component: component.value for component in controls.components}
    assert decoding_config(controls.options(values)) == DecodingConfig()


@dataclasses.dataclass(frozen=True)
class Wider(DecodingConfig):
    """DecodingConfig as it would be with options that no file of the page knows of."""

    daring: float = option(0.5, "how much is dared", minimum=0, maximum=1)
    unbounded: float | None = option(None, "any number", above=0)
    metre: str = option("free", "which metre", choices=("free", "seven"))
    is_bold: bool = option(False, "whether it is bold", control=Control("Boldness", common=True))
    names: str = option("", "names that come back")


@pytest.mark.parametrize(
    ("name", "kind", "typed", "asked"),
    [
        ("daring", gr.Slider, 0.7, 0.7),
        ("unbounded", gr.Textbox, " 2.5 ", 2.5),
        ("metre", gr.Radio, "seven", "seven"),
        ("is_bold", gr.Checkbox, True, True),
        ("names", gr.Textbox, "宝玉，黛玉", "宝玉，黛玉"),
    ],
)
def test_a_new_option_is_on_the_page_and_in_the_request_by_itself(name, kind, typed, asked):
    wider = build(Wider)
    component = wider.fields[name]
    assert isinstance(component, kind)
    assert component.value == (Wider().__dict__[name] or component.value)
    assert component.visible
    assert component.elem_id == f"write-{name.replace('_', '-')}"
    assert options(wider, **{name: typed})[name] == asked
    assert Wider(**options(wider, **{name: typed})).__dict__[name] == asked


def test_a_number_that_is_typed_is_named_where_it_is_none():
    wider = build(Wider)
    assert "unbounded" not in options(wider, unbounded=" ")
    for typed in ("much", "-1", "1" * 100):
        with pytest.raises(ConfigError, match="Unbounded"):
            options(wider, unbounded=typed)


@pytest.mark.parametrize(
    ("decoder", "changes"),
    [
        ("sample", {"temperature": 2.0}),
        ("sample", {"top_k": 1}),
        ("sample", {"top_p": 0.05}),
        ("sample", {"min_p": 0.5}),
        ("sample", {"num_samples": 3}),
        ("sample", {"seed": "4"}),
        ("sample", {"repetition_penalty": 2.0}),
        ("sample", {"no_repeat_ngram": 1}),
        ("sample", {"repetition_window": 1}),
        ("sample", {"typical_p": 0.05}),
        ("sample", {"dry_multiplier": 3.0, "dry_allowed_length": 1}),
        ("sample", {"dry_multiplier": 3.0, "dry_allowed_length": 1, "dry_base": 4.0}),
        ("sample", {"dry_multiplier": 3.0, "dry_allowed_length": 1, "dry_window": 50}),
        ("sample", {"ban": "玉"}),
        ("sample", {"favour": "钗:5"}),
        ("sample", {"cast": "黛玉"}),
        ("beam", {"ban": "玉"}),
        ("greedy", {"ban": "玉"}),
        ("sample", {"min_length": 160}),
        ("sample", {"max_length": 10}),
        ("sample", {"ngram_weight": 0.5}),
        ("sample", {"cache_weight": 0.5}),
        ("beam", {"beam_size": 1}),
        ("beam", {"length_penalty": 0.0}),
        ("beam", {"num_samples": 3}),
        ("beam", {"repetition_penalty": 2.0}),
        ("beam", {"no_repeat_ngram": 1}),
        ("beam", {"max_length": 10}),
        ("beam", {"ngram_weight": 0.5}),
        ("beam", {"cache_weight": 0.5}),
        ("greedy", {"repetition_penalty": 2.0}),
        ("greedy", {"no_repeat_ngram": 1}),
        ("greedy", {"max_length": 10}),
        ("greedy", {"ngram_weight": 0.9}),
        ("greedy", {"cache_weight": 0.9}),
    ],
    ids=str,
)
def test_every_control_that_is_shown_does_something(toy, controls, decoder, changes):
    assert all(applies(name, decoder) for name in changes)
    assert told(toy, options(controls, decoder=decoder)) != told(
        toy, options(controls, decoder=decoder, **changes)
    )


def test_every_control_is_tried_above(controls):
    tried = {
        name
        for mark in test_every_control_that_is_shown_does_something.pytestmark
        for _, changes in mark.args[1]
        for name in changes
    }
    assert tried == set(controls.fields) - {"decoder", "task"}


def test_the_task_is_a_choice_where_a_run_has_several(controls):
    assert controls.fields["task"].visible is False
    assert "task" not in options(controls)
    several = module.tasks_of(DataConfig(tasks="same,next=2"))
    assert several["visible"]
    assert several["value"] == "same"
    assert [value for _, value in several["choices"]] == ["same", "next"]
    for data in (DataConfig(), DataConfig(tasks="previous"), None):
        assert not module.tasks_of(data)["visible"]
        assert module.tasks_of(data)["value"] is None
    assert options(controls, task="previous")["task"] == "previous"


def test_the_decoders_differ(toy, controls):
    texts = {
        str(told(toy, options(controls, decoder=decoder)))
        for decoder in ("sample", "beam", "greedy")
    }
    assert len(texts) == 3


@pytest.mark.parametrize("decoder", ["beam", "greedy"])
def test_hidden_controls_do_nothing(toy, controls, decoder):
    extreme = {
        "seed": "4",
        "temperature": 2.0,
        "top_k": 1,
        "top_p": 0.05,
        "min_p": 0.5,
        "beam_size": 2,
        "length_penalty": 0.0,
        "num_samples": 2,
    }
    moved = {name: value for name, value in extreme.items() if not applies(name, decoder)}
    assert {"temperature", "top_k", "top_p", "min_p", "seed"} <= set(moved)
    # The seed that is drawn for nothing is not compared.
    before, after = (
        told(toy, {**options(controls, decoder=decoder, **changes), "seed": 1})
        for changes in ({}, moved)
    )
    assert before == after


def test_a_cleared_number_is_the_default(controls):
    assert "temperature" not in options(controls, temperature=None)


@pytest.mark.parametrize(
    ("typed", "seed"),
    [("", None), (None, None), (" 12 ", 12), ("０", 0), (str(limits.SEED), limits.SEED)],
)
def test_the_seed_as_typed(controls, typed, seed):
    assert options(controls, seed=typed).get("seed") == seed


@pytest.mark.parametrize("typed", ["-1", "1.5", "种子", str(limits.SEED + 1), "9" * 5000, "²"])
def test_a_seed_that_is_none_is_refused(controls, typed):
    with pytest.raises(ConfigError, match="the seed must be a whole number"):
        options(controls, seed=typed)


def test_no_control_exceeds_what_a_visitor_may_ask_for(controls):
    bounds = {
        name: controls.fields[name].maximum for name in ("max_length", "num_samples", "beam_size")
    }
    assert bounds == {
        "max_length": limits.LENGTH,
        "num_samples": limits.CANDIDATES,
        "beam_size": limits.BEAM,
    }


def test_presets_stay_within_the_controls_and_differ(toy, controls):
    for values in PRESETS.values():
        for name, value in values.items():
            if name != "decoder":
                assert controls.fields[name].minimum <= value <= controls.fields[name].maximum
        decoding_config(options(controls, **values))
    told_by = {str(told(toy, options(controls, **values))) for values in PRESETS.values()}
    assert len(told_by) == 3
    assert (
        PRESETS["steady"]["temperature"]
        < PRESETS["balanced"]["temperature"]
        < PRESETS["bold"]["temperature"]
    )


def test_everything_has_a_label_and_an_id(controls):
    assert all(
        component.label and component.elem_id.startswith("write-")
        for component in controls.components
    )
