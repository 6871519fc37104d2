"""How a file lays out its paragraphs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """A file's form. `markdown`: a line that starts with # is a heading."""

    markdown: bool = False

    def restore(self, text: str) -> str:
        """One paragraph a line."""
        return text
