"""What a draft was written for: the manuscript by its size and checksum, task, model and seeds.

The browser keeps it as a text beside the drafts, so that a reload loses nothing of it.
"""

from __future__ import annotations

import json
import zlib
from typing import Any, NamedTuple

from novelgen.web.services.streaming import GenerationResult


class DraftSource(NamedTuple):
    """Where the drafts come from."""

    # Bytes of the manuscript that they continue, in UTF-8, and their CRC-32.
    size: int
    crc: int
    # "next", or "previous" of drafts that stand before the manuscript.
    task: str = "next"
    run: str = ""
    seeds: tuple[int, ...] = ()

    def is_of(self, manuscript: str) -> bool:
        """Whether the drafts were written for this manuscript."""
        return _fingerprint(manuscript) == (self.size, self.crc)

    def as_text(self) -> str:
        """The text from which `source_from_text` makes this again; static/buttons.js reads it."""
        return json.dumps(self._asdict(), ensure_ascii=False)


def source_of(result: GenerationResult) -> DraftSource:
    """Of the drafts that a result consists of."""
    first = result.generations[0]
    seeds = tuple(generation.seed for generation in result.generations)
    return DraftSource(*_fingerprint(result.manuscript), first.task, result.run, seeds)


def source_from_text(text: str | None) -> DraftSource | None:
    """From what the browser has kept; None where that is nothing, or nothing that is known."""
    try:
        values: dict[str, Any] = json.loads(text or "{}")
        size, crc = int(values["size"]), int(values["crc"])
        seeds = tuple(map(int, values["seeds"]))
        return DraftSource(size, crc, str(values["task"]), str(values["run"]), seeds)
    except (ValueError, KeyError, TypeError):
        return None


def _fingerprint(text: str) -> tuple[int, int]:
    # A browser's text may hold half of a surrogate pair.
    encoded = text.encode("utf-8", errors="replace")
    return len(encoded), zlib.crc32(encoded)
