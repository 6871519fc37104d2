"""Writing with a neural cache of the text so far."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from novelgen.config import ModelConfig
from novelgen.decoding.cache import (
    SIZE,
    THETA,
    CachedModel,
    ManuscriptReader,
    mixed_probabilities,
    read_targets,
    recent,
)
from novelgen.decoding.protocol import predict, predict_with_readout, select, start
from novelgen.errors import ConfigError
from novelgen.models.build import build_model
from novelgen.models.compiled_decoder import optimize_for_inference
from novelgen.text.tokenizers import BOS, EOS

CPU = torch.device("cpu")
PROMPT = "宝玉笑道：“我来了。”\n黛玉道：“你来了，我去。”\n宝玉道：“好。”"
DECODERS = pytest.mark.parametrize("decoder", ["sample", "beam", "greedy"])


def networks(toy):
    """The toy model, the compiled decoder, one without a memory, and one that copies."""
    torch.manual_seed(0)
    size = toy.vocabulary.size
    bahdanau, lm, pointer = (
        build_model(ModelConfig(embedding_size=6, decoder_size=8, **options), size)
        for options in ({"model": "bahdanau"}, {"model": "lm"}, {"model": "luong", "copy": True})
    )
    yield toy.Model(size)
    yield optimize_for_inference(bahdanau.eval(), "float32")
    yield lm.eval()
    yield pointer.eval()


def manuscripts(rng, toy):
    """Three texts of one to four segments."""
    return [
        [[*rng.integers(EOS + 1, toy.vocabulary.size, size=3).tolist(), EOS] for _ in range(count)]
        for count in (1, 2, 4)
    ]


def slow_readouts(network, source, text):
    """The readout before each token of a text, and before the one behind it."""
    memory, state = start(network, [source], CPU)
    found = []
    for token in [BOS, *text]:
        _, readouts, state = predict_with_readout(network, np.array([token]), memory, state, CPU)
        found.append(readouts[0].astype(float))
    return found


def slow_cache(network, segments, text, size):
    """The equation of p_cache, for the token behind a text behind the segments; or None."""
    found = []
    for source, target in itertools.pairwise(segments):
        found += zip(slow_readouts(network, source, target), target, strict=False)
    *before, query = slow_readouts(network, segments[-1], text)
    found += zip(before, text, strict=True)
    if not found:
        return None
    probs = np.zeros(size)
    for key, token in found:
        lengths = np.linalg.norm(key) * np.linalg.norm(query)
        # A readout of length 0 is like no other.
        cosine = key @ query / lengths if lengths else 0.0
        probs[token] += math.exp(THETA * cosine)
    return probs / probs.sum()


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 1))
@torch.inference_mode()
def test_every_step_is_a_distribution_as_in_the_equation_and_follows_its_rows(toy, seed, weight):
    rng = np.random.default_rng(seed)
    texts = manuscripts(rng, toy)
    for network in networks(toy):
        caches = ManuscriptReader(network, 1, CPU).caches(texts)
        model = CachedModel(network, caches, weight, CPU)
        sources = [segments[-1] for segments in texts]
        memory, state = start(model, sources, CPU)
        own_memory, own_state = start(network, sources, CPU)
        tokens = np.full(3, BOS)
        written = [(place, []) for place in range(3)]  # each row's manuscript and text
        for _ in range(3):
            found, state = predict(model, tokens, memory, state, CPU)
            own, own_state = predict(network, tokens, own_memory, own_state, CPU)
            probs = np.exp(found.log_probabilities.astype(float))
            assert probs.sum(1) == pytest.approx(1, abs=1e-4)
            assert np.array_equal(found.weights, own.weights)
            for row, (place, text) in enumerate(written):
                expected = np.exp(own.log_probabilities[row].astype(float))
                cached = slow_cache(network, texts[place], text, probs.shape[1])
                if cached is not None:
                    expected = (1 - weight) * expected + weight * cached
                assert probs[row] == pytest.approx(expected, abs=1e-5)
            # Some rows go on, each with another token, as the hypotheses of a beam do.
            rows = rng.integers(0, 3, size=3)
            memory, state = select(memory, rows), select(state, rows)
            own_memory, own_state = select(own_memory, rows), select(own_state, rows)
            tokens = rng.integers(EOS, toy.vocabulary.size, size=3)
            written = [
                (written[row][0], [*written[row][1], int(token)])
                for row, token in zip(rows, tokens, strict=True)
            ]


def test_a_target_at_once_is_a_target_step_by_step(toy):
    network = toy.Model(toy.vocabulary.size)
    segments = [[*toy.tokenizer.encode(line), EOS] for line in PROMPT.split("\n")]
    caches = ManuscriptReader(network, 1, CPU).caches([segments[:-1]])
    target = read_targets(network, [tuple(map(tuple, segments[-2:]))], CPU)[0]
    model = CachedModel(network, caches, 0.3, CPU)
    memory, state = start(model, [segments[-2]], CPU)
    expected = []
    before = BOS
    for token in segments[-1]:
        prediction, state = predict(model, np.array([before]), memory, state, CPU)
        expected.append(math.exp(prediction.log_probabilities[0, token]))
        before = token
    assert mixed_probabilities(target, caches[0], 0.3) == pytest.approx(expected, rel=1e-4)
    # The first token of a text has nothing before it: there the network is alone.
    alone = np.exp(target.log_probabilities)
    mixed = mixed_probabilities(target, [], 0.3)
    assert mixed[0] == alone[0]
    assert (mixed[1:] != alone[1:]).all()


def test_the_last_paragraphs_are_kept_and_each_is_read_once(toy):
    assert recent([]) == 0
    assert recent([5, SIZE - 1, 1]) == 1
    assert recent([5, SIZE - 2, 1]) == 0
    read = []

    class Network(toy.Model):
        def start(self, source, lengths):
            read.append(len(source))
            return super().start(source, lengths)

    reader = ManuscriptReader(Network(toy.vocabulary.size), 1, CPU)
    segments = [[260, EOS], [261, EOS], [262, EOS]]
    assert [len(cache.tokens) for cache in reader.caches([segments])[0]] == [2, 2]
    both = reader.caches([segments, [*segments, [263, EOS]]])
    assert [len(caches) for caches in both] == [2, 3]
    assert read == [2, 1]


@DECODERS
def test_log_probabilities_and_places_are_those_of_the_mixture(toy, decoder):
    generator = toy.generator(favour={EOS: 2.0})
    options = {"decoder": decoder, "seed": 3, "ngram_weight": 0.2, "cache_weight": 0.4}
    for paragraph in generator.generate(PROMPT, paragraphs=2, **options).paragraphs:
        places = [math.log(place.probability) for place in generator.inspect(paragraph)]
        assert places == pytest.approx(paragraph.log_probabilities, abs=1e-5)
        alone = dataclasses.replace(paragraph, cache_weight=0.0)
        without = [math.log(place.probability) for place in generator.inspect(alone)]
        assert places != pytest.approx(without, abs=1e-3)


@DECODERS
def test_without_a_weight_nothing_changes(toy, decoder):
    generator = toy.generator(favour={EOS: 2.0})
    plain, zero = (
        generator.generate(PROMPT, decoder=decoder, seed=3, **options)
        for options in ({}, {"cache_weight": 0.0})
    )
    assert (plain.text, plain.score) == (zero.text, zero.score)


def test_a_task_without_a_text_before_it_is_refused(toy):
    generator = toy.generator(toy.generator().config.replace(tasks="next,previous"))
    with pytest.raises(ConfigError, match=r"--cache-weight 0\.3: only the next paragraph"):
        generator.stream(PROMPT, task="previous", cache_weight=0.3)
    generator.stream(PROMPT, cache_weight=0.3)
