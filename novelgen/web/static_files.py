"""The scripts, styles and pictures that the browser gets."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).with_name("static")


def read(name: str) -> str:
    """The text of a file in static/."""
    return (FOLDER / name).read_text(encoding="utf-8")
