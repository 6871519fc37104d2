"""The page's words in Chinese and English; the browser's language chooses."""

from __future__ import annotations

import gradio as gr
from gradio.i18n import I18nData

_words: dict[str, tuple[str, str]] = {}  # by key: Chinese, English
# Browsers with any of these see Chinese; all others see English.
_REGIONS = ("CN", "SG", "MY", "TW", "HK", "MO")
_CHINESE = (
    "zh",
    "zh-Hans",
    "zh-Hant",
    *(f"{script}-{region}" for script in ("zh", "zh-Hans", "zh-Hant") for region in _REGIONS),
)


def both(chinese: str, english: str) -> I18nData:
    """A text that the browser shows in its own language: a label, a button, a choice, a placeholder, Markdown.

    Must be called before the page is launched: while it is built, or at the head of a module. What is only known later (a
    number, a message) says both languages at once, as on the command line.
    """
    key = f"{chinese} | {english}"  # what is shown wherever nothing translates, in the endpoint's documentation say
    _words[key] = (chinese, english)
    return I18nData(key)


def translations() -> gr.I18n:
    """All that `both` has been told, for `launch`."""
    chinese, english = ({key: texts[place] for key, texts in _words.items()} for place in (0, 1))
    return gr.I18n(en=english, **dict.fromkeys(_CHINESE, chinese))
