"""Writing by a network and an n-gram model together."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from novelgen.config import ModelConfig
from novelgen.decoding.interpolation import InterpolatedModel
from novelgen.decoding.protocol import predict, select, start
from novelgen.errors import ConfigError
from novelgen.models.build import build_model
from novelgen.models.compiled_decoder import optimize_for_inference
from novelgen.text.tokenizers import EOS

CPU = torch.device("cpu")
PROMPT = "宝玉笑道：“我来了。”"
SOURCES = ([260, 261, EOS], [262, EOS], [270, 271, 272, EOS])
DECODERS = pytest.mark.parametrize("decoder", ["sample", "beam", "greedy"])


def networks(toy):
    """The toy model, the compiled decoder, which predicts by itself, and one without a memory.

    They read one first token beside BOS.
    """
    torch.manual_seed(0)
    size = toy.vocabulary.size
    bahdanau, lm = (
        build_model(ModelConfig(model=name, embedding_size=6, decoder_size=8), size, None, 1)
        for name in ("bahdanau", "lm")
    )
    yield toy.Model(size)
    yield optimize_for_inference(bahdanau.eval(), "float32")
    yield lm.eval()


@settings(max_examples=5)
@given(st.integers(0, 10**6), st.floats(0.01, 1))
@torch.inference_mode()
def test_every_step_is_the_mixture_of_both_and_follows_its_rows(toy, seed, weight):
    rng = np.random.default_rng(seed)
    turns = [rng.integers(0, 3, size=3) for _ in range(4)]
    # What is read first names a task; it is no token of the text.
    first = np.full(3, toy.vocabulary.size)
    tokens = [first, *rng.integers(EOS, toy.vocabulary.size, size=(3, 3))]
    for network in networks(toy):
        mixed = InterpolatedModel(network, toy.ngram, weight, CPU)
        memory, state = start(mixed, SOURCES, CPU)
        own_memory, own_state = start(network, SOURCES, CPU)
        written = [[], [], []]
        for rows, token in zip(turns, tokens, strict=True):
            memory, state = select(memory, rows), select(state, rows)
            own_memory, own_state = select(own_memory, rows), select(own_state, rows)
            written = [list(written[row]) for row in rows]
            if token is not first:
                written = [[*row, each] for row, each in zip(written, token, strict=True)]
            found, state = predict(mixed, token, memory, state, CPU)
            own, own_state = predict(network, token, own_memory, own_state, CPU)
            probs = np.exp(found.log_probabilities.astype(float))
            assert probs.sum(1) == pytest.approx(1, abs=1e-4)
            for row, text in enumerate(written):
                # The context before a token that stands behind the text.
                contexts = toy.ngram.contexts(np.array([*text, EOS]), np.array([len(text) + 1]))
                q = toy.ngram.distributions(contexts[-1:])[0]
                p = np.exp(own.log_probabilities[row])
                assert probs[row] == pytest.approx((1 - weight) * p + weight * q, abs=1e-6)
            assert np.array_equal(found.weights, own.weights)


@DECODERS
def test_a_weight_of_one_writes_by_the_ngram_model_alone(toy, decoder):
    # The network wants nothing but an end.
    generator = toy.generator(favour={EOS: 50.0})
    options = {"decoder": decoder, "seed": 1, "temperature": 0.1, "no_repeat_ngram": 0}
    assert generator.generate(PROMPT, min_length=0, **options).text == ""
    text = generator.generate(PROMPT, ngram_weight=1.0, repetition_penalty=1.0, **options).text
    assert text in ("宝玉笑道：好一个天。", "我来了，你说。")


@DECODERS
def test_log_probabilities_and_places_are_those_of_the_mixture(toy, decoder):
    generator = toy.generator(favour={EOS: 2.0})
    paragraph = generator.generate(PROMPT, decoder=decoder, seed=3, ngram_weight=0.4).paragraphs[0]
    assert paragraph.ngram_weight == 0.4
    tokens = np.array(paragraph.ids)
    contexts = toy.ngram.contexts(tokens, np.array([len(tokens)]))
    alone = dataclasses.replace(paragraph, ngram_weight=0.0)
    network = [place.probability for place in generator.inspect(alone)]
    mixture = 0.6 * np.array(network) + 0.4 * toy.ngram.probabilities(contexts, tokens)
    assert np.exp(paragraph.log_probabilities) == pytest.approx(mixture, rel=1e-4)
    places = [math.log(place.probability) for place in generator.inspect(paragraph)]
    assert places == pytest.approx(paragraph.log_probabilities, abs=1e-5)


@DECODERS
def test_without_a_weight_nothing_changes(toy, decoder):
    generator = toy.generator(favour={EOS: 2.0})
    plain, zero = (
        generator.generate(PROMPT, decoder=decoder, seed=3, **options)
        for options in ({}, {"ngram_weight": 0.0})
    )
    assert (plain.text, plain.score) == (zero.text, zero.score)


def test_a_weight_without_an_ngram_model_is_refused_before_anything_is_written(toy):
    generator = toy.generator()
    generator = type(generator)(generator.model, toy.tokenizer, generator.config, CPU)
    with pytest.raises(ConfigError, match=r"--ngram-weight 0\.3: this run has no .*--resume"):
        generator.stream(PROMPT, ngram_weight=0.3)
