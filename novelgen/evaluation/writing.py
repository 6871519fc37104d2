"""What a model's own writing is like: texts written from sources spread over some pairs, and their measures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from novelgen.data.pairs import Pairs
from novelgen.decoding.generator import Generator
from novelgen.evaluation.text import copied, distinct, likeness, repeated


def spread(pairs: Pairs, count: int) -> np.ndarray:
    """The places of `count` pairs, or of all where they are fewer, evenly from the first to the last."""
    return np.linspace(0, len(pairs) - 1, min(count, len(pairs)), dtype=np.int64)


def measure_writing(
    generator: Generator,
    pairs: Pairs,
    count: int,
    training: Iterable[str] | None,
    options: Mapping[str, Any],
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, float]:
    """Writes from `count` sources, the n-th with the seed n higher, and measures, by name.

    `options` are fields of DecodingConfig, the seed among them. `training` are the lines that the model was trained on; without
    them copying is not measured. `tell` hears after every source how many are done, and of how many.
    """
    places = spread(pairs, count)
    written, truth = [], []
    for number, (source, target) in enumerate(
        pairs.texts(places, generator.tokenizer, generator.source_tokenizer)
    ):
        for generation in generator.candidates(
            source, **{**options, "seed": options["seed"] + number}
        ):
            written.append(generation.text)
            truth.append(target)
        tell(number + 1, len(places))
    found = {
        "distinct_1": distinct(written, 1),
        "distinct_2": distinct(written, 2),
        "repeated_4grams": repeated(written),
        **likeness(written, truth),
    }
    return found if training is None else {**found, "copied_8grams": copied(written, training)}
