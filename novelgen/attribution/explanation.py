"""Why a paragraph was written as it was: all views of it, beside each other.

S source positions, T written tokens, U parts of the source.
"""

from __future__ import annotations

from collections import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from novelgen.attribution.agreement import rank_correlation
from novelgen.attribution.forced import Floats, Written, log_probs_given
from novelgen.attribution.gradients import gradient_times_input
from novelgen.attribution.source import (
    characters_of,
    log_probs_without,
    sentences_of,
    words_of,
)
from novelgen.decoding.generator import Generator
from novelgen.decoding.results import Paragraph
from novelgen.models.zoo import attends
from novelgen.text.prompt import clean_prompt, plain_prompt
from novelgen.text.tokenizers import EOS

# Decimals in a file: a thousandth of a bit is less than rounding does.
_DECIMALS = 4


@dataclass(frozen=True)
class Parts:
    """Parts of the source, and what each did for every token when it was left out."""

    texts: list[str]  # U
    positions: list[list[int]]  # U lists of source positions
    effects: Floats  # (T, U) bits that the token loses without the part


@dataclass(frozen=True)
class Explanation:
    """What the network made of the source for each token of a paragraph, in bits.

    The network alone: what an n-gram model, a cache and the rules of decoding added is not in it.
    """

    source_tokens: list[str]  # S labels
    tokens: list[str]  # T labels
    surprise: Floats  # (T,) −log₂ p(y|x)
    information: Floats  # (T,) what the source saved, P-CXMI; see `information_of_source`
    attention: Floats  # (T, S) weights; (T, 0) from a model without attention
    gradient: Floats  # (T, S) gradient × input
    characters: Parts
    words: Parts
    sentences: Parts

    @property
    def agreement(self) -> dict[str, float]:
        """Spearman's rank correlation of every two views over the source's characters, the mean.

        Of the views with a sign the amounts are compared with weights, which have none. A pair
        without anything to compare is left out: a source of one character, no attention.
        """
        positions = self.characters.positions
        gradient = summed(self.gradient, positions)
        effects = self.characters.effects
        pairs = {"gradient, leaving out": (gradient, effects)}
        if self.attention.shape[1]:
            weights = summed(self.attention, positions)
            pairs["attention, gradient"] = (weights, abs(gradient))
            pairs["attention, leaving out"] = (weights, abs(effects))
        found = {name: rank_correlation(*pair) for name, pair in pairs.items()}
        return {
            name: float(np.nanmean(values))
            for name, values in found.items()
            if not np.isnan(values).all()
        }

    def to_dict(self) -> dict[str, Any]:
        """As plain data for a JSON file."""
        return {
            "source_tokens": self.source_tokens,
            "tokens": self.tokens,
            "surprise_bits": _rounded(self.surprise),
            "source_information_bits": _rounded(self.information),
            "attention": _rounded(self.attention),
            "gradient_times_input_bits": _rounded(self.gradient),
            "left_out": {
                name: {
                    "texts": parts.texts,
                    "positions": parts.positions,
                    "bits": _rounded(parts.effects),
                }
                for name, parts in self.parts.items()
            },
            "rank_correlation": {
                name: round(value, _DECIMALS) for name, value in self.agreement.items()
            },
        }

    @property
    def parts(self) -> dict[str, Parts]:
        """What was left out, by the name of the unit."""
        return {
            "characters": self.characters,
            "words": self.words,
            "sentences": self.sentences,
        }


def explain(generator: Generator, paragraph: Paragraph, other: str = "") -> Explanation:
    """Why `generator` wrote `paragraph`, which must be one of its own.

    `other` is the text that the source is compared with; none by default. Takes seconds for a
    source and a paragraph of a hundred characters each.
    """
    *_steps, explanation = explaining(generator, paragraph, other)
    assert explanation is not None
    return explanation


def explaining(
    generator: Generator, paragraph: Paragraph, other: str = ""
) -> abc.Generator[Explanation | None, None, None]:
    """Computes what `explain` returns, view by view: None after each, then the explanation."""
    network = generator.network
    device = generator.device
    written = Written(paragraph.source_ids, paragraph.ids, paragraph.first)
    tokenizer = generator.source_tokenizer
    attention = paragraph.attention
    if not attends(generator.config.model):
        attention = np.zeros((len(written.tokens), 0), np.float32)
    sources = [written.source, source_ids(generator, other)]
    with_source, with_other = log_probs_given(network, written, sources, device)
    yield None
    gradient = gradient_times_input(network, written, device)
    yield None
    parts = []
    for positions in (
        characters_of(written.source),
        words_of(written.source, tokenizer),
        sentences_of(written.source, tokenizer),
    ):
        texts = [tokenizer.decode(written.source[place] for place in part) for part in positions]
        without = log_probs_without(network, written, positions, device)  # (U, T)
        parts.append(Parts(texts, positions, (with_source - without).T))
        yield None
    yield Explanation(
        paragraph.source_tokens,
        paragraph.tokens,
        -with_source,
        with_source - with_other,
        attention,
        gradient,
        *parts,
    )


def source_ids(generator: Generator, text: str) -> list[int]:
    """A text as the model reads a source; without any text an end mark alone."""
    if generator.config.from_pairs:
        segments = plain_prompt(text)
    else:
        segments = clean_prompt(text, generator.config.text)
    segments = segments[-generator.config.data.context_paragraphs :]
    encode = generator.source_tokenizer.encode
    return [token for segment in segments for token in (*encode(segment), EOS)] or [EOS]


def summed(values: Floats, positions: Sequence[Sequence[int]]) -> Floats:
    """(T, U): the sums of (T, S) over U lists of positions."""
    if not positions:
        return np.zeros((len(values), 0))
    return np.stack([values[:, list(part)].sum(1) for part in positions], axis=1)


def _rounded(values: Floats) -> Any:
    return np.round(np.asarray(values, dtype=np.float64), _DECIMALS).tolist()
