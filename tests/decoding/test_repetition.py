import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from novelgen.decoding.history import History, content_units
from novelgen.decoding.repetition import (
    dry,
    known_paragraphs,
    no_repeat_ngram,
    repetition_penalty,
)
from novelgen.decoding.vocabulary import Vocabulary
from novelgen.text.tokenizers import EOS, FIRST_CHARACTER, Tokenizer

SOME = settings(max_examples=50)
MARKS = "，！"
# Few characters, so that they repeat; 龘 and 龙 are spelled in bytes.
TEXTS = st.text("宝玉钗龘龙，！", max_size=16)


def content(text):
    return "".join(character for character in text if character not in MARKS)


def filled(toy, text, more=(), earlier=(), **known):
    """A row in which `text` is written, then the tokens `more`."""
    units = [content_units(toy.vocabulary, toy.tokenizer.encode(each)) for each in earlier]
    history = History(toy.vocabulary, 1, 80, [known_paragraphs(units, **known)])
    for token in [*toy.tokenizer.encode(text), *more]:
        history.append(np.array([token]))
    return history


def completions(toy, pending=()):
    """By character the token that completes it where the bytes `pending` are written."""
    found = {}
    for character in "宝玉钗龘龙":
        *begun, last = toy.tokenizer.encode(character)
        # A character with a token of its own is no matter of bytes.
        if begun in ([], list(pending)):
            found[character] = last
    return found


def zeros(toy):
    return np.zeros((1, toy.vocabulary.size), np.float32)


def forbidden(logits):
    return set(np.flatnonzero(np.isneginf(logits[0])).tolist())


@SOME
@given(
    st.lists(st.integers(3, 285), max_size=12),
    st.integers(1, 8),
    st.floats(1.01, 5),
    st.floats(-50, 50),
)
@example([FIRST_CHARACTER, FIRST_CHARACTER + 8], 8, 2.0, 0.0)  # a mark and a letter
def test_repetition_penalty_multiplies_log_probabilities_of_recent_content(
    toy, tokens, window, penalty, shift
):
    logits = np.random.default_rng(0).normal(0, 3, (1, toy.vocabulary.size)).astype(np.float32)
    history = filled(toy, "", tokens, size=0)
    after = repetition_penalty(penalty, window)(logits, history)[0].astype(float)
    shifted = repetition_penalty(penalty, window)(logits + np.float32(shift), history)[0].astype(
        float
    )
    expected = logits[0] - np.log(np.exp(logits[0].astype(float)).sum())
    punctuation = set(toy.tokenizer.punctuation_ids)
    for token in {
        token for token in tokens[-window:] if token >= toy.first and token not in punctuation
    }:
        expected[token] *= penalty
    assert after - after.max() == pytest.approx(expected - expected.max(), abs=1e-3)
    assert shifted - shifted.max() == pytest.approx(expected - expected.max(), abs=1e-3)


PENDING = st.sampled_from(["", "龘", "龙"])


@SOME
@given(TEXTS, st.lists(TEXTS, max_size=7), PENDING, st.integers(1, 4))
@example("宝玉", ["宝玉，钗"], "", 2)
@example("宝！", ["玉", "宝", "玉", "玉", "玉"], "", 2)
@example("宝！", ["宝", "玉", "玉", "玉", "玉"], "", 2)
@example("！", ["！"], "", 2)
def test_no_repeat_ngram_blocks_exactly_the_completions(toy, text, earlier, pending, size):
    """Against the definition, on the text itself."""
    begun = toy.tokenizer.encode(pending)[:2]
    history = filled(toy, text, begun, earlier, size=size)
    blocked = forbidden(no_repeat_ngram(size)(zeros(toy), history))
    across = math.ceil(1.5 * size)

    def stands_in(gram, paragraph, with_break):
        """Whether a paragraph has these characters, perhaps with marks between them."""
        places = [place for place, each in enumerate(paragraph) if each not in MARKS]
        return any(
            content(paragraph[begin:end]) == gram and (not with_break or end - begin > len(gram))
            for begin in places
            for end in (place + 1 for place in places)
        )

    expected = {
        token
        for character, token in completions(toy, begun).items()
        for longer in [content(text) + character]
        if (len(longer) >= size and longer[-size:] in longer[:-1])
        or (len(longer) >= 2 * size and any(longer[-2 * size :] in content(e) for e in earlier))
        or (
            len(longer) >= across
            and any(stands_in(longer[-across:], paragraph, True) for paragraph in earlier)
        )
    }
    known = earlier if len(content(text)) >= size else earlier[-4:]
    if 0 < len(content(text)) < 2 * size and content(text) in map(content, known):
        expected.add(EOS)
    assert blocked == expected


