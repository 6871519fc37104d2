"""What the model expected at each place of a paragraph, and what it might have written instead."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from novelgen.decoding.history import BYTES
from novelgen.decoding.protocol import Model, Prediction, predict, start
from novelgen.text.tokenizers import BOS, EOS, FIRST_BYTE, PAD, Tokenizer


class Alternative(NamedTuple):
    """A token that could have stood at a place."""

    token: str  # its label
    probability: float
    opening: (
        str | None
    )  # the paragraph's text up to and with it; None for a byte, which is no character by itself


class Place(NamedTuple):
    """One token of a paragraph as the model saw it coming: temperature 1, no rules."""

    probability: float
    entropy: float  # of the whole distribution, in bits
    alternatives: list[Alternative]  # the likeliest other tokens, likeliest first


@torch.inference_mode()
def inspect(
    model: Model,
    device: torch.device,
    tokenizer: Tokenizer,
    source: Sequence[int],
    tokens: Sequence[int],
    count: int,
    first: int = BOS,
) -> Iterator[Place]:
    """Reads `source` (S,), begins after `first` and follows the model through `tokens` (T,), EOS included or not: one Place a token,
    one by one.
    """
    memory, state = start(model, [source], device)
    before = first
    for number, token in enumerate(tokens):
        prediction, state = predict(model, np.array([before]), memory, state, device)
        probabilities = _probabilities(prediction)
        some = probabilities[probabilities > 0]
        probability, entropy = float(probabilities[token]), float(-(some * np.log2(some)).sum())
        probabilities[[PAD, BOS, token]] = -1.0  # never written, or no alternative to itself
        best = np.argsort(-probabilities, kind="stable")[:count]
        opening = tokenizer.decode(whole_characters(list(tokens[:number])))
        yield Place(
            probability,
            max(entropy, 0.0),
            [
                _alternative(tokenizer, int(other), float(probabilities[other]), opening)
                for other in best
            ],
        )
        before = token


def _probabilities(prediction: Prediction) -> np.ndarray:
    """(V,) float64."""
    return np.exp(prediction.log_probabilities[0].astype(np.float64))


def _alternative(tokenizer: Tokenizer, token: int, probability: float, opening: str) -> Alternative:
    label = tokenizer.labels([token])[0]
    if token == EOS:
        return Alternative(label, probability, opening)
    is_byte = FIRST_BYTE <= token < FIRST_BYTE + BYTES
    return Alternative(label, probability, None if is_byte else opening + tokenizer.decode([token]))


def whole_characters(tokens: list[int]) -> list[int]:
    """`tokens` without the bytes at their end that begin a character and do not complete it."""
    start = len(tokens)
    while start and FIRST_BYTE <= tokens[start - 1] < FIRST_BYTE + BYTES:
        start -= 1
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(bytes(token - FIRST_BYTE for token in tokens[start:]))
    waiting, _ = decoder.getstate()
    return tokens[: len(tokens) - len(waiting)]
