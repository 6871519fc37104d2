"""Which language a visitor gets, also while several are served at once."""

import functools
import inspect

import gradio as gr
import pytest
from gradio.helpers import special_args
from gradio.utils import check_function_inputs_match

from novelgen import i18n
from novelgen.i18n import N_, _, use_language
from novelgen.web import gradio_texts, language
from novelgen.web.language import browser_text, localized, preferred_language, visitor_language

CHINESE = "zh-CN,zh;q=0.9,en;q=0.8"


class Visitor:
    """Stands for the request of a visitor whose browser prefers a language."""

    def __init__(self, accept_language):
        self.headers = {"accept-language": accept_language}


class FixedCatalogue:
    """Stands for the Chinese catalogue."""

    def gettext(self, message):
        return "错误" if message == "Error" else message


def test_each_browser_gets_our_messages_in_its_own_language_or_english():
    key = browser_text(N_("Error")).key
    found = language.translations().translations_dict
    assert found["zh-CN"][key] == found["zh-TW"][key] == "错误"
    assert found["en"][key] == "Error"
    assert key not in found["fr"]  # which falls back on English


def test_gradios_own_texts_are_in_the_language_of_ours():
    found = language.translations().translations_dict
    for locale in ("en", "zh-CN", "zh-TW", *gradio_texts.LOCALES):
        assert gradio_texts.KEYS.keys() <= found[locale].keys()
    assert found["zh-CN"]["common.error"] == "错误"
    assert found["fr"]["common.error"] == "Error"


def test_the_script_for_gradios_texts_has_the_table_in_it(monkeypatch):
    monkeypatch.setattr(gradio_texts, "catalogue", lambda _name: FixedCatalogue())
    script = gradio_texts.script()
    assert "CHINESE_BY_ENGLISH" not in script
    assert '"Error": "错误"' in script
    assert "</" not in script


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (CHINESE, "zh"),
        ("zh", "zh"),
        ("zh-TW;q=1", "zh"),
        ("zh-Hant-HK", "zh"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("fr-FR", "en"),
        ("*", "en"),
        ("", "en"),
    ],
)
def test_the_first_language_of_the_header_counts(header, name):
    assert preferred_language(header) == name


def test_without_a_request_or_a_header_the_language_is_english():
    assert visitor_language(None) == "en"
    assert visitor_language(object()) == "en"


def test_a_handler_runs_in_the_language_of_its_visitor():
    @localized
    def handler(value):
        return f"{value}: {_('Error')}"

    assert handler(Visitor(CHINESE), 1) == "1: 错误"
    assert handler(Visitor("en-GB"), 2) == "2: Error"
    assert i18n.language() == "en"


def test_generators_of_two_visitors_keep_their_languages_when_interleaved():
    closed = []

    @localized
    def handler(name):
        try:
            for number in range(3):
                yield f"{name}{number}: {_('Error')}"
        finally:
            closed.append(f"{name}: {_('Error')}")

    first = handler(Visitor(CHINESE), "a")
    second = handler(Visitor("de"), "b")
    seen = []
    for _number in range(2):
        seen += [next(first), next(second)]
        assert i18n.language() == "en"  # between the steps the thread serves others
    first.close()
    assert list(second) == ["b2: Error"]
    assert seen == ["a0: 错误", "b0: Error", "a1: 错误", "b1: Error"]
    assert closed == ["a: 错误", "b: Error"]


def test_a_handler_that_changes_nothing_returns_an_empty_dictionary():
    assert localized(lambda: {})(Visitor("en")) == gr.skip()

    @localized
    def handler():
        yield {}
        yield {"component": ""}

    assert list(handler(Visitor("en"))) == [gr.skip(), {"component": ""}]


def test_an_error_of_a_step_is_made_in_the_visitors_language():
    @localized
    def handler():
        yield 1
        raise gr.Error(_("Error"))

    steps = handler(Visitor(CHINESE))
    next(steps)
    with pytest.raises(gr.Error, match="错误"):
        next(steps)
    assert i18n.language() == "en"


def test_a_handler_called_within_another_language_is_not_affected_by_it():
    handler = localized(lambda: _("Error"))
    with use_language("zh"):
        assert handler(Visitor("en")) == "Error"
        assert i18n.language() == "zh"


class Tab:
    """Has a method as a handler."""

    def show(self, value):
        return f"{value}: {_('Error')}"


def add(first, second):
    return f"{first + second}: {_('Error')}"


def count(first, second):
    yield f"{first + second}: {_('Error')}"


@pytest.mark.parametrize(
    "handler",
    [
        Tab().show,
        functools.partial(add, 2),
        lambda value: f"{value}: {_('Error')}",
        lambda value, other="": f"{value}{other}: {_('Error')}",
    ],
    ids=["method", "partial", "lambda", "default"],
)
def test_every_kind_of_handler_is_called_as_gradio_does(handler):
    chosen = localized(handler)
    assert check_function_inputs_match(chosen, [gr.State()], False) is None
    inputs, *_others = special_args(chosen, [1], Visitor(CHINESE))
    assert inputs[1] == 1
    assert chosen(*inputs).endswith(": 错误")


def test_a_partial_of_a_generator_is_a_generator():
    chosen = localized(functools.partial(count, 2))
    assert inspect.isgeneratorfunction(chosen)
    assert list(chosen(Visitor(CHINESE), 3)) == ["5: 错误"]


def test_event_data_reaches_the_handler_behind_the_request():
    @localized
    def handler(event: gr.EventData, value):
        return event, value

    event = gr.EventData(None, {"place": 3})
    inputs, _progress, place, _props = special_args(handler, ["x"], Visitor("en"), event)
    assert place == 1
    found, value = handler(*inputs)
    assert found.place == 3
    assert value == "x"
