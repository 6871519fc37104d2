"""The scripts, styles and pictures that the browser gets."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).with_name("static")


def read(*names: str) -> str:
    """The text of a file in static/; of several, one script in their order."""
    return "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in names)
