import asyncio

import gradio as gr
import pytest

from novelgen.config.decoding import decoding_config
from novelgen.errors import ConfigError
from novelgen.web import error_toasts, page
from novelgen.web.error_toasts import LABELS, as_on_the_page, errors_as_toasts
from novelgen.web.language import translations
from novelgen.web.services.model_registry import ModelRegistry


def toast_of(make):
    """The toast that an error becomes."""
    with pytest.raises(gr.Error) as caught, errors_as_toasts():
        make()
    assert not caught.value.print_exception
    return caught.value.message


def test_an_error_becomes_one_toast_of_text():
    def make():
        raise ConfigError("<b>no</b> & no")

    assert toast_of(make) == "&lt;b&gt;no&lt;/b&gt; &amp; no"


def test_a_failure_is_reported_once_and_its_cause_goes_to_the_log():
    with pytest.raises(gr.Error, match="the program failed") as caught, errors_as_toasts():
        raise RuntimeError("/home/secret: out of memory")
    assert caught.value.print_exception
    assert "memory" in str(caught.value.__cause__)
    assert "memory" not in caught.value.message
    with pytest.raises(gr.Error) as again, errors_as_toasts():
        raise caught.value
    assert again.value is caught.value


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        (
            {"decoder": "beam", "num_samples": 4, "beam_size": 2},
            ("“Candidates” 4", "raise “Beam size”"),
        ),
        ({"temperature": -1}, ("“Temperature” -1", "out of range")),
        ({"temperature": 0}, ("“Temperature” 0", "“Decoder” greedy")),
        ({"no_repeat_ngram": -1}, ("“No-repeat n-gram” -1", "out of range")),
    ],
    ids=str,
)
def test_options_have_the_labels_of_the_page(options, labels):
    message = toast_of(lambda: decoding_config(options))
    assert "--" not in message
    assert all(label in message for label in labels)


def test_labels_are_in_the_language_of_the_visitor(monkeypatch):
    monkeypatch.setattr(error_toasts, "_", lambda message: {"Seed": "种子"}.get(message, message))
    assert as_on_the_page("--seed 7") == "“种子” 7"


def test_an_error_about_the_prompt_names_no_option(toy):
    for prompt, options in (
        ("  ", {}),
        ("宝玉来了。", {"prefix": "宝玉笑道" * 9, "max_length": 20}),
    ):
        message = toast_of(
            lambda prompt=prompt, options=options: next(toy.generator().stream(prompt, **options))
        )
        assert "--" not in message
        assert "“" in message


def test_an_option_without_a_label_stays():
    assert as_on_the_page("go on with --resume") == "go on with --resume"


def test_the_labels_are_those_of_the_page(tmp_path):
    async def build():
        page.build(ModelRegistry(tmp_path), takes_novels=True)

    asyncio.run(build())  # where no loop runs, gradio makes one and leaves it open
    assert set(LABELS.values()) <= set(translations().translations_dict["en"])
