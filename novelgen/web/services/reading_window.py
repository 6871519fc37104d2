"""Which part of the manuscript a run reads; the browser marks it on the sheet."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from novelgen.config import Config
from novelgen.data.tasks import trained_task
from novelgen.errors import NovelgenError
from novelgen.text.prompt import clean_prompt, plain_prompt
from novelgen.web import limits
from novelgen.web.services.model_registry import ModelRegistry

# Characters beyond the longest segments that the browser sends along, of lines cut by cleaning.
_MARGIN = 200


class ReadingWindow(NamedTuple):
    """What a run reads of a manuscript."""

    # Segments at the manuscript's end, at its beginning where the run writes backwards.
    segments: int
    is_backwards: bool
    # A run of pairs reads a source, and no draft becomes a part of it.
    from_pairs: bool
    # Characters of the manuscript that have to be looked at to see what is read.
    reach: int


class ReadPart(NamedTuple):
    """What is read of a text: from the character `start` to `end`, which is behind it."""

    start: int
    end: int
    # How many segments that is, and whether they are all that there are.
    segments: int
    is_all: bool


def reading_window(registry: ModelRegistry, run: str | None, task: str | None) -> str:
    """The window of a run and its task as JSON; "" where the run cannot be opened."""
    try:
        config: Config = registry.run(run).load_info()["config"]
        is_backwards = _is_backwards(config, task)
    except NovelgenError:
        return ""
    count = config.data.context_paragraphs
    reach = (count + 1) * (config.text.segment_length + _MARGIN)
    window = ReadingWindow(count, is_backwards, config.from_pairs, min(reach, limits.PROMPT))
    return json.dumps(window._asdict())


def _is_backwards(config: Config, task: str | None) -> bool:
    return trained_task(config.data, task) == "previous"


def read_part(config: Config, text: str, task: str | None = None) -> ReadPart:
    """What a run with this configuration reads of `text`, as GenerationSession cuts it.

    A line that is longer than a segment may be read in part.
    """
    wanted = config.data.context_paragraphs
    is_backwards = _is_backwards(config, task)
    start, end, count = 0, 0, 0
    is_all = True
    for offset, line in _lines(text, is_backwards):
        segments = _segments(config, line)
        if not segments:
            continue
        if count == wanted:
            is_all = False
            break
        taken = segments[: wanted - count] if is_backwards else segments[count - wanted :]
        is_all = len(taken) == len(segments)
        # Cleaning moves spaces only within a line: the other characters tell the place.
        size = sum(len(_without_spaces(segment)) for segment in taken)
        first, last = _span(line, size, is_backwards)
        start = offset + first if count == 0 or not is_backwards else start
        end = offset + last if count == 0 or is_backwards else end
        count += len(taken)
        if not is_all:
            break
    return ReadPart(start, end, count, is_all)


def _lines(text: str, is_backwards: bool) -> Iterable[tuple[int, str]]:
    """(offset, line) of all lines: those that are read first come first."""
    found = []
    offset = 0
    for line in text.split("\n"):
        found.append((offset, line))
        offset += len(line) + 1
    return found if is_backwards else reversed(found)


def _segments(config: Config, line: str) -> list[str]:
    if config.from_pairs:
        return plain_prompt(line)
    return clean_prompt(line, config.text)


def _span(line: str, size: int, from_start: bool) -> tuple[int, int]:
    """Where the first, or the last, `size` characters of a line stand that are no spaces."""
    places = [place for place, character in enumerate(line) if not character.isspace()]
    chosen = places[:size] if from_start else places[-size:]
    return chosen[0], chosen[-1] + 1


def _without_spaces(text: str) -> str:
    return "".join(text.split())
