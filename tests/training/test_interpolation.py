import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from novelgen.training import interpolation
from novelgen.training.interpolation import best_weight, count_ngrams, mixture_loss, token_probs
from novelgen.training.loss import evaluate_loss

CPU = torch.device("cpu")


@pytest.fixture
def batches(workshop):
    """What the validation pairs get from a model without training, in several batches."""
    ngram = count_ngrams(workshop.train, 3, workshop.tokenizer.size)
    return list(
        token_probs(workshop.model().eval(), ngram, workshop.valid, batch_tokens=40, device=CPU)
    )


def test_the_network_has_the_loss_that_it_has_alone(workshop, batches):
    assert len(batches) > 1
    alone = evaluate_loss(workshop.model(), workshop.valid, batch_tokens=40, device=CPU)
    together = mixture_loss(batches, 0.3).network
    assert together.nll_sum == pytest.approx(alone.nll_sum, rel=1e-5)
    assert (together.tokens, together.characters, together.pairs) == (
        alone.tokens,
        alone.characters,
        alone.pairs,
    )


def test_the_losses_are_those_of_each_token(batches):
    p = np.concatenate([batch.network for batch in batches])
    q = np.concatenate([batch.ngram for batch in batches])
    loss = mixture_loss(batches, 0.25)
    assert loss.ngram.nll_sum == pytest.approx(-np.log(q).sum())
    assert loss.mixture.nll_sum == pytest.approx(-np.log(0.75 * p + 0.25 * q).sum())
    characters = loss.network.characters
    assert loss.mixture.bits_per_character == pytest.approx(
        -np.log2(0.75 * p + 0.25 * q).sum() / characters
    )
    assert mixture_loss(batches, 0.0).mixture.nll_sum == pytest.approx(loss.network.nll_sum)
    assert mixture_loss(batches, 1.0).mixture.nll_sum == pytest.approx(loss.ngram.nll_sum)


def test_a_target_is_counted_token_by_token(workshop):
    # The n-gram model of the targets knows how they begin, go on and end.
    ngram = count_ngrams(workshop.train, 3, workshop.tokenizer.size)
    assert len(workshop.train) == 80
    target = [*workshop.tokenizer.encode("得三。"), 2]
    contexts = ngram.contexts(np.array(target), np.array([4]))
    begins, digit, stops, ends = ngram.probabilities(contexts, np.array(target))
    assert begins > 0.95
    assert digit == pytest.approx(0.1, abs=0.03)
    assert stops > 0.9
    assert ends == pytest.approx(1 / 3, abs=0.25)


def test_of_a_large_text_a_sample_is_counted(workshop, monkeypatch):
    tokens = int(workshop.train.target_lengths.sum())
    counted = []

    def count(targets, lengths, *_sizes):
        counted.append((len(targets), len(lengths)))

    monkeypatch.setattr(interpolation.NgramModel, "count", count)
    count_ngrams(workshop.train, 3, workshop.tokenizer.size)
    monkeypatch.setattr(interpolation, "MOST_TOKENS", tokens // 4)
    count_ngrams(workshop.train, 3, workshop.tokenizer.size)
    assert counted[0] == (tokens, 80)
    assert counted[1][0] < tokens / 2
    assert counted[1][1] == 80 * (tokens // 4) // tokens


probabilities = st.floats(1e-9, 1)


@given(st.lists(st.tuples(probabilities, probabilities), min_size=1, max_size=30))
def test_no_weight_of_a_grid_is_better_than_the_best(pairs):
    network, ngram = np.array(pairs).T

    def likelihood(weight):
        return np.log((1 - weight) * network + weight * ngram).sum()

    found = best_weight(network, ngram)
    grid = max(likelihood(weight) for weight in np.linspace(0, 1, 201))
    # It is rounded to three digits, which costs a token at an end of [0, 1] most.
    assert likelihood(found) >= grid - 0.02 * len(pairs)
    assert 0 <= found <= 1


def test_the_weight_of_equal_halves_is_a_half():
    one, other = np.array([0.5, 0.1]), np.array([0.1, 0.5])
    assert best_weight(one, other) == 0.5
    assert best_weight(one, one / 2) == 0.0
    assert best_weight(one / 2, one) == 1.0


def test_a_token_that_cannot_be_written_makes_the_loss_infinite(batches):
    batches[0].network[0] = 0.0
    assert mixture_loss(batches, 0.0).mixture.bits_per_character == math.inf
    assert mixture_loss(batches, 0.1).mixture.bits_per_character < math.inf
