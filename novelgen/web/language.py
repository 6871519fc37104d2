"""The page in each visitor's language, both languages from the one catalogue.

Two ways lead to it. A label, a button, a choice, a placeholder: `browser_text`, which the browser
translates when it draws the page. What is only known when something happens (a number, an error, a
status line): `_` and `ngettext` within an event handler that is `localized`, which makes the
visitor's language the one that is shown.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any, TypeAlias, TypeVar, cast

import gradio as gr

from novelgen.i18n import catalogue, language_of, use_language
from novelgen.web import gradio_texts

Handler = TypeVar("Handler", bound=Callable[..., Any])

# What `browser_text` returns, and Gradio takes for a label: it has no public name.
BrowserText: TypeAlias = Any
_marker = gr.I18n()
_messages: set[str] = set()  # that `browser_text` was called with


def browser_text(message: str) -> BrowserText:
    """An English message that the browser shows in its own language.

    Must be called before the page is launched: while it is built, or at the head of a module.
    """
    _messages.add(message)
    return _marker(message)


def translations() -> gr.I18n:
    """All messages of `browser_text` and those of Gradio's own, by locale, for `launch`."""
    to_chinese = catalogue("zh").gettext
    english = {message: message for message in _messages} | gradio_texts.KEYS
    chinese = {key: to_chinese(message) for key, message in english.items()}
    # A browser in a third language falls back on English for our messages. Gradio would still show
    # its own in that language, so they are overridden there as well.
    by_locale = dict.fromkeys(gradio_texts.LOCALES, gradio_texts.KEYS)
    by_locale |= {"en": english, "zh-CN": chinese, "zh-TW": chinese}
    return gr.I18n(**by_locale)


def preferred_language(accept_language: str) -> str:
    """The language for an Accept-Language header: "zh" or "en", by its first entry.

    English where it has none.
    """
    preferred = accept_language.split(",")[0].split(";")[0].strip()
    if preferred in ("", "*"):
        return "en"
    return language_of(preferred)


def visitor_language(request: Any) -> str:
    """The language that the visitor's browser prefers: "zh" or "en"; English where unknown.

    `request` is Gradio's, Starlette's, or None.
    """
    headers = getattr(request, "headers", None) or {}
    return preferred_language(headers.get("accept-language", ""))


def localized(handler: Handler) -> Handler:
    """The same event handler, which runs in the language of the visitor who caused the event.

    The handler is a function, a generator function, a method, a partial or a lambda, and takes
    positional arguments. One that returns or yields {} changes nothing on the page. This must be
    the outermost decorator: Gradio passes its Request to the parameter in front that is added here,
    and reads the others from the signature.
    """
    chosen: Any
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(visitor: gr.Request, *values: Any) -> Iterator[Any]:
            # Closing the stream closes the handler's: that stops a model.
            with closing(in_language(visitor_language(visitor), handler(*values))) as steps:
                for step in steps:
                    yield _as_gradio_has_it(step)

        chosen = stream
    else:

        @functools.wraps(handler)
        def call(visitor: gr.Request, *values: Any) -> Any:
            with use_language(visitor_language(visitor)):
                return _as_gradio_has_it(handler(*values))

        chosen = call
    signature = inspect.signature(handler)
    visitor = inspect.Parameter(
        "visitor", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=gr.Request
    )
    # Gradio finds its Request, and an EventData, by the annotations, and counts the parameters.
    chosen.__signature__ = signature.replace(parameters=[visitor, *signature.parameters.values()])
    chosen.__annotations__ = {"visitor": gr.Request, **_annotations(handler)}
    return cast("Handler", chosen)


def _as_gradio_has_it(returned: Any) -> Any:
    """The same for Gradio: changes by component that are none it would take for a value."""
    is_nothing = isinstance(returned, dict) and not returned
    return gr.skip() if is_nothing else returned


def in_language(name: str, steps: Generator[Any, None, None]) -> Generator[Any, None, None]:
    """The items of `steps`, every one made in the language `name`.

    Between two items the language is the thread's own again, for it serves other visitors then.
    """
    try:
        while True:
            with use_language(name):
                try:
                    item = next(steps)
                except StopIteration:
                    return
            yield item
    finally:
        with use_language(name):
            steps.close()


def _annotations(handler: Callable[..., Any]) -> dict[str, Any]:
    """The types of a handler's parameters; none where they cannot be resolved."""
    function = handler.func if isinstance(handler, functools.partial) else handler
    try:
        found = typing.get_type_hints(function)
    except (NameError, TypeError):
        return {}
    found.pop("return", None)
    return found
