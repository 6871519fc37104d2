"""What was written: a paragraph with its attention, and the answer to a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from novelgen.decoding.history import History
from novelgen.decoding.logits import Rule
from novelgen.text.tokenizers import BOS


class Ruling(NamedTuple):
    """The rules that a paragraph was written by, and what stood before it."""

    rules: Mapping[str, Rule]  # by the options that turn them on, in their order
    history: History  # one row, nothing of the paragraph written yet


class BeamNode(NamedTuple):
    """A token that a beam kept for a step: its hypothesis lived on, ended or died there."""

    parent: int  # place in the step before; 0 in the first step
    token: str  # its label
    log_probability: float  # natural, of all tokens up to and with it
    ended: bool  # with it the hypothesis was finished


@dataclass(frozen=True)
class Paragraph:
    """A written paragraph of T tokens, a given opening included, for a source of S tokens."""

    text: str
    source_tokens: list[str]  # S labels of what it was written from
    tokens: list[str]  # T labels, EOS included where it was reached
    # T, natural, of the model itself, or of all that it was written with, as an n-gram model:
    # temperature 1, no rules.
    log_probabilities: list[float]
    # (T, S), a row sums to 1; (T, 0) from a model without attention.
    attention: NDArray[np.float32]
    # Σ log-probability / T ** length_penalty; of one that fills a gap, see `decoding.filling`.
    score: float
    finished: bool  # ended by itself, not by max_length
    source_ids: list[int]  # S: source_tokens as the model knows them
    ids: list[int]  # T: tokens as the model knows them
    first: int = BOS  # what the model read before them
    ngram_weight: float = 0.0  # of the n-gram model beside it
    cache_weight: float = 0.0
    # The segments before it, in tokens, where there was a cache of them.
    manuscript: Sequence[Sequence[int]] = ()
    # All that beam search kept, step by step; empty for other decoders.
    beam: Sequence[Sequence[BeamNode]] = ()
    ruling: Ruling | None = None  # None in the snapshots of a stream


@dataclass(frozen=True)
class Generation:
    """What was written for a prompt."""

    prompt: str
    paragraphs: list[Paragraph]
    seed: int
    finished: bool  # nothing follows any more; False in the snapshots of a stream
    notes: list[str]  # lines for the user about how the request was understood, translated
    # What the paragraphs are to the prompt; those before it are in the order of their writing.
    task: str = "next"

    @property
    def text(self) -> str:
        """The paragraphs, one a line."""
        return "\n".join(paragraph.text for paragraph in self.paragraphs)

    @property
    def score(self) -> float:
        """The mean of the paragraphs' scores."""
        return sum(paragraph.score for paragraph in self.paragraphs) / len(self.paragraphs)
