"""The loss of every pair: perplexities with and without the ends of paragraphs, and intervals.

n pairs. What is divided is summed first: a long paragraph counts for more than a short one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from torch import device, nn

from novelgen.data.pairs import Pairs
from novelgen.training.hardware import tune_malloc
from novelgen.training.loss import evaluation_plan, perplexity_of, token_log_probs

Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

# What `PairLosses.figures` has.
FIGURES = (
    "bits_per_character",
    "bits_per_character_interval",
    "bits_per_character_without_end",
    "character_perplexity",
    "character_perplexity_without_end",
    "perplexity",
    "perplexity_without_end",
)
CONFIDENCE = 0.95
_RESAMPLES = 2000
_FEWEST_RESAMPLES = 200
_SEED = 1
# Pairs that are drawn, of all resamples together: a few seconds; and at a time: 40 MB of places.
_MOST_DRAWN = 200_000_000
DRAWN_AT_ONCE = 5_000_000


class Interval(NamedTuple):
    """Where a figure lies with CONFIDENCE."""

    low: float
    high: float


@dataclass(frozen=True)
class PairLosses:
    """What every pair costs, in the order of the pairs."""

    nll: Float64s  # (n,) Σ −ln p of the target's tokens, EOS counted
    end_nll: Float64s  # (n,) −ln p of EOS alone
    token_counts: Int64s  # (n,) of the targets, EOS counted
    character_counts: Int64s  # (n,) of the targets; EOS is none

    def __len__(self) -> int:
        return len(self.nll)

    def subset(self, chosen: npt.NDArray[Any]) -> PairLosses:
        """Those of some pairs, by a mask (n,) or by places."""
        return PairLosses(
            self.nll[chosen],
            self.end_nll[chosen],
            self.token_counts[chosen],
            self.character_counts[chosen],
        )

    def figures(self) -> dict[str, Any]:
        """All that is said of how well a model predicts, by name, but the counts."""
        return {name: getattr(self, name) for name in FIGURES}

    @property
    def pairs(self) -> int:
        """How many pairs there are."""
        return len(self)

    @property
    def tokens(self) -> int:
        """Target tokens, EOS counted."""
        return int(self.token_counts.sum())

    @property
    def characters(self) -> int:
        """Target characters."""
        return int(self.character_counts.sum())

    @property
    def bits_per_character(self) -> float:
        """Σ −log₂ p(target tokens and EOS) / target characters: comparable across tokenizers."""
        return float(self.nll.sum()) / math.log(2) / max(self.characters, 1)

    @property
    def bits_per_character_without_end(self) -> float:
        """The same without the bits of EOS."""
        return float((self.nll - self.end_nll).sum()) / math.log(2) / max(self.characters, 1)

    @property
    def perplexity(self) -> float:
        """Of a token, EOS counted among them; not comparable across tokenizers."""
        return perplexity_of(float(self.nll.sum()), self.tokens)

    @property
    def perplexity_without_end(self) -> float:
        """Of a token, without EOS."""
        nll = float((self.nll - self.end_nll).sum())
        return perplexity_of(nll, self.tokens - self.pairs)

    @property
    def character_perplexity(self) -> float:
        """2 to the power of BPC: of a character, which bears its share of the end's loss."""
        return perplexity_of(float(self.nll.sum()), self.characters)

    @property
    def character_perplexity_without_end(self) -> float:
        """Of a character, without the loss of EOS."""
        return perplexity_of(float((self.nll - self.end_nll).sum()), self.characters)

    @property
    def bits_per_character_interval(self) -> Interval:
        """That of the BPC, by a bootstrap over pairs."""
        return bootstrap(self.nll / math.log(2), self.character_counts)


def pair_losses(model: nn.Module, pairs: Pairs, *, batch_tokens: int, device: device) -> PairLosses:
    """The loss of every pair; `model` is in evaluation mode."""
    tune_malloc()
    plan = evaluation_plan(pairs, batch_tokens)
    log_probs = (token_log_probs(model, pairs.batch(indices), device) for indices in plan)
    return losses_of(pairs, plan, log_probs)


def losses_of(
    pairs: Pairs, plan: Sequence[npt.NDArray[np.int64]], log_probs: Iterable[Float64s]
) -> PairLosses:
    """The losses of pairs, of ln p (N,) of the target tokens of each batch of a plan."""
    nll = np.zeros(len(pairs))
    end_nll = np.zeros(len(pairs))
    lengths = pairs.target_lengths.astype(np.int64)
    for indices, found in zip(plan, log_probs, strict=True):
        ends = np.cumsum(lengths[indices])  # (B,)
        # A target has at least its EOS, so that no row is empty.
        nll[indices] = -np.add.reduceat(found, ends - lengths[indices])
        end_nll[indices] = -found[ends - 1]
    return PairLosses(nll, end_nll, lengths, pairs.target_characters.astype(np.int64))


def bootstrap(sums: Float64s, counts: Int64s) -> Interval:
    """The interval of Σ sums / Σ counts (n,) by resampling the pairs (Efron 1979, percentiles).

    Of the difference of two models on the same pairs `sums` are the differences: pairs that are
    hard for both do not widen it. Always the same draws.
    """
    count = len(sums)
    chance = np.random.default_rng(_SEED)
    resamples = min(_RESAMPLES, max(_FEWEST_RESAMPLES, _MOST_DRAWN // count))
    rows = max(1, DRAWN_AT_ONCE // count)
    found: list[Float64s] = []
    for first in range(0, resamples, rows):
        places = chance.integers(0, count, (min(rows, resamples - first), count))
        found.append(sums[places].sum(1) / np.maximum(counts[places].sum(1), 1))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.concatenate(found), [tail, 1 - tail])
    return Interval(float(low), float(high))
