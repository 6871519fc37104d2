"""What the model expected at each place of a paragraph, and what it might have written instead."""

from __future__ import annotations

import codecs
from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from novelgen.decoding.history import History
from novelgen.decoding.logits import Logits, Rule, log_sum_exp
from novelgen.decoding.protocol import Model, Prediction, Wrapper, predict, start
from novelgen.decoding.results import Ruling
from novelgen.decoding.vocabulary import BYTES
from novelgen.text.tokenizers import BOS, EOS, FIRST_BYTE, PAD, Tokenizer


class Alternative(NamedTuple):
    """A token that could have been written at a place."""

    token: str  # its label
    probability: float
    # The paragraph's text up to and with it; None for a byte, which is no character by itself.
    opening: str | None
    after: float | None = None  # its probability under the rules, which sum to one
    rule: str | None = None  # the option that took it away


class Place(NamedTuple):
    """What the model predicted before one token of a paragraph: temperature 1, no rules.

    But `after`, which is what was drawn from, or searched.
    """

    probability: float
    entropy: float  # of the whole distribution, in bits
    alternatives: list[Alternative]  # the likeliest other tokens, likeliest first
    after: float | None = None  # its probability under the rules, where they are known
    rule: str | None = None  # the option that would take it away: it stands in a given opening


@torch.inference_mode()
def inspect(
    model: Model | Wrapper,
    device: torch.device,
    tokenizer: Tokenizer,
    source: Sequence[int],
    tokens: Sequence[int],
    count: int,
    first: int = BOS,
    ruling: Ruling | None = None,
) -> Generator[Place, None, None]:
    """One Place for each of a paragraph's `tokens` (T,), which may include EOS, one by one.

    The model reads `source` (S,), begins after `first` and is given the tokens that were written.
    With the rules of writing, what they made of each probability is told too.
    """
    memory, state = start(model, [source], device)
    history = None
    if ruling is not None:
        history = ruling.history.select(np.zeros(1, dtype=np.int64))
    before = first
    for number, token in enumerate(tokens):
        # 1. The distribution from which the token was taken.
        prediction, state = predict(model, np.array([before]), memory, state, device)
        probabilities = _probabilities(prediction)
        possible = probabilities[probabilities > 0]
        probability = float(probabilities[token])
        entropy = float(-(possible * np.log2(possible)).sum())
        # 2. The likeliest others.
        probabilities[[PAD, BOS, token]] = -1.0  # never written, or no alternative to itself
        best = np.argsort(-probabilities, kind="stable")[:count]
        opening = tokenizer.decode(whole_characters(list(tokens[:number])))
        alternatives = [
            _alternative(tokenizer, int(other), float(probabilities[other]), opening)
            for other in best
        ]
        place = Place(probability, max(entropy, 0.0), alternatives)
        if ruling is not None and history is not None:
            logits = prediction.log_probabilities[:1]
            place = _ruled(place, ruling.rules, logits, history, [token, *best.tolist()])
            history.append(np.array([token]))
        yield place
        before = token


def _ruled(
    place: Place,
    rules: Mapping[str, Rule],
    logits: Logits,
    history: History,
    tokens: Sequence[int],
) -> Place:
    """The place with what the rules make of logits (1, V): for the token itself, then the others.

    `tokens` are theirs.
    """
    taken: dict[int, str] = {}
    for name, rule in rules.items():
        after = rule(logits, history)
        for token in tokens:
            if np.isneginf(after[0, token]) and not np.isneginf(logits[0, token]):
                taken[token] = name
        logits = after
    normal = np.exp(logits[0].astype(np.float64) - log_sum_exp(logits)[0])
    own, *others = tokens
    alternatives = [
        alternative._replace(after=float(normal[token]), rule=taken.get(token))
        for alternative, token in zip(place.alternatives, others, strict=True)
    ]
    return place._replace(alternatives=alternatives, after=float(normal[own]), rule=taken.get(own))


def _probabilities(prediction: Prediction) -> NDArray[np.float64]:
    """(V,), of the only row."""
    probabilities: NDArray[np.float64] = np.exp(prediction.log_probabilities[0].astype(np.float64))
    return probabilities


def _alternative(tokenizer: Tokenizer, token: int, probability: float, opening: str) -> Alternative:
    label = tokenizer.labels([token])[0]
    if token == EOS:
        return Alternative(label, probability, opening)
    if FIRST_BYTE <= token < FIRST_BYTE + BYTES:
        return Alternative(label, probability, None)
    return Alternative(label, probability, opening + tokenizer.decode([token]))


def whole_characters(tokens: list[int]) -> list[int]:
    """`tokens` without the bytes at their end that begin a character and do not complete it."""
    # 1. Where the byte tokens at the end begin.
    start = len(tokens)
    while start and FIRST_BYTE <= tokens[start - 1] < FIRST_BYTE + BYTES:
        start -= 1
    # 2. The decoder keeps what it could not complete.
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(bytes(token - FIRST_BYTE for token in tokens[start:]))
    waiting, _ = decoder.getstate()
    return tokens[: len(tokens) - len(waiting)]
