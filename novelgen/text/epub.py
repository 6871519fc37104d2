"""The text of an EPUB book."""
from __future__ import annotations
from collections.abc import Iterator
from pathlib import Path


def epub_text(path: Path) -> Iterator[str]:
    """The book's text in reading order."""
    raise NotImplementedError
    yield ""
