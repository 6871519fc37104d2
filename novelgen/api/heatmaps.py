"""The paragraphs whose attention a report draws: chosen to be read, and kept as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from novelgen.data.tasks import trained_task
from novelgen.decoding.generator import Generator
from novelgen.decoding.results import Paragraph

_LONGEST_SOURCE = 60  # in characters
# The characters of source and text that make a heatmap of which two stand on a page.
_FITTING_SOURCE = range(8, 46)
_FITTING_TEXT = range(12, 29)


def written_to_draw(generator: Generator, sources: Iterable[str], count: int) -> list[Paragraph]:
    """At most `count` paragraphs, written after some of the `sources`, of fitting lengths first.

    Of a novel, after the nearest paragraph of a source alone: all of them make no heatmap that one
    can read.
    """
    fitting: list[Paragraph] = []
    others: list[Paragraph] = []
    nearest = 0 if trained_task(generator.config.data) == "previous" else -1
    for source in sources:
        if not generator.config.from_pairs:
            source = source.split("\n")[nearest]
        if len(source) > _LONGEST_SOURCE:
            continue
        paragraph = generator.generate(source, seed=1).paragraphs[0]
        if len(source) in _FITTING_SOURCE and len(paragraph.text) in _FITTING_TEXT:
            fitting.append(paragraph)
        elif paragraph.text:
            others.append(paragraph)
        if len(fitting) == count:
            break
    return [*fitting, *others][:count]


def to_data(paragraph: Paragraph) -> dict[str, Any]:
    """A paragraph as plain data, as far as its heatmap needs it."""
    return {
        "text": paragraph.text,
        "source_tokens": paragraph.source_tokens,
        "tokens": paragraph.tokens,
        "attention": np.round(paragraph.attention.astype(float), 4).tolist(),
    }


def from_data(data: Mapping[str, Any]) -> Paragraph:
    """The inverse of `to_data`; what a heatmap does not need is empty."""
    return Paragraph(
        data["text"],
        data["source_tokens"],
        data["tokens"],
        [],
        np.array(data["attention"], dtype=np.float32),
        0.0,
        True,
        [],
        [],
    )
