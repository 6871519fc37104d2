"""Errors that a visitor can fix, as the page shows them: a toast in the visitor's language."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from novelgen.errors import NovelgenError
from novelgen.i18n import N_, _
from novelgen.options import flag
from novelgen.web.services.decoding import SETTINGS

# What the page calls the options of the command line, which the messages name.
LABELS = {
    "--prompt": N_("Prompt"),
    "--prefix": N_("Opening of the next paragraph"),
    **{flag(name): setting.label for name, setting in SETTINGS.items()},
    "--n-best": N_("Candidates"),
    "--paragraphs": N_("Paragraphs in one go"),
    "--encoding": N_("Encoding"),
    "--errors": N_("Leave out what cannot be decoded"),
    "--simplify": N_("Traditional to Simplified Chinese"),
    "--keep-site-lines": N_("Keep adverts, notes and marks of sites"),
}
_OPTION = re.compile(r"--[a-z]+(?:-[a-z]+)*")


@contextmanager
def errors_as_toasts() -> Iterator[None]:
    """Within the block, an error that the visitor can fix becomes one toast, as text.

    So does any other failure, whose cause goes to the log only. To be entered within a `localized`
    handler, in whose language the toast is.
    """
    try:
        yield
    except NovelgenError as error:
        # Gradio renders a message as HTML.
        text = html.escape(as_on_the_page(str(error)), quote=False)
        raise gr.Error(text, title=_("Not possible"), print_exception=False) from None
    except gr.Error:  # a toast already
        raise
    except Exception as error:  # Gradio itself would say nothing about it on the page
        text = _("the program failed; its log has the cause")
        raise gr.Error(text, title=_("Error")) from error


def as_on_the_page(message: str) -> str:
    """A message with the page's own labels for options; an option without a label stays."""
    return _OPTION.sub(lambda option: _label(option[0]), message)


def _label(option: str) -> str:
    if option not in LABELS:
        return option
    return f"“{_(LABELS[option])}”"
