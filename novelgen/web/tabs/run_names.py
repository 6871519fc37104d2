"""What the page calls its models: a run by its folder's name, the base model by its own."""

from __future__ import annotations

from novelgen.i18n import _
from novelgen.web.language import BrowserText, browser_text
from novelgen.web.services.model_registry import BASE, ModelRegistry

_BASE_LABEL = browser_text("base model")

# A label, which the browser translates, and the name behind it.
Choice = tuple[str | BrowserText, str]


def choices(registry: ModelRegistry) -> list[Choice]:
    """The models to choose from, for a dropdown."""
    return [(_BASE_LABEL if name == BASE else name, name) for name in registry.runs()]


def shown_name(name: str | None) -> str:
    """A model's name in the visitor's language; empty where there is none."""
    if name == BASE:
        return _("base model")
    return name or ""
