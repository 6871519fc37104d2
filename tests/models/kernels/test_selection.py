"""The compiled selection against what decoding does in NumPy."""

import numpy as np
import torch
from hypothesis import example, given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from novelgen.decoding import beam
from novelgen.decoding.protocol import predict
from novelgen.models.kernels import selection

LOGITS = some.sampled_from([-np.inf, -3e38, -90, -1.5, 0, 0.25, 80, 3e38, np.inf])


class Fixed:
    """A model whose logits are always the same."""

    def __init__(self, logits):
        self.logits = torch.from_numpy(logits[None])

    def step(self, token, memory, state):
        return self.logits, state, torch.zeros(1, 0)


@given(arrays(np.float32, some.integers(1, 150), elements=LOGITS))
@example(np.full(70, -np.inf, np.float32))
@example(np.array([np.inf, 1, np.inf], np.float32))
def test_log_softmax_treats_infinities_as_decoding_does(logits):
    prediction, _ = predict(Fixed(logits), np.zeros(1, int), (), (), torch.device("cpu"))
    found = logits.copy()
    selection.log_softmax(found)
    np.testing.assert_allclose(found, prediction.log_probabilities[0], rtol=1e-5, atol=1e-5)


@given(some.integers(0, 149), some.integers(1, 150))
def test_log_softmax_of_one_nan_is_nan_everywhere(place, size):
    logits = np.zeros(size, np.float32)
    logits[place % size] = np.nan
    selection.log_softmax(logits)
    assert np.isnan(logits).all()


@given(some.integers(0, 10_000), some.booleans())
def test_best_continuations_are_those_of_the_search(seed, is_normal):
    chance = np.random.default_rng(seed)
    room = chance.integers(1, 5, 3)
    items = np.repeat(np.arange(3), chance.integers(0, room + 1))  # (R,)
    size = int(chance.integers(1, 90))
    logits = chance.normal(0, 2, (len(items), size)).round(1).astype(np.float32)  # with ties
    logits[chance.random(logits.shape) < chance.choice([0.0, 0.5, 0.95])] = -np.inf
    logits[:, 0] = 0.5
    before = chance.choice([-1.5, -1.0, -0.5], len(items))
    given_to_both = (logits, is_normal, before, items, room)
    expected = beam.best_continuations(*given_to_both)
    parents, tokens, sums = selection.best_continuations(*given_to_both)
    np.testing.assert_allclose(sums, expected.ruled_log_probs, rtol=1e-5)
    if is_normal:  # else what is equal may be rounded differently
        assert parents.tolist() == expected.parents.tolist()
        assert tokens.tolist() == expected.tokens.tolist()
