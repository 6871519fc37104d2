"""The language that a person reads: English messages in the code, one Chinese catalogue beside it.

Every text that a person sees is an English message passed through gettext:

    raise CorpusError(_("{path}: the file is empty").format(path=path))
    ngettext("{count} chapter", "{count} chapters", count).format(count=count)

A message is a whole sentence with named placeholders, never glued from pieces. What stands at the
head of a module, before the language is known, is marked with `N_` and translated where it is
shown: `_(option.help)`.

Which language is shown (`en`, or `zh` for Chinese): `--lang`, else the environment variable
NOVELGEN_LANG, else the locale. A page speaks each visitor's own language: `use_language` holds for
one request.

`novelgen/locale/update.py` extracts the messages and compiles the catalogue.
"""

from __future__ import annotations

import ctypes
import gettext as _gettext
import locale
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path

LANGUAGES = ("zh", "en")
VARIABLE = "NOVELGEN_LANG"
DOMAIN = "novelgen"
LOCALE_DIR = Path(__file__).with_name("locale")

# What gettext calls our languages; English needs no catalogue.
_CATALOGUES = {"zh": "zh_CN", "en": "en"}
# Where POSIX looks for the language of messages, first to last.
_LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
# A locale that names no language.
_NEUTRAL_LOCALES = ("C", "POSIX")

# The language of the request that is being answered; None outside of one.
_request_language: ContextVar[str | None] = ContextVar("request_language", default=None)
# The language of the process; None until it is first asked for or set.
_process_language: str | None = None


def _(message: str) -> str:
    """The translation of an English message into the language that is shown."""
    return _translations(language()).gettext(message)


def N_(message: str) -> str:  # noqa: N802  (its name in gettext's manual)
    """Marks a message for the catalogue and returns it as it is; `_` translates it where shown."""
    return message


def ngettext(singular: str, plural: str, count: int) -> str:
    """The translation of the singular or the plural message, as `count` asks for."""
    return _translations(language()).ngettext(singular, plural, count)


def pgettext(context: str, message: str) -> str:
    """The translation of a short English message whose meaning depends on the context."""
    return _translations(language()).pgettext(context, message)


def join_list(items: Iterable[str]) -> str:
    """The items as a list within a sentence, with the comma of the language that is shown."""
    return pgettext("between the items of a list", ", ").join(items)


def language() -> str:
    """The language that is shown here and now: "zh" or "en"."""
    global _process_language
    requested = _request_language.get()
    if requested is not None:
        return requested
    if _process_language is None:
        _process_language = detect_language(os.environ)
    return _process_language


def set_language(name: str) -> None:
    """Makes "zh" or "en" the language of this process, and of those that it starts."""
    global _process_language
    _process_language = name
    os.environ[VARIABLE] = name
    # argparse translates through gettext's own functions, which ask LANGUAGE.
    os.environ["LANGUAGE"] = _CATALOGUES[name]
    _gettext.bindtextdomain(DOMAIN, LOCALE_DIR)
    _gettext.textdomain(DOMAIN)


@contextmanager
def use_language(name: str) -> Iterator[None]:
    """Makes "zh" or "en" the language within the block, for this thread or task alone."""
    token = _request_language.set(name)
    try:
        yield
    finally:
        _request_language.reset(token)


def detect_language(environment: Mapping[str, str]) -> str:
    """The language that NOVELGEN_LANG names, else the locale; Chinese where neither names any."""
    named = environment.get(VARIABLE, "").strip()
    if named:
        return language_of(named)
    for variable in _LOCALE_VARIABLES:
        # zh_CN.UTF-8@stroke: behind the name stand the encoding and a modifier.
        value = environment.get(variable, "").partition(".")[0].partition("@")[0]
        if value in _NEUTRAL_LOCALES:
            return "zh"
        if value:
            return language_of(value)
    return language_of(_windows_locale())


def language_of(tag: str) -> str:
    """The one of our languages for a tag such as zh_CN, zh-Hant, en-US or fr.

    Chinese for the empty one, English for all other languages.
    """
    primary = tag.replace("_", "-").lower().split("-")[0]
    if not tag or primary in ("zh", "chinese"):
        return "zh"
    return "en"


def catalogue(name: str) -> _gettext.NullTranslations:
    """All translations into "zh" or "en": for the page, whose texts a browser translates."""
    return _translations(name)


@lru_cache(maxsize=len(LANGUAGES))
def _translations(name: str) -> _gettext.NullTranslations:
    if name == "en":
        return _gettext.NullTranslations()
    return _gettext.translation(DOMAIN, LOCALE_DIR, languages=[_CATALOGUES[name]])


def _windows_locale() -> str:
    """The language that Windows shows, such as "zh_CN"; the empty string on other systems."""
    if sys.platform == "win32":
        number = ctypes.windll.kernel32.GetUserDefaultUILanguage()
        return locale.windows_locale.get(number, "")
    return ""
