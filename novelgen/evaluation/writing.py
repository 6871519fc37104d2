"""Texts that a model writes from sources spread over some pairs, and their measures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from novelgen.data.pairs import Pairs
from novelgen.decoding.generator import Generator
from novelgen.evaluation.text import copied, distinct, likeness, repeated


def spread(pairs: Pairs, count: int) -> npt.NDArray[np.int64]:
    """The places of `count` pairs, or of all if fewer, evenly from the first to the last."""
    return np.linspace(0, len(pairs) - 1, min(count, len(pairs)), dtype=np.int64)


def measure_writing(
    generator: Generator,
    pairs: Pairs,
    count: int,
    training: Iterable[str] | None,
    options: Mapping[str, Any],
    tell: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    """Writes from `count` sources, the n-th with the seed n higher, and measures, by name.

    `options` are fields of DecodingConfig, the seed among them. `training` are the lines that the
    model was trained on; without them copying is not measured. After every source `tell` is called
    with how many are done, and of how many.
    """
    # 1. The texts, and the true ones that they are compared with.
    places = spread(pairs, count)
    texts = pairs.texts(places, generator.tokenizer, generator.source_tokenizer)
    written = []
    truth = []
    for number, (source, target) in enumerate(texts):
        numbered = {**options, "seed": options["seed"] + number}
        for generation in generator.candidates(source, **numbered):
            written.append(generation.text)
            truth.append(target)
        if tell is not None:
            tell(number + 1, len(places))

    # 2. Their measures.
    measures = {
        "distinct_1": distinct(written, 1),
        "distinct_2": distinct(written, 2),
        "repeated_4grams": repeated(written),
        **likeness(written, truth),
    }
    if training is not None:
        measures["copied_8grams"] = copied(written, training)
    return measures
