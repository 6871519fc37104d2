"""A model without weights: its logits are a table that is looked up by what was written, exactly and quickly."""

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch

from novelgen.config import Config
from novelgen.decoding.generator import Generator
from novelgen.decoding.history import Vocabulary
from novelgen.text.tokenizers import FIRST_CHARACTER, Tokenizer


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
        scores = ((memory.source + mixed).remainder(11) + 1) * memory.is_token
        return self.table[mixed[:, 0]], (mixed,), scores / scores.sum(1, keepdim=True)


@pytest.fixture(scope="session")
def toy():
    """The toy model, a tokenizer of some characters, its vocabulary, and a function that makes Generators."""
    tokenizer = Tokenizer("，。！？“”…宝玉黛钗凤贾母笑道说来去一不了的我你他这那里人见听好日天月花门风水山心")

    def generator(config=None, **options):
        model = ToyModel(tokenizer.size, **options)
        return Generator(model, tokenizer, config or Config(), torch.device("cpu"))

    return SimpleNamespace(Model=ToyModel, tokenizer=tokenizer, generator=generator,
                           vocabulary=Vocabulary.of(tokenizer), first=FIRST_CHARACTER)
