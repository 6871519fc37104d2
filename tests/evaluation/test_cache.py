"""The BPC of a network that has a cache of the text before."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from novelgen.data.pairs import Pairs
from novelgen.decoding.cache import CachedModel, ManuscriptReader
from novelgen.decoding.interpolation import InterpolatedModel
from novelgen.decoding.protocol import predict, start
from novelgen.evaluation import cache as module
from novelgen.evaluation.cache import cached_token_probs
from novelgen.text.tokenizers import BOS
from novelgen.training.interpolation import mixture_loss

CPU = torch.device("cpu")
CHAPTERS = (["宝玉笑道。", "我来了。", "你来了，宝玉。"], ["黛玉见他。", "你说。"])


@pytest.mark.parametrize("with_ngram", [True, False])
def test_the_loss_is_that_of_every_token_as_it_would_be_written(toy, monkeypatch, with_ngram):
    network = toy.Model(toy.vocabulary.size)
    ngram = toy.ngram if with_ngram else None
    # 1. The probability of each token as decoding has it, chapter by chapter.
    logs = []
    both_logs = []
    texts = []
    for chapter in CHAPTERS:
        segments = [toy.tokenizer.encode_lines([line])[0].tolist() for line in chapter]
        for place in range(1, len(segments)):
            caches = ManuscriptReader(network, 1, CPU).caches([segments[:place]])
            model = CachedModel(network, caches, 0.3, CPU)
            logs += log_probabilities(model, segments[place - 1], segments[place])
            both = InterpolatedModel(model, toy.ngram, 0.25, CPU)
            both_logs += log_probabilities(both, segments[place - 1], segments[place])
            texts.append((chapter[place - 1], chapter[place]))
    # 2. All at once, in two batches.
    monkeypatch.setattr(module, "BATCH", 2)
    pairs = Pairs.from_texts(texts, toy.tokenizer)
    run = SimpleNamespace(ngram=ngram, device=CPU)
    probs = list(cached_token_probs(run, network, pairs, 0.3))
    assert len(probs) == 2
    loss = mixture_loss(probs, 0.25 if with_ngram else 0.0)
    characters = sum(len(target) for _, target in texts)
    expected = -np.sum(logs) / math.log(2) / characters
    assert loss.network.bits_per_character == pytest.approx(expected, rel=1e-5)
    if with_ngram:
        expected = -np.sum(both_logs) / math.log(2) / characters
    assert loss.mixture.bits_per_character == pytest.approx(expected, rel=1e-5)


def log_probabilities(model, source, target):
    memory, state = start(model, [source], CPU)
    before = BOS
    found = []
    for token in target:
        prediction, state = predict(model, np.array([before]), memory, state, CPU)
        found.append(float(prediction.log_probabilities[0, token]))
        before = token
    return found
