"""A model without weights: its logits are a table that is looked up by what was written, exactly and quickly."""

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch

from novelgen.config import Config
from novelgen.decoding.generator import Generator
from novelgen.decoding.history import FIRST_BYTE, Vocabulary

FIRST_CHARACTER = FIRST_BYTE + 256


class ToyMemory(NamedTuple):
    source: torch.Tensor  # (B, S)
    is_token: torch.Tensor  # (B, S)


class ToyModel:
    """Fulfils the decoder contract; everything follows from a hash of the source and of the tokens so far.

    `allowed` are the only tokens with a finite logit; `favour` maps tokens to what is added to their logits.
    """

    def __init__(self, size, allowed=None, favour=(), seed=0, states=499, spread=2.0):
        self.table = torch.from_numpy(np.random.default_rng(seed).normal(0, spread, (states, size))).float()
        if allowed is not None:
            banned = torch.ones(size, dtype=torch.bool)
            banned[list(allowed)] = False
            self.table[:, banned] = -torch.inf
        for token, amount in dict(favour).items():
            self.table[:, token] += amount
        self.states = states

    def start(self, source, lengths):
        is_token = torch.arange(source.shape[1]) < lengths[:, None]
        mixed = ((source * is_token) * (torch.arange(source.shape[1]) + 7)).sum(1) % self.states
        return ToyMemory(source, is_token), (mixed[:, None],)

    def step(self, token, memory, state):
        mixed = (state[0] * 31 + token[:, None] * 17 + 5) % self.states
        scores = (memory.source + mixed).remainder(11).float().masked_fill(~memory.is_token, -torch.inf)
        return self.table[mixed[:, 0]], (mixed,), scores.softmax(-1)


class ToyTokenizer:
    """Characters and bytes."""

    def __init__(self, characters, punctuation="，。！？“”…"):
        self.characters = list(dict.fromkeys(characters))
        self.size = FIRST_CHARACTER + len(self.characters)
        self._ids = {character: FIRST_CHARACTER + place for place, character in enumerate(self.characters)}
        self.punctuation_ids = [self._ids[mark] for mark in punctuation if mark in self._ids]

    def encode(self, text):
        ids = []
        for character in text:
            known = self._ids.get(character)
            ids += [known] if known else [FIRST_BYTE + byte for byte in character.encode()]
        return ids

    def decode(self, ids):
        pieces = []
        for token in ids:
            if FIRST_BYTE <= token < FIRST_CHARACTER:
                pieces.append(bytes([token - FIRST_BYTE]))
            elif token >= FIRST_CHARACTER:
                pieces.append(self.characters[token - FIRST_CHARACTER].encode())
        return b"".join(pieces).decode("utf-8", "replace")

    def labels(self, ids):
        return [f"<{token}>" if token < FIRST_CHARACTER else self.decode([token]) for token in ids]


@pytest.fixture(scope="session")
def toy():
    """The toy classes, a tokenizer of 40 characters, its vocabulary, and a function that makes Generators."""
    tokenizer = ToyTokenizer("，。！？“”…宝玉黛钗凤贾母笑道说来去一不了的我你他这那里人见听好日天月花门风水山心")

    def generator(config=None, **options):
        model = ToyModel(tokenizer.size, **options)
        return Generator(model, tokenizer, config or Config(), torch.device("cpu"))

    return SimpleNamespace(Model=ToyModel, Tokenizer=ToyTokenizer, tokenizer=tokenizer, generator=generator,
                           vocabulary=Vocabulary.of(tokenizer), first=FIRST_CHARACTER)
