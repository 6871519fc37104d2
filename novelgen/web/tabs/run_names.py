"""What the page calls its models: a run by its folder's name, the base model by its own."""

from __future__ import annotations

from novelgen.errors import CheckpointError
from novelgen.i18n import _
from novelgen.report.card import headline
from novelgen.training.run_directory import RunDirectory
from novelgen.web.language import BrowserText
from novelgen.web.services.model_registry import BASE, ModelRegistry

# A label and the name behind it.
Choice = tuple[str | BrowserText, str]


def choices(registry: ModelRegistry) -> list[Choice]:
    """The models to choose from, for a dropdown: with validation and date.

    To be called within a `localized` handler; what the page is built with is replaced when it is
    opened.
    """
    return [(_label(name, run), name) for name, run in registry.runs().items()]


def _label(name: str, run: RunDirectory) -> str:
    try:
        return f"{shown_name(name)} · {headline(run)}"
    except CheckpointError:
        # Whoever chooses it is told what is wrong with it.
        return shown_name(name)


def shown_name(name: str | None) -> str:
    """A model's name in the visitor's language; empty where there is none."""
    if name == BASE:
        return _("base model")
    return name or ""
