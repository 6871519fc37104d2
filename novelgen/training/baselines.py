"""What counting alone reaches on the held-out text, beside which a network's BPC means something.

Unigram, bigram and trigram: the models of `novelgen.models.ngram` of orders 1 to 3, counted on the
targets of the training part. Of order 1 are the relative frequencies, discounted by modified
Kneser-Ney, and what the discounts take is shared out evenly among all tokens. They see the target
so far and nothing of the source. Their BPC is a network's: the end of a paragraph is a token to
predict, and no character to divide by.

n pairs of the validation part.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from novelgen.data.pairs import Pairs
from novelgen.errors import NovelgenError
from novelgen.i18n import N_, _
from novelgen.models.ngram import NgramModel
from novelgen.training.interpolation import count_ngrams, target_tokens
from novelgen.training.stores import Data

Float64s = NDArray[np.float64]

# By order. The names are keys of config.json too.
NAMES = (N_("unigram"), N_("bigram"), N_("trigram"))

# Target tokens of a part that are measured, of a larger one a sample of its pairs: about a second.
MOST_MEASURED = 400_000


@dataclass(frozen=True)
class Baselines:
    """The BPC of each n-gram model, and what it is made of for the validation part."""

    by_part: Mapping[str, Mapping[str, float]]  # name → part → BPC, as in config.json
    is_sample: bool  # whether a part was too large to be measured whole
    nll: Mapping[str, Float64s]  # name → (n,) Σ −ln p of each target; NaN where not measured
    characters: NDArray[np.int64]  # (n,)
    places: NDArray[np.int64]  # (n,) the pairs in the order in which samples take them

    @classmethod
    def kept(cls, info: Mapping[str, Any], nll: Mapping[str, Float64s], valid: Pairs) -> Baselines:
        """Those of a run: `info` is its config.json, `valid` the validation pairs of its data."""
        is_sample = info.get("baselines_are_of_a_sample", False)
        return cls(info["baselines"], is_sample, nll, valid.target_characters, valid.sample_order())

    def of_sample(self, count: int) -> dict[str, float]:
        """The BPC of each model on the sample of `count` validation pairs."""
        chosen = self.places[:count]
        return {name: _bpc(nll[chosen], self.characters[chosen]) for name, nll in self.nll.items()}

    def record(self) -> dict[str, Any]:
        """What config.json keeps."""
        record: dict[str, Any] = {"baselines": self.by_part}
        if self.is_sample:
            record["baselines_are_of_a_sample"] = True
        return record

    def describe(self) -> str:
        """A line for the start of a training."""
        message = _(
            "for comparison, the validation part by counting: unigram {unigram:.3f}, bigram "
            "{bigram:.3f}, trigram {trigram:.3f} BPC"
        )
        if self.is_sample:
            message = _(
                "for comparison, a sample of the validation part by counting: unigram "
                "{unigram:.3f}, bigram {bigram:.3f}, trigram {trigram:.3f} BPC"
            )
        return message.format(**{name: parts["valid"] for name, parts in self.by_part.items()})


def baselines_of(data: Data) -> Baselines | None:
    """The baselines of what a run learns from; None where no part is held out."""
    if not data.holds_out:
        return None
    parts = {part: data.pairs(part) for part in ("train", "valid")}
    # A training needs no test part: it may have no pair, and that of a run may be gone.
    with contextlib.suppress(NovelgenError):
        parts["test"] = data.pairs("test")
    return measure_baselines(parts, data.tokenizer.size)


def measure_baselines(parts: Mapping[str, Pairs], vocabulary_size: int) -> Baselines:
    """The baselines of the pairs of "train" and "valid", and of "test" where it is given."""
    held_out = {part: pairs for part, pairs in parts.items() if part != "train"}
    by_part: dict[str, dict[str, float]] = {}
    valid_nll = {}
    for order, name in enumerate(NAMES, 1):
        # One model after the other: each may take some hundred megabytes.
        ngram = count_ngrams(parts["train"], order, vocabulary_size)
        nll = {part: _nll_of_pairs(ngram, pairs) for part, pairs in held_out.items()}
        by_part[name] = {
            part: _bpc(nll[part], pairs.target_characters) for part, pairs in held_out.items()
        }
        valid_nll[name] = nll["valid"]
    valid = held_out["valid"]
    is_sample = any(_measured(pairs) < len(pairs) for pairs in held_out.values())
    return Baselines(by_part, is_sample, valid_nll, valid.target_characters, valid.sample_order())


def _measured(pairs: Pairs) -> int:
    """How many of the pairs are measured."""
    tokens = int(pairs.target_lengths.sum())
    return math.ceil(len(pairs) * min(1.0, MOST_MEASURED / max(tokens, 1)))


def _nll_of_pairs(ngram: NgramModel, pairs: Pairs) -> Float64s:
    """The Σ −ln p of the tokens of each target, EOS counted: (n,), NaN where not measured."""
    chosen = pairs.sample_order()[: _measured(pairs)]
    tokens, lengths = target_tokens(pairs.subset(chosen))
    log_probs = np.log(ngram.probabilities(ngram.contexts(tokens, lengths), tokens))
    nll = np.full(len(pairs), np.nan)
    nll[chosen] = -np.add.reduceat(log_probs, np.cumsum(lengths) - lengths)
    return nll


def _bpc(nll: Float64s, characters: NDArray[np.int64]) -> float:
    """Bits per character of those targets that were measured."""
    is_measured = ~np.isnan(nll)
    return float(nll[is_measured].sum() / math.log(2) / max(characters[is_measured].sum(), 1))


def beaten(bpc: float, baselines: Mapping[str, float]) -> list[str]:
    """The baselines that a network with `bpc` is better than, the best of them last."""
    return [name for name in _from_worst(baselines) if bpc < baselines[name]]


def standing_note(bpc: float, baselines: Mapping[str, float]) -> str:
    """Where a network with `bpc` stands among the baselines, in words."""
    ranking = _from_worst(baselines)
    count = len(beaten(bpc, baselines))
    if count == 0:
        return _("behind the {name}").format(name=_(ranking[0]))
    if count == len(ranking):
        return _("better than the {name}").format(name=_(ranking[-1]))
    message = _("better than the {beaten}, behind the {ahead}")
    return message.format(beaten=_(ranking[count - 1]), ahead=_(ranking[count]))


def final_note(records: Sequence[Mapping[str, Any]]) -> str:
    """Where the best weights of a run stand and since when, of the records of metrics.jsonl.

    "" of a run without baselines.
    """
    validations = [record for record in records if "better_than" in record]
    if not validations:
        return ""
    best = min(validations, key=lambda record: record["validation_bpc"])
    if not best["better_than"]:
        return _("behind the unigram, which only counts: train longer, or on more text")
    name = best["better_than"][-1]
    since = next(record["step"] for record in validations if name in record["better_than"])
    return _("better than the {name} since step {step}").format(name=_(name), step=since)


def _from_worst(baselines: Mapping[str, float]) -> list[str]:
    return sorted(baselines, key=lambda name: -baselines[name])
