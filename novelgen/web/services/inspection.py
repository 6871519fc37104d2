"""What is asked of a model about a paragraph that it wrote, and the paragraph written again."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any, TypeAlias

from novelgen.attribution.pinned import Pins
from novelgen.decoding.inspection import Alternative, Place
from novelgen.web.services import streaming
from novelgen.web.services.attention import Shown, ended, is_end
from novelgen.web.services.model_registry import ModelRegistry

# Seconds between signs of life. Gradio notices only then that a visitor has left.
_HEARTBEAT = 0.25

# How many other tokens are offered at a place.
ALTERNATIVES = 10

# It is a generator and no mere iterator: closing it stops the model.
Inspection: TypeAlias = Generator[Shown | None, None, None]


def inspect_paragraph(
    registry: ModelRegistry, shown: Shown, clock: Callable[[], float] = time.monotonic
) -> Inspection:
    """The paragraph with what the model expected at every token, as the last item.

    Before it comes None several times a second, by `clock`, as a sign of life. Raises
    CheckpointError when the model has been replaced. Closing the stream frees the model.
    """
    places: list[Place] = []
    last_sign = clock()
    generator = streaming.generator_of(registry, shown.result)
    with closing(generator.inspect(shown.paragraph, ALTERNATIVES)) as stream:
        for place in stream:
            places.append(place)
            if clock() - last_sign >= _HEARTBEAT:
                yield None
                last_sign = clock()
    yield shown._replace(places=places)


def chosen_alternative(
    shown: Shown | None, asked: dict[str, Any]
) -> tuple[int, Alternative | None]:
    """The place and the alternative that were clicked.

    None where the model cannot go on from it, or where the browser sent anything else.
    """
    place = asked.get("place")
    number = asked.get("alternative")
    if shown is None or shown.places is None:
        return 0, None
    if not isinstance(place, int) or not 0 <= place < len(shown.places):
        return 0, None
    alternatives = shown.places[place].alternatives
    if not isinstance(number, int) or not 0 <= number < len(alternatives):
        return 0, None
    alternative = alternatives[number]
    if not alternative.opening:
        return place, None
    return place, alternative


def rewritten(
    registry: ModelRegistry,
    shown: Shown,
    place: int,
    alternative: Alternative,
    pins: Pins | None = None,
) -> streaming.ResultStream:
    """Snapshots of the paragraph from an alternative on; an end needs no model.

    Raises NovelgenError.
    """
    if is_end(alternative):
        yield ended(shown, place, alternative)
        return
    yield from streaming.write_from(
        registry,
        shown.result,
        shown.candidate,
        shown.number,
        alternative.opening or "",
        pins=pins,
    )
