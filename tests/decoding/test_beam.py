import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from novelgen.config import DecodingConfig
from novelgen.decoding.beam import search
from novelgen.decoding.filters import build_rules
from novelgen.decoding.history import History
from novelgen.decoding.sampling import Task, greedy, write
from novelgen.text.tokenizers import BOS, EOS

CPU = torch.device("cpu")
A, B, C = 270, 271, 272
SOURCE = [260, 261, 262, EOS]
SOME = settings(max_examples=12)
PLAIN = {
    "temperature": 1,
    "top_p": 1,
    "repetition_penalty": 1,
    "no_repeat_ngram": 0,
    "min_length": 0,
}


def task(toy, model, sources=(SOURCE,), prefix=(), **options):
    config = DecodingConfig(**{**PLAIN, "max_length": 4, **options})
    history = History(toy.vocabulary, len(sources), config.max_length)
    return Task(
        model, CPU, sources, history, build_rules(config, toy.vocabulary), config.max_length, prefix
    )


def found(toy, model, beam_size, length_penalty=1.0, count=1, **options):
    *_, beams = search(task(toy, model, **options), beam_size, length_penalty, count)
    return beams.hypotheses()


def exhaustive(model, source, letters, max_length, length_penalty):
    """Every paragraph over `letters` and its score, best first."""
    scored = []
    for length in range(max_length + 1):
        for body in itertools.product(letters, repeat=length):
            tokens = [*body, EOS] if length < max_length else list(body)
            memory, state = model.start(torch.tensor([source]), torch.tensor([len(source)]))
            total, before = 0.0, BOS
            for token in tokens:
                logits, state, _ = model.step(torch.tensor([before]), memory, state)
                total += logits.double().log_softmax(-1)[0, token].item()
                before = token
            scored.append((total / len(tokens) ** length_penalty, tokens))
    return sorted(scored, key=lambda entry: -entry[0])


@SOME
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.6, 1.0, 2.5]), st.integers(1, 6))
def test_a_beam_wide_enough_finds_what_exhaustive_search_finds(toy, seed, length_penalty, count):
    model = toy.Model(toy.vocabulary.size, allowed=[EOS, A, B, C], seed=seed, states=97)
    best = exhaustive(model, SOURCE, [A, B, C], 4, length_penalty)[:count]
    hypotheses = found(toy, model, 200, length_penalty, count)[0]
    assert [hypothesis.tokens.tolist() for hypothesis in hypotheses] == [
        tokens for _, tokens in best
    ]
    scores = [hypothesis.score(length_penalty) for hypothesis in hypotheses]
    assert scores == pytest.approx([score for score, _ in best], abs=1e-5)
    assert all(hypothesis.finished == (hypothesis.tokens[-1] == EOS) for hypothesis in hypotheses)


@SOME
@given(st.integers(0, 10**6))
def test_a_beam_of_one_is_greedy(toy, seed):
    model = toy.Model(toy.vocabulary.size, seed=seed, favour={EOS: 4})
    *_, draft = write(task(toy, model, max_length=12), greedy)
    assert (
        found(toy, model, 1, max_length=12)[0][0].tokens.tolist()
        == draft.hypotheses()[0][0].tokens.tolist()
    )


@SOME
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 3))
def test_sources_searched_together_end_as_if_alone(toy, seed, beam_size, count):
    model = toy.Model(toy.vocabulary.size, seed=seed, favour={EOS: 4})
    sources = [SOURCE, [263, EOS], SOURCE, [264, 265, 264, 265, 266, EOS]]
    options = {"max_length": 10, "no_repeat_ngram": 2, "repetition_penalty": 1.3, "top_k": 30}
    together = found(toy, model, beam_size, count=min(count, beam_size), sources=sources, **options)
    for source, hypotheses in zip(sources, together, strict=True):
        alone = found(
            toy, model, beam_size, count=min(count, beam_size), sources=[source], **options
        )[0]
        assert [hypothesis.tokens.tolist() for hypothesis in hypotheses] == [
            other.tokens.tolist() for other in alone
        ]
        for one, other in zip(hypotheses, alone, strict=True):
            assert one.attention.shape == (len(one.tokens), len(source))
            assert (one.attention == other.attention).all()
            assert (one.log_probabilities == other.log_probabilities).all()


@SOME
@given(st.integers(0, 10**6), st.integers(2, 8))
def test_n_best_are_different_and_in_order(toy, seed, beam_size):
    model = toy.Model(toy.vocabulary.size, seed=seed, favour={EOS: 4})
    hypotheses = found(toy, model, beam_size, count=beam_size, max_length=8)[0]
    scores = [hypothesis.score(1.0) for hypothesis in hypotheses]
    assert len(hypotheses) == beam_size
    assert scores == sorted(scores, reverse=True)
    assert len({tuple(hypothesis.tokens) for hypothesis in hypotheses}) == beam_size


