"""What a model wrote, in numbers: the measures of one text, or of many together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from novelgen.data.pairs import Pairs
from novelgen.decoding.results import Generation
from novelgen.evaluation.text import distinct, divergence, likeness, repeated


@dataclass(frozen=True)
class Measures:
    """The measures of some texts, all counted together; None is what is not known."""

    # Natural, per character, EOS included: Σ log p / Σ characters. It is of the model itself, at
    # temperature 1 and without rules, whatever the text was written with; of the n-gram model and
    # the cache too where they had a weight. None where nothing was written.
    log_probability: float | None
    distinct_1: float
    distinct_2: float
    repeated_4grams: float
    length: float  # the mean, in characters
    finished: float  # the share of paragraphs that ended by themselves, not by the length limit
    copied_8grams: float | None = None  # None where the training text is not there
    bleu: float | None = None  # both against the true texts, 0..100
    chrf: float | None = None
    # Of bigrams, in bits, 0..1; against all true texts together.
    divergence: float | None = None

    def known(self) -> dict[str, float]:
        """The measures that are known, by name."""
        found = dataclasses.asdict(self)
        return {name: value for name, value in found.items() if value is not None}


def spread(pairs: Pairs, count: int) -> npt.NDArray[np.int64]:
    """The places of `count` pairs, or of all if fewer, evenly from the first to the last."""
    return np.linspace(0, len(pairs) - 1, min(count, len(pairs)), dtype=np.int64)


def measure(
    generations: Sequence[Generation],
    truth: Sequence[str] | None = None,
    copied_8grams: float | None = None,
) -> Measures:
    """The measures of texts, with `truth`, one for each text, also their likeness to it.

    `copied_8grams` takes a while with a large training text: `copied` and `copying` measure it.
    """
    texts = [generation.text for generation in generations]
    paragraphs = [paragraph for each in generations for paragraph in each.paragraphs]
    characters = sum(len(paragraph.text) for paragraph in paragraphs)
    log_probability = None
    if characters:
        total = sum(sum(paragraph.log_probabilities) for paragraph in paragraphs)
        log_probability = total / characters
    compared = likeness(texts, truth) if truth else {}
    return Measures(
        log_probability=log_probability,
        distinct_1=distinct(texts, 1),
        distinct_2=distinct(texts, 2),
        repeated_4grams=repeated(texts),
        length=characters / len(texts) if texts else 0.0,
        finished=sum(each.finished for each in paragraphs) / max(len(paragraphs), 1),
        copied_8grams=copied_8grams,
        **compared,
        divergence=divergence(texts, truth) if truth else None,
    )
