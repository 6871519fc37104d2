"""Gradient × input against finite differences."""

import numpy as np
import pytest
import torch

from novelgen.attribution.forced import Written
from novelgen.attribution.gradients import gradient_times_input
from novelgen.models.zoo import VARIANTS

DEVICE = torch.device("cpu")


@pytest.mark.parametrize("name", VARIANTS)
def test_gradients_equal_finite_differences(make_model, written, name):
    model = make_model(model=name).double()
    found = gradient_times_input(model, written, DEVICE)
    assert found.shape == (4, 5)
    source = torch.tensor([written.source])
    target = torch.tensor([written.tokens])
    lengths = torch.tensor([5])
    with torch.no_grad():
        embedded = model.embed_source(source)

        def log_probs(scale):
            changed = embedded * scale.reshape(1, -1, 1)
            memory, state = model.start_embedded(changed, source, lengths)
            logits, _ = model.unroll(target, memory, state)
            return logits.log_softmax(2)[0, torch.arange(4), target[0]].numpy() / np.log(2)

        # x · ∂f/∂x is the derivative of f along x: of f((1 + ε) x).
        step = 1e-5
        for place in range(5):
            change = torch.zeros(5, dtype=torch.float64)
            change[place] = step
            slope = (log_probs(1 + change) - log_probs(1 - change)) / (2 * step)
            assert found[:, place] == pytest.approx(slope, abs=1e-6)


def test_a_long_target_is_computed_in_parts(make_model, monkeypatch):
    monkeypatch.setattr("novelgen.attribution.forced.TOKENS_AT_ONCE", 600)
    model = make_model()
    tokens = np.random.default_rng(0).integers(3, 12, 40).tolist()
    whole = gradient_times_input(model, Written([5, 7, 2], tokens), DEVICE)
    short = gradient_times_input(model, Written([5, 7, 2], tokens[:20]), DEVICE)
    assert whole.shape == (40, 3)
    assert whole[:20] == pytest.approx(short, abs=1e-5)


def test_gradients_are_computed_in_inference_mode_too_and_leave_nothing_behind(make_model, written):
    model = make_model()
    with torch.inference_mode():
        assert abs(gradient_times_input(model, written, DEVICE)).max() > 0
    assert all(parameter.grad is None for parameter in model.parameters())
