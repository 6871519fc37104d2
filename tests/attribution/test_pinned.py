"""Attention by hand."""

import numpy as np
import pytest
import torch

from novelgen.attribution.pinned import PinnedAttention, can_be_pinned, with_pinned_attention
from novelgen.errors import ConfigError
from novelgen.models import bahdanau

SOURCE = torch.tensor([[5, 7, 9, 5, 2]])
LENGTHS = torch.tensor([5])
TOKENS = [4, 6, 8, 3]
PINNABLE = [{}, {"model": "bahdanau-gru"}, {"model": "luong"}, {"decoder_layers": 2}]


def run(model, tokens=TOKENS):
    """Log-probabilities (T, V) and weights (T, S), step by step."""
    memory, state = model.start(SOURCE, LENGTHS)
    rows = []
    for token in (1, *tokens[:-1]):
        logits, state, weights = model.step(torch.tensor([token]), memory, state)
        rows.append((logits[0].log_softmax(0), weights[0]))
    return tuple(torch.stack(each) for each in zip(*rows, strict=True))


@pytest.mark.parametrize("parts", PINNABLE)
@torch.inference_mode()
def test_its_own_weights_change_nothing(make_model, parts):
    model = make_model(**parts)
    log_probs, weights = run(model)
    pins = {step: weights[step].double().numpy() for step in (0, 2)}
    pinned, pinned_weights = run(PinnedAttention(model, pins))
    assert torch.allclose(pinned, log_probs, atol=1e-5)
    assert torch.allclose(pinned_weights, weights, atol=1e-6)


@torch.inference_mode()
def test_given_weights_are_those_of_the_context(make_model, monkeypatch):
    """Against the equations as they stand, with the softmax replaced."""
    model = make_model(model="bahdanau-gru")
    given = np.array([0.0, 0.7, 0.0, 0.3, 0.0])
    pinned, weights = run(PinnedAttention(model, {1: given}))
    assert weights[1].numpy() == pytest.approx(given)
    honest = bahdanau.attend
    steps = []

    def attend(score, queries, memory, *covered):
        steps.append(None)
        if len(steps) != 2:
            return honest(score, queries, memory, *covered)
        alpha = torch.tensor(given).float().reshape(1, 1, -1)
        return alpha @ memory.annotations, alpha

    monkeypatch.setattr(bahdanau, "attend", attend)
    expected, _ = run(model)
    assert torch.allclose(pinned, expected, atol=1e-5)
    steps.clear()
    monkeypatch.setattr(bahdanau, "attend", honest)
    assert not torch.allclose(pinned[1], run(model)[0][1], atol=1e-3)


@pytest.mark.parametrize(
    "parts", [{"model": "lm"}, {"model": "cho"}, {"coverage": True}, {"copy": True}]
)
def test_models_that_read_more_than_weights_are_refused(make_model, parts):
    model = make_model(**parts)
    assert not can_be_pinned(model)
    with pytest.raises(ConfigError, match="bahdanau and luong"):
        PinnedAttention(model, {})


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, -0.1], [float("nan"), 1.0], [[1.0]]])
def test_weights_that_are_none_are_refused(make_model, toy, weights):
    with pytest.raises(ConfigError, match="row 3 of attention"):
        with_pinned_attention(toy.generator(), {2: weights})


@torch.inference_mode()
def test_weights_of_another_source_are_refused(make_model):
    pinned = PinnedAttention(make_model(), {0: np.ones(3) / 3})
    with pytest.raises(ConfigError, match="3 weights for a source of 5 tokens"):
        pinned.start(SOURCE, LENGTHS)
