import math

import numpy as np
import pytest

from novelgen.decoding.filters import apply, build_rules
from novelgen.decoding.history import History
from novelgen.decoding.inspection import inspect
from novelgen.decoding.protocol import predict, start
from novelgen.text.tokenizers import BOS, EOS, FIRST_BYTE, PAD

PROMPT = "宝玉笑道：“我来了。”"


@pytest.fixture
def written(toy):
    # Without bytes: the labels of the tokens, side by side, are the text.
    characters = range(toy.first, toy.tokenizer.size)
    generator = toy.generator(allowed=[EOS, *characters], favour={EOS: 1.0})
    return generator, generator.generate(PROMPT, seed=4, max_length=25).paragraphs[0]


def test_a_place_holds_the_probability_that_was_logged_when_it_was_written(written):
    generator, paragraph = written
    places = list(generator.inspect(paragraph))
    assert len(places) == len(paragraph.tokens) > 2
    assert np.allclose(
        [math.log(place.probability) for place in places], paragraph.log_probabilities, atol=1e-6
    )


def test_alternatives_are_the_likeliest_other_tokens_that_may_be_written(toy, written):
    generator, paragraph = written
    for place, token in zip(generator.inspect(paragraph, 4), paragraph.tokens, strict=True):
        values = [alternative.probability for alternative in place.alternatives]
        names = [alternative.token for alternative in place.alternatives]
        assert len(names) == len(set(names)) == 4
        assert values == sorted(values, reverse=True)
        assert not {token, *toy.tokenizer.labels([PAD, BOS])} & set(names)
        assert sum(values) + place.probability <= 1 + 1e-9


def test_entropy_is_that_of_the_whole_distribution(toy):
    two = toy.generator(allowed=[toy.first, toy.first + 1], spread=0.0)
    places = list(two.inspect(two.generate(PROMPT, max_length=5).paragraphs[0]))
    assert [place.entropy for place in places] == pytest.approx([1.0] * 5)
    one = toy.generator(allowed=[toy.first])
    assert (
        next(
            one.inspect(one.generate(PROMPT, max_length=5, no_repeat_ngram=0).paragraphs[0])
        ).entropy
        == 0
    )


def test_the_opening_of_an_alternative_is_what_the_model_would_go_on_from(written):
    generator, paragraph = written
    for number, place in enumerate(generator.inspect(paragraph)):
        before = "".join(paragraph.tokens[:number])
        for alternative in place.alternatives:
            if alternative.token == "<EOS>":
                assert alternative.opening == before
            elif alternative.opening is not None:
                assert alternative.opening == before + alternative.token
                again = generator.generate(
                    PROMPT, prefix=alternative.opening, seed=1, max_length=40
                )
                assert again.text.startswith(alternative.opening)


def test_a_byte_is_no_opening(toy):
    model = toy.Model(toy.tokenizer.size, allowed=[FIRST_BYTE + 0xE5, toy.first])
    (place,) = inspect(model, "cpu", toy.tokenizer, [toy.first, EOS], [toy.first], 1)
    assert [(each.token, each.opening) for each in place.alternatives] == [("<E5>", None)]


def test_a_stopped_paragraph_is_inspected_as_far_as_it_went(toy):
    generator = toy.generator(favour={EOS: -5.0})
    stream = generator.stream(PROMPT, seed=2)
    snapshots = [next(stream) for _ in range(7)]
    stream.close()
    assert len(list(generator.inspect(snapshots[-1].paragraphs[0]))) == 7


@pytest.mark.parametrize("options", [{}, {"top_k": 3}, {"decoder": "greedy", "ban": "宝"}])
def test_what_the_rules_make_of_a_place_is_what_was_drawn_from(toy, options):
    generator = toy.generator(favour={EOS: 1.0})
    paragraph = generator.generate(PROMPT, seed=4, max_length=25, **options).paragraphs[0]
    config = generator.decoding_config(max_length=25, **options)
    history = History(toy.vocabulary, 1, config.max_length, paragraph.ruling.history.earlier)
    memory, state = start(generator.model, [paragraph.source_ids], generator.device)
    before = BOS
    for token, place in zip(paragraph.ids, generator.inspect(paragraph, 40), strict=True):
        prediction, state = predict(
            generator.model, np.array([before]), memory, state, generator.device
        )
        rules = build_rules(config, toy.vocabulary, PROMPT)
        logits = apply(rules, prediction.log_probabilities, history)[0].astype(np.float64)
        expected = np.exp(logits) / np.exp(logits).sum()
        assert place.after == pytest.approx(expected[token], abs=1e-5)
        assert place.after > 0
        assert place.rule is None
        for each in place.alternatives:
            assert (each.after == 0) == (each.rule is not None)
        history.append(np.array([token]))
        before = token
    rules = {
        each.rule for place in generator.inspect(paragraph, 200) for each in place.alternatives
    }
    assert {"top_k"} <= rules if "top_k" in options else "top_k" not in rules
    assert ("ban" in rules) == ("ban" in options)
