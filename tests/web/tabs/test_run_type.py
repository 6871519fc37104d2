"""A run of pairs on the Write tab: other settings, other words."""

import asyncio
from types import SimpleNamespace

import gradio as gr

from novelgen.config import Config, DecodingConfig
from novelgen.errors import CheckpointError
from novelgen.web.tabs import controls, run_type


def find(name):
    if name not in ("novel", "pairs"):
        raise CheckpointError("gone")
    return SimpleNamespace(
        load_info=lambda: {"config": Config().replace(pairs="a.tsv" if name == "pairs" else None)}
    )


REGISTRY = SimpleNamespace(run=find)


def test_a_run_of_pairs_is_recognized():
    assert [
        run_type.learned_pairs(REGISTRY, name) for name in ("pairs", "novel", "gone", None)
    ] == [
        True,
        False,
        False,
        False,
    ]


def test_settings_return_to_their_defaults_only_when_the_type_of_run_changes():
    async def build():
        with gr.Blocks() as blocks:
            built = controls.build()
            run_type.wire(
                REGISTRY, gr.Dropdown(["novel", "pairs"]), gr.Textbox(), gr.Slider(1, 9), built
            )
        return blocks, built

    blocks, built = asyncio.run(build())  # where no loop runs, gradio makes one and leaves it open
    event = next(each for each in blocks.fns.values() if each.name == "fitted")
    fields = {component: name for name, component in built.fields.items()}

    def values(*inputs):
        return dict(
            zip(
                (fields.get(each) for each in event.outputs[3:]),
                event.fn(None, *inputs)[3:],
                strict=True,
            )
        )

    assert values("pairs", False) == {
        "decoder": "beam",
        "repetition_penalty": 1.0,
        "no_repeat_ngram": 0,
    }
    assert values("novel", True) == {
        name: getattr(DecodingConfig(), name) for name in values("pairs", False)
    }
    first, label, slider, *_ = event.fn(None, "pairs", False)
    assert first is True
    assert label["label"] == "Source"
    assert slider["visible"] is False
    assert all(
        value == gr.skip()
        for inputs in (("pairs", True), ("novel", False))
        for value in event.fn(None, *inputs)
    )
