import asyncio

import gradio as gr
import pytest

from novelgen.decoding.generator import checked
from novelgen.errors import ConfigError
from novelgen.web import language, page
from novelgen.web.error_toasts import LABELS, as_on_the_page, errors_as_toasts
from novelgen.web.model_registry import ModelRegistry


def told(make):
    """The toast that a mistake becomes."""
    with pytest.raises(gr.Error) as caught, errors_as_toasts():
        make()
    assert not caught.value.print_exception
    return caught.value.message


def test_a_mistake_becomes_one_toast_of_text():
    def make():
        raise ConfigError("<b>不行</b> | no")

    assert told(make) == "&lt;b&gt;不行&lt;/b&gt; | no"


def test_a_failure_is_told_once_and_its_cause_goes_to_the_log():
    with pytest.raises(gr.Error, match="the program failed") as caught, errors_as_toasts():
        raise RuntimeError("/home/secret: out of memory")
    assert caught.value.print_exception
    assert "memory" in str(caught.value.__cause__)
    assert "memory" not in caught.value.message
    with pytest.raises(gr.Error) as again, errors_as_toasts():
        raise caught.value
    assert again.value is caught.value


@pytest.mark.parametrize(
    ("options", "chinese", "english"),
    [
        (
            {"decoder": "beam", "num_samples": 4, "beam_size": 2},
            "“候选” 4 大于 “束宽” 2",
            "raise “Beam size”",
        ),
        ({"temperature": 0}, "“温度” 0：超出范围", "out of range"),
        ({"no_repeat_ngram": -1}, "“不重复的词组” -1", "out of range"),
    ],
    ids=str,
)
def test_options_go_by_the_names_of_the_page(options, chinese, english):
    message = told(lambda: checked(options))
    assert "--" not in message
    assert chinese in message.split(" | ")[0]
    assert english in message.split(" | ")[1]


def test_a_mistake_of_the_prompt_names_no_option(toy):
    for prompt, options in (
        ("  ", {}),
        ("宝玉来了。", {"prefix": "宝玉笑道" * 9, "max_length": 20}),
    ):
        message = told(
            lambda prompt=prompt, options=options: next(toy.generator().stream(prompt, **options))
        )
        assert "--" not in message
        assert "“" in message


def test_what_the_page_has_no_name_for_stays():
    assert (
        as_on_the_page("用 --resume 接着训练 | go on with --resume")
        == "用 --resume 接着训练 | go on with --resume"
    )


def test_the_names_are_those_of_the_page(tmp_path):
    async def build():
        page.build(ModelRegistry(tmp_path), tmp_path)

    asyncio.run(build())  # where no loop runs, gradio makes one and leaves it open
    assert set(LABELS.values()) <= set(language._words.values())
