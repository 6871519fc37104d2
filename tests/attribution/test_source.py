"""What the source did, against what can be computed one source at a time."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from novelgen.attribution.forced import Written
from novelgen.attribution.source import (
    characters_of,
    information_of_source,
    leave_out,
    sentences_of,
    words_of,
)
from novelgen.config import TextConfig
from novelgen.models.zoo import VARIANTS
from novelgen.text.prompt import clean_prompt
from novelgen.text.tokenizers import EOS, Tokenizer

DEVICE = torch.device("cpu")


def log_probs(model, source, tokens):
    """log₂ p of tokens, step by step: the contract that decoding uses."""
    memory, state = model.start(torch.tensor([source]), torch.tensor([len(source)]))
    before = 1
    found = []
    for token in tokens:
        logits, state, _ = model.step(torch.tensor([before]), memory, state)
        found.append(float(logits[0].log_softmax(0)[token]) / np.log(2))
        before = token
    return np.array(found)


@pytest.mark.parametrize("name", VARIANTS)
@torch.inference_mode()
def test_leaving_out_equals_one_source_after_the_other(make_model, written, name):
    model = make_model(model=name)
    parts = [[0], [1, 3], [0, 1, 2, 3]]
    effects = leave_out(model, written, parts, DEVICE)
    assert effects.shape == (4, 3)
    whole = log_probs(model, written.source, written.tokens)
    for column, rest in enumerate(([7, 9, 5, 2], [5, 9, 2], [2])):
        without = log_probs(model, rest, written.tokens)
        assert effects[:, column] == pytest.approx(whole - without, abs=1e-4)
    assert information_of_source(model, written, DEVICE) == pytest.approx(effects[:, 2], abs=1e-5)


@torch.inference_mode()
def test_a_source_that_is_ignored_gives_no_bits(make_model, written):
    model = make_model(model="sutskever")
    assert abs(information_of_source(model, written, DEVICE)).max() > 1e-4
    # An encoder of zeros says the same of every source.
    for parameter in model.encoder.parameters():
        parameter.zero_()
    assert information_of_source(model, written, DEVICE) == pytest.approx([0] * 4, abs=1e-6)
    effects = leave_out(model, written, characters_of(written.source), DEVICE)
    assert effects == pytest.approx(np.zeros((4, 4)), abs=1e-6)


@torch.inference_mode()
def test_more_sources_than_are_read_at_a_time(make_model, monkeypatch):
    monkeypatch.setattr("novelgen.attribution.forced.TOKENS_AT_ONCE", 30)
    model = make_model()
    rng = np.random.default_rng(0)
    long = Written([*rng.integers(3, 12, 40).tolist(), EOS], [4, 6, 2])
    effects = leave_out(model, long, characters_of(long.source), DEVICE)
    place = 37
    rest = [token for number, token in enumerate(long.source) if number != place]
    expected = log_probs(model, long.source, long.tokens) - log_probs(model, rest, long.tokens)
    assert effects[:, place] == pytest.approx(expected, abs=1e-4)


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer("我来了你走。，“”道：不在")


def ids(tokenizer, text):
    segments = clean_prompt(text, TextConfig())
    return [token for segment in segments for token in (*tokenizer.encode(segment), EOS)]


def texts(tokenizer, source, parts):
    return [tokenizer.decode(source[place] for place in part) for part in parts]


def test_a_sentence_keeps_its_closing_quote_and_a_segment_its_end(tokenizer):
    source = ids(tokenizer, "我来了。你道：“不走。”\n你在")
    parts = sentences_of(source, tokenizer)
    assert texts(tokenizer, source, parts) == ["我来了。", "你道：“不走。”", "你在"]
    # Between segments an end mark goes with its sentence; the last one always stays.
    assert source[parts[1][-1]] == EOS
    assert parts[2][-1] == len(source) - 2


@given(st.text(alphabet="我来了你走。，“”道𠀀龘 \n", min_size=1, max_size=40))
def test_parts_are_disjoint_and_hold_whole_characters(text):
    tokenizer = Tokenizer("我来了你走。，“”道")
    source = ids(tokenizer, text)
    for parts in (characters_of(source), words_of(source, tokenizer)):
        positions = [place for part in parts for place in part]
        assert len(positions) == len(set(positions))
        assert EOS not in [source[place] for place in positions]
        assert "\N{REPLACEMENT CHARACTER}" not in "".join(texts(tokenizer, source, parts))
    characters = characters_of(source)
    assert len(characters) == sum(len(segment) for segment in clean_prompt(text, TextConfig()))
    sentences = [place for part in sentences_of(source, tokenizer) for place in part]
    assert sentences == list(range(len(source) - 1))


def test_words_leave_punctuation_out(tokenizer):
    source = ids(tokenizer, "我来了，你不在。")
    found = "".join(texts(tokenizer, source, words_of(source, tokenizer)))
    assert found == "我来了你不在"
