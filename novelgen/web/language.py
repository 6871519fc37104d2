"""The page in each visitor's language, both languages from the one catalogue.

Two ways lead to it. A label, a button, a choice, a placeholder: `browser_text`, which the browser translates when it
draws the page. What is only known when something happens (a number, a mistake, a status line): `_` and `ngettext` within
an event handler that is `localized`, which makes the visitor's language the one that is shown.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar, cast

import gradio as gr
from gradio.i18n import I18nData

from novelgen.i18n import catalogue, language_of, use_language

Handler = TypeVar("Handler", bound=Callable[..., Any])

_texts: set[str] = set()  # that `browser_text` was called with
# Browsers with any of these see Chinese; all others see English.
_REGIONS = ("CN", "SG", "MY", "TW", "HK", "MO")
_SCRIPTS = ("zh", "zh-Hans", "zh-Hant")
_CHINESE = (*_SCRIPTS, *(f"{script}-{region}" for script in _SCRIPTS for region in _REGIONS))


def browser_text(message: str) -> I18nData:
    """An English message that the browser shows in its own language.

    Must be called before the page is launched: while it is built, or at the head of a module.
    """
    _texts.add(message)
    return I18nData(message)


def translations() -> gr.I18n:
    """All messages that `browser_text` was called with, in both languages, for `launch`."""
    to_chinese = catalogue("zh").gettext
    english = {text: text for text in _texts}
    chinese = {text: to_chinese(text) for text in _texts}
    english |= {key: pair[1] for key, pair in _pairs.items()}
    chinese |= {key: pair[0] for key, pair in _pairs.items()}
    return gr.I18n(en=english, **dict.fromkeys(_CHINESE, chinese))


def visitor_language(request: gr.Request | None) -> str:
    """ "zh" or "en", by what the visitor's browser prefers; English where nothing is told, as Gradio has it."""
    headers = getattr(request, "headers", None) or {}
    preferred = headers.get("accept-language", "").split(",")[0].split(";")[0].strip()
    return language_of(preferred) if preferred and preferred != "*" else "en"


def localized(handler: Handler) -> Handler:
    """An event handler, a function or a generator, that runs in the language of the visitor who caused the event."""
    takes_request = inspect.Parameter(
        "visitor", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=gr.Request
    )
    signature = inspect.signature(handler)
    chosen: Any
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(visitor: gr.Request, *values: Any) -> Iterator[Any]:
            yield from _steps_in(visitor_language(visitor), handler(*values))

        chosen = stream
    else:

        @functools.wraps(handler)
        def call(visitor: gr.Request, *values: Any) -> Any:
            with use_language(visitor_language(visitor)):
                return handler(*values)

        chosen = call
    # Gradio fills in a parameter that is annotated with its Request; it reads these two attributes.
    parameters = [takes_request, *signature.parameters.values()]
    chosen.__signature__ = signature.replace(parameters=parameters)
    chosen.__annotations__ = {"visitor": gr.Request}
    return cast("Handler", chosen)


def _steps_in(name: str, steps: Generator[Any, None, None]) -> Iterator[Any]:
    """Takes every step in the language `name`; between the steps this thread serves other visitors."""
    try:
        while True:
            with use_language(name):
                try:
                    result = next(steps)
                except StopIteration:
                    return
            yield result
    finally:
        with use_language(name):
            steps.close()


# Goes when the last of its callers has become a `browser_text`.
_pairs: dict[str, tuple[str, str]] = {}


def both(chinese: str, english: str) -> I18nData:
    """A text in two languages, of before the catalogue."""
    _pairs[english] = (chinese, english)
    return I18nData(english)