@SOME
@given(st.integers(0, 10**6), st.integers(1, 5))
def test_log_probabilities_and_attention_are_the_models_own(toy, seed, beam_size):
    model = toy.Model(toy.vocabulary.size, seed=seed)
    options = {"max_length": 9, "repetition_penalty": 2, "temperature": 0.5}
    hypothesis = found(toy, model, beam_size, **options)[0][0]
    memory, state = model.start(torch.tensor([SOURCE]), torch.tensor([len(SOURCE)]))
    for place, before in enumerate([BOS, *hypothesis.tokens[:-1]]):
        logits, state, weights = model.step(torch.tensor([before]), memory, state)
        expected = logits.log_softmax(-1)[0, hypothesis.tokens[place]].item()
        assert hypothesis.log_probabilities[place] == pytest.approx(expected, abs=1e-5)
        assert hypothesis.attention[place] == pytest.approx(weights[0].numpy(), abs=1e-6)


def test_a_higher_length_penalty_favours_longer_paragraphs(toy):
    model = toy.Model(toy.vocabulary.size, allowed=[EOS, A, B], favour={EOS: 1})
    lengths = [len(found(toy, model, 100, penalty)[0][0].tokens) for penalty in (0.0, 10.0)]
    assert lengths == [1, 4]


def test_no_hypothesis_is_lost_when_everything_is_blocked(toy):
    """With one letter and no unigram twice nothing is left after it but the end.

    And that is forbidden by min_length.
    """
    model = toy.Model(toy.vocabulary.size, allowed=[A])
    hypotheses = found(toy, model, 3, no_repeat_ngram=1, top_k=1, max_length=6)[0]
    assert len(hypotheses) == 1
    assert len(hypotheses[0].tokens) == 6
    ended = found(toy, toy.Model(toy.vocabulary.size, allowed=[]), 3, min_length=3)[0]
    assert [hypothesis.tokens.tolist() for hypothesis in ended] == [[EOS]]
    assert math.isfinite(ended[0].score(1.0))


def test_the_opening_is_given_to_every_hypothesis(toy):
    model = toy.Model(toy.vocabulary.size)
    hypotheses = found(toy, model, 4, count=4, prefix=[A, B], max_length=7)[0]
    assert [hypothesis.tokens[:2].tolist() for hypothesis in hypotheses] == [[A, B]] * 4


@SOME
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 3))
def test_the_stable_prefix_never_changes(toy, seed, beam_size, count):
    model = toy.Model(toy.vocabulary.size, seed=seed, favour={EOS: 3}, spread=3.0)
    before: list[int] = []
    for beams in search(task(toy, model, max_length=12), beam_size, 1.0, min(count, beam_size)):
        now = beams.stable_prefix(0).tokens.tolist()
        assert now[: len(before)] == before
        before = now
    final = beams.hypotheses()[0][0]
    assert final.tokens[: len(before)].tolist() == before
    assert np.isfinite(final.log_probabilities).all()


@SOME
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_a_hypothesis_that_ends_leaves_the_beam_narrower(toy, seed, beam_size):
    model = toy.Model(toy.vocabulary.size, seed=seed, favour={EOS: 5})
    for beams in search(task(toy, model, max_length=8), beam_size, 1.0, beam_size):
        assert len(beams.items) + len(beams.hypotheses()[0]) <= beam_size


def test_the_beam_s_tree_holds_every_hypothesis(toy):
    generator = toy.generator(favour={EOS: 2.0})
    found = generator.candidates("我来了。", decoder="beam", beam_size=4, num_samples=3)
    tree = found[0].paragraphs[0].beam
    assert all(generation.paragraphs[0].beam == tree for generation in found)
    # 1. No step holds more than the beam, and every parent is a token that did not end.
    for before, step in itertools.pairwise(tree):
        assert 1 <= len(step) <= 4
        assert not any(before[node.parent].ended for node in step)
    # 2. The texts that were found are paths from an end to the beginning.
    paths = []
    for number, step in enumerate(tree):
        for node in step:
            if node.ended:
                labels, parent = [node.token], node.parent
                for earlier in reversed(tree[:number]):
                    labels.append(earlier[parent].token)
                    parent = earlier[parent].parent
                paths.append((labels[::-1], node.log_probability))
    for generation in found:
        paragraph = generation.paragraphs[0]
        total = sum(paragraph.log_probabilities)
        assert (paragraph.tokens, pytest.approx(total)) in paths
    sampled = generator.generate("我来了。", seed=1)
    assert not sampled.paragraphs[0].beam