@pytest.mark.parametrize(("mark", "is_blocked"), [("·", False), ("，", True)])
def test_the_dots_within_a_foreign_name_are_no_break(mark, is_blocked):
    tokenizer = Tokenizer("卡拉马佐夫阿廖沙·，了来")
    vocabulary = Vocabulary.of(tokenizer)
    *begun, last = tokenizer.encode(f"阿廖沙{mark}卡拉马")
    earlier = known_paragraphs([content_units(vocabulary, [*begun, last])], 4)
    history = History(vocabulary, 1, 20, [earlier])
    for token in begun:
        history.append(np.array([token]))
    after = no_repeat_ngram(4)(np.zeros((1, vocabulary.size), np.float32), history)
    assert forbidden(after) == ({last} if is_blocked else set())


@example("！！！！", "！")
@example("！！！", None)
@example("…！…！…", None)
@SOME
@given(st.text("！…", max_size=7), st.none())
def test_a_run_of_marks_repeats_no_four_gram_of_its_own(toy, run, blocked):
    history = filled(toy, "宝玉" + run, size=3)
    found = forbidden(no_repeat_ngram(3)(zeros(toy), history))
    for mark in "！…":
        longer = run + mark
        repeats = len(longer) > 4 and longer[-4:] in longer[:-1]
        assert (toy.tokenizer.encode(mark)[0] in found) == repeats
    if blocked:
        assert toy.tokenizer.encode(blocked)[0] in found


@SOME
@given(
    TEXTS,
    st.lists(TEXTS, max_size=2),
    PENDING,
    st.integers(1, 4),
    st.integers(1, 30),
)
@example("宝玉钗宝玉", [], "", 2, 30)
@example("宝玉", ["宝玉钗"], "", 2, 30)
@example("宝玉", ["宝，玉钗"], "", 2, 30)
def test_dry_penalises_exactly_what_extends_a_repetition(
    toy, text, earlier, pending, allowed, window
):
    """Against the definition, on the text itself: marks are characters that match nothing."""
    begun = toy.tokenizer.encode(pending)[:2]
    history = filled(toy, text, begun, earlier, size=0, with_text=True)
    logits = np.random.default_rng(0).normal(0, 3, (1, toy.vocabulary.size)).astype(np.float32)
    changed = dry(0.8, 1.75, allowed, window)(logits, history)
    # Paragraphs are marks apart; the window counts characters.
    whole = "，".join([*earlier, text])
    while len(content(whole)) > window:
        whole = whole[1:]
    expected = logits[0].astype(float)
    for character, token in completions(toy, begun).items():
        lengths = [
            length
            for place, each in enumerate(whole)
            for length in range(1, place + 1)
            if each == character
            and whole[place - length : place] == whole[-length:]
            and content(whole[-length:]) == whole[-length:]
        ]
        if max(lengths, default=0) >= allowed:
            expected[token] -= 0.8 * 1.75 ** (max(lengths) - allowed)
    assert changed[0] == pytest.approx(expected, abs=1e-4)


def test_the_penalty_of_a_very_long_repetition_is_no_nan(toy):
    history = filled(toy, "宝玉" * 39, size=0)
    changed = dry(1, 10, 1, 1000)(zeros(toy), history)
    assert forbidden(changed) == set(toy.tokenizer.encode("宝"))
    assert not np.isnan(changed).any()
