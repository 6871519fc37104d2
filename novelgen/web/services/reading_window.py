"""Which part of the manuscript a run reads, told to the browser, which marks it on the sheet."""

from __future__ import annotations

import json
from typing import NamedTuple

from novelgen.config import Config
from novelgen.data.tasks import trained_task
from novelgen.errors import NovelgenError
from novelgen.web import limits
from novelgen.web.services.model_registry import ModelRegistry


class ReadingWindow(NamedTuple):
    """What a run reads of a manuscript."""

    # Paragraphs at the manuscript's end, at its beginning where the run writes backwards.
    paragraphs: int
    is_backwards: bool
    # A run of pairs reads a source, and no draft becomes a part of it.
    from_pairs: bool
    # Of a paragraph longer than this the run reads a part.
    segment: int
    # Characters of the manuscript that are looked at.
    characters: int = limits.PROMPT


def reading_window(registry: ModelRegistry, run: str | None, task: str | None) -> str:
    """The window of a run and its task as JSON; "" where the run cannot be opened."""
    try:
        config: Config = registry.run(run).load_info()["config"]
        is_backwards = trained_task(config.data, task) == "previous"
    except NovelgenError:
        return ""
    window = ReadingWindow(
        paragraphs=config.data.context_paragraphs,
        is_backwards=is_backwards,
        from_pairs=config.from_pairs,
        segment=config.text.segment_length,
    )
    return json.dumps(window._asdict())
