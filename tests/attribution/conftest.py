"""Small models of every variant, and a paragraph that one of them might have written."""

import pytest
import torch

from novelgen.attribution.forced import Written
from novelgen.config import ModelConfig
from novelgen.models.build import build_model

SIZE = 12  # of the vocabulary
DEVICE = torch.device("cpu")


@pytest.fixture
def make_model():
    """`make_model(model="bahdanau", …)` with a fixed seed, in evaluation mode."""

    def make(**parts):
        torch.manual_seed(0)
        sizes = {"embedding_size": 8, "decoder_size": 8, "dropout": 0.0}
        return build_model(ModelConfig(**{**sizes, **parts}), SIZE).eval()

    return make


@pytest.fixture
def written():
    return Written([5, 7, 9, 5, 2], [4, 6, 8, 2])
