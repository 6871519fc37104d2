import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from novelgen.config import Config
from novelgen.decoding.generator import Generator
from novelgen.decoding.scoring import read
from novelgen.errors import ConfigError
from novelgen.models.build import build_model
from novelgen.text.tokenizers import BOS, EOS

CPU = torch.device("cpu")
SOME = settings(max_examples=10)
BEFORE, AFTER = "宝玉笑道：“我来了。”", "黛玉听见了。\n你不去。"
PARAGRAPH = "宝玉笑说：“你來那里？”"  # a character of it is unknown, and is spelled in bytes


def generator_of(toy, **changes):
    config = Config().replace(
        embedding_size=8, encoder_size=8, decoder_size=8, attention_size=8, **changes
    )
    torch.manual_seed(0)
    model = build_model(config.model, toy.tokenizer.size, first_tokens=1).eval()
    with torch.no_grad():
        model.output_bias[:] = torch.randn(len(model.output_bias)) * 2
        model.output_bias[:EOS] = -9
        model.output_bias[EOS] = 2
    return Generator(model, toy.tokenizer, config, CPU)


def log_probs(generator, source, target, first=BOS):
    """(T,), from the model's own teacher forcing."""
    model = generator.model
    memory, state = model.start(torch.tensor([source]), torch.tensor([len(source)]))
    values = []
    for before, token in zip([first, *target[:-1]], target, strict=True):
        logits, state, _ = model.step(torch.tensor([before]), memory, state)
        values.append(float(logits.log_softmax(-1)[0, token].detach()))
    return values


def mean(values):
    return sum(values) / len(values)


def ended(toy, text):
    return [*toy.tokenizer.encode(text), EOS]


def test_targets_are_read_as_step_by_step(toy):
    generator = generator_of(toy)
    sources = [ended(toy, BEFORE), ended(toy, "黛玉。"), ended(toy, BEFORE)]
    targets = [ended(toy, "你不去。"), ended(toy, "宝"), ended(toy, "风，风，水。")]
    readings = read(generator.model, CPU, sources, targets, BOS, watched=EOS)
    for source, target, reading in zip(sources, targets, readings, strict=True):
        assert reading.log_probabilities == pytest.approx(
            log_probs(generator, source, target), abs=1e-5
        )
        for place in range(len(target)):
            ending = log_probs(generator, source, [*target[:place], EOS])[-1]
            assert reading.watched[place] == pytest.approx(ending, abs=1e-5)
        assert reading.attention.shape == (len(target), len(source))


@pytest.mark.parametrize("decoder", ["sample", "beam", "greedy"])
@pytest.mark.parametrize("context", [1, 2])
def test_a_filling_is_scored_by_what_stands_before_and_what_follows(toy, decoder, context):
    generator = generator_of(toy, tasks="next,previous", context_paragraphs=context)
    found = generator.fill(BEFORE, AFTER, decoder=decoder, seed=1, max_length=12, num_samples=1)
    asked = {"decoder": decoder, "seed": 1, "max_length": 12}
    count = {"sample": 8, "beam": 5, "greedy": 1}[decoder]
    every = [
        each
        for prompt, task in ((BEFORE, "next"), (AFTER, "previous"))
        for each in generator.candidates(prompt, **asked, num_samples=count, task=task)
    ]
    scores = []
    for each in every:
        ids = each.paragraphs[0].ids
        own = log_probs(generator, ended(toy, BEFORE), ids)
        source = [*[token for token in ids if token != EOS], EOS]
        if context == 2:
            source = [*ended(toy, BEFORE), *source]
        following = log_probs(generator, source, ended(toy, "黛玉听见了。"))
        scores.append((mean(own) + mean(following), each.text))
    best_score, best_text = max(scores)
    assert [each.text for each in found] == [best_text]
    assert found[0].score == pytest.approx(best_score, abs=1e-4)
    assert found[0].prompt == BEFORE


@SOME
@given(st.data())
def test_a_rewriting_leaves_all_else_as_it_is_and_is_scored_with_what_follows(toy, data):
    start = data.draw(st.integers(0, len(PARAGRAPH) - 1))
    stop = data.draw(st.integers(start + 1, len(PARAGRAPH)))
    generator = generator_of(toy)
    found = generator.rewrite(BEFORE, PARAGRAPH, start, stop, seed=stop, num_samples=5)
    assert found
    assert len({each.text for each in found}) == len(found)
    opening = toy.tokenizer.encode(PARAGRAPH[:start])
    following = ended(toy, PARAGRAPH[stop:])
    for each in found:
        assert each.text.startswith(PARAGRAPH[:start])
        assert each.text.endswith(PARAGRAPH[stop:])
        assert each.text != PARAGRAPH
        ids = each.paragraphs[0].ids
        assert ids[: len(opening)] == opening
        assert ids[-len(following) :] == following
        own = log_probs(generator, ended(toy, BEFORE), ids)
        assert each.paragraphs[0].log_probabilities == pytest.approx(own, abs=1e-4)
        end = len(ids) - len(following)
        assert each.score == pytest.approx(
            mean(own[len(opening) : end]) + mean(own[end:]), abs=1e-4
        )
        assert len(list(generator.inspect(each.paragraphs[0]))) == len(ids)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


@pytest.mark.parametrize(("start", "stop"), [(3, 3), (-1, 2), (4, 99), (5, 2)])
def test_a_selection_outside_the_paragraph_is_refused(toy, start, stop):
    with pytest.raises(ConfigError, match=f"from {start} to {stop} is not within the"):
        generator_of(toy).rewrite(BEFORE, PARAGRAPH, start, stop)


def test_what_cannot_be_between_two_paragraphs_is_refused(toy):
    generator = generator_of(toy)
    with pytest.raises(ConfigError, match="--after: the text is empty"):
        generator.fill(BEFORE, " \n")
    with pytest.raises(ConfigError, match="--paragraphs"):
        generator.fill(BEFORE, AFTER, paragraphs=2)
    with pytest.raises(ConfigError, match="not trained for it"):
        generator_of(toy, tasks="previous").fill(BEFORE, AFTER)


@pytest.mark.parametrize("weight", [0.0, 0.4])
def test_a_cache_is_read_with_what_was_written_with_it(toy, weight):
    generator = generator_of(toy)
    found = generator.rewrite(BEFORE, PARAGRAPH, 3, 6, seed=1, cache_weight=weight)
    paragraph = found[0].paragraphs[0]
    told = [np.log(place.probability) for place in generator.inspect(paragraph)]
    assert paragraph.log_probabilities == pytest.approx(told, abs=1e-4)


def test_a_selection_has_its_opening(toy):
    with pytest.raises(ConfigError, match="--prefix"):
        generator_of(toy).rewrite(BEFORE, PARAGRAPH, 3, 6, prefix="我")
