import dataclasses
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from novelgen.config import DecodingConfig
from novelgen.decoding.filters import (
    apply,
    build_rules,
    largest,
    min_p,
    minimum_length,
    no_repeat_ngram,
    repetition_penalty,
    temperature,
    top_k,
    top_p,
    well_formed,
)
from novelgen.decoding.history import History, Vocabulary, content_units, following
from novelgen.text.tokenizers import BOS, EOS, FIRST_BYTE, PAD

SOME = settings(max_examples=50)
OFF = DecodingConfig(temperature=1, top_p=1, repetition_penalty=1, no_repeat_ngram=0, min_length=0)
# Few different values, so that there are ties; some tokens are forbidden already, but not all.
ROWS = arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(2, 9)),
    elements=st.sampled_from([-np.inf, -30, -2.5, -1, 0, 0.5, 0.5000001, 3, 80]),
).filter(lambda rows: np.isfinite(rows).any(axis=-1).all())


def support(logits):
    return [set(np.flatnonzero(np.isfinite(row)).tolist()) for row in logits]


def by_likelihood(row):
    """Finite tokens, likeliest first, of equals the first in the vocabulary."""
    return sorted(np.flatnonzero(np.isfinite(row)).tolist(), key=lambda token: (-row[token], token))


def probabilities(row):
    top = float(max(row))
    values = [math.exp(value - top) for value in row.astype(float)]
    total = math.fsum(values)
    return [value / total for value in values]


def history_of(vocabulary, tokens, capacity=60, earlier=None):
    history = History(vocabulary, 1, capacity, earlier)
    for token in tokens:
        history.append(np.array([token]))
    return history


@SOME
@given(ROWS, st.integers(1, 10))
def test_top_k_keeps_exactly_the_k_likeliest(rows, count):
    kept = top_k(count)(rows, None)
    assert support(kept) == [set(by_likelihood(row)[:count]) for row in rows]
    assert (kept[np.isfinite(kept)] == rows[np.isfinite(kept)]).all()


@SOME
@given(ROWS, st.floats(0.01, 0.999))
def test_top_p_keeps_the_smallest_set_that_reaches_the_share(rows, share):
    for row, kept in zip(rows, support(top_p(share)(rows, None)), strict=True):
        shares, order = probabilities(row), by_likelihood(row)
        assert kept == set(order[: len(kept)])
        assert math.fsum(shares[token] for token in kept) >= share - 1e-9
        assert math.fsum(shares[token] for token in order[: len(kept) - 1]) < share + 1e-9


@pytest.mark.parametrize("spread", [0.0, 0.5, 3.0, 12.0])
@pytest.mark.parametrize("share", [0.05, 0.9, 0.9999999])
def test_top_p_is_exact_for_flat_and_sharp_distributions_of_many_tokens(spread, share):
    row = np.random.default_rng(1).normal(0, spread, 40_000).astype(np.float32)
    shares, order = np.array(probabilities(row)), by_likelihood(row)
    count = int(np.searchsorted(np.cumsum(shares[order]), share)) + 1
    kept = support(top_p(share)(row[None], None))[0]
    assert abs(len(kept) - count) <= 1
    assert kept == set(order[: len(kept)])


@SOME
@given(ROWS, st.floats(0.001, 1))
def test_min_p_compares_with_the_likeliest(rows, share):
    for row, kept in zip(rows, support(min_p(share)(rows, None)), strict=True):
        shares = probabilities(row)
        for token, value in enumerate(shares):
            if abs(value / max(shares) - share) > 1e-6:
                assert (token in kept) == (value / max(shares) >= share and np.isfinite(row[token]))


@SOME
@given(ROWS, st.floats(0.05, 5))
def test_temperature_divides_the_logits(rows, value):
    for row, changed in zip(rows, temperature(value)(rows, None), strict=True):
        assert probabilities(changed) == pytest.approx(probabilities(row / value), abs=1e-5)


@SOME
@given(ROWS)
def test_temperature_near_zero_leaves_only_the_likeliest(rows):
    changed = temperature(1e-300)(rows, None)
    for row, after in zip(rows, changed, strict=True):
        assert not np.isnan(after).any()
        assert set(np.flatnonzero(after == after.max())) == set(np.flatnonzero(row == row.max()))
        assert np.isneginf(after[after < after.max()]).all()


@SOME
@given(ROWS, st.integers(1, 10))
def test_largest_is_exact_with_ties(rows, count):
    expected = [
        (row, token)
        for row, values in enumerate(rows)
        for token in sorted(
            np.flatnonzero(~np.isneginf(values)), key=lambda token: (-values[token], token)
        )[:count]
    ]
    assert list(zip(*largest(rows, count), strict=True)) == expected


@SOME
@given(st.data(), st.integers(1, 12))
def test_well_formed_text_is_whole_characters_only(toy, data, max_length):
    rule = well_formed(toy.vocabulary, max_length)
    history = history_of(toy.vocabulary, [], max_length)
    written = []
    for _ in range(max_length):
        allowed = sorted(support(rule(np.zeros((1, toy.vocabulary.size), np.float32), history))[0])
        assert not {PAD, BOS} & set(allowed)
        bytes_first = [token for token in allowed if FIRST_BYTE <= token < toy.first]
        written.append(data.draw(st.sampled_from(bytes_first or allowed)))
        history.append(np.array(written[-1:]))
    # Strict decoding raises where a character is broken or cut off.
    text = bytes(
        token - FIRST_BYTE for token in written if token < toy.first and token != EOS
    ).decode()
    assert not any(character < " " or "\x7f" <= character < "\xa0" for character in text)


def test_every_character_can_be_spelled_in_bytes(toy):
    rule = well_formed(toy.vocabulary, 4)
    for character in ["A", " ", "é", "\u00a0", "龘", "￿", "\ud7ff", "\ue000", "😀", "\U0010ffff"]:
        history = history_of(toy.vocabulary, [])
        for byte in character.encode():
            assert (
                FIRST_BYTE + byte
                in support(rule(np.zeros((1, toy.vocabulary.size), np.float32), history))[0]
            )
            history.append(np.array([FIRST_BYTE + byte]))
        assert history.byte_states[0] == 0


def test_control_characters_cannot_be_spelled(toy):
    first = support(
        well_formed(toy.vocabulary, 9)(
            np.zeros((1, toy.vocabulary.size), np.float32), history_of(toy.vocabulary, [])
        )
    )[0]
    assert not first & {
        FIRST_BYTE + byte for byte in (0, 9, 10, 13, 27, 0x7F, 0x80, 0xC0, 0xC1, 0xF5, 0xFF)
    }
    second = support(
        well_formed(toy.vocabulary, 9)(
            np.zeros((1, toy.vocabulary.size), np.float32),
            history_of(toy.vocabulary, [FIRST_BYTE + 0xC2]),
        )
    )[0]
    assert second == {FIRST_BYTE + byte for byte in range(0xA0, 0xC0)}


@SOME
@given(st.integers(0, 6), st.integers(1, 6))
def test_minimum_length_forbids_only_the_early_end(toy, written, length):
    logits = np.zeros((1, toy.vocabulary.size), np.float32)
    kept = support(
        minimum_length(length)(logits, history_of(toy.vocabulary, [toy.first] * written))
    )[0]
    assert (EOS in kept) == (written >= length)
    assert len(kept) >= toy.vocabulary.size - 1


@SOME
@given(
    st.lists(st.integers(3, 285), max_size=12),
    st.integers(1, 8),
    st.floats(1.01, 5),
    st.floats(-50, 50),
)
def test_repetition_penalty_multiplies_log_probabilities_of_recent_content(
    toy, tokens, window, penalty, shift
):
    logits = np.random.default_rng(0).normal(0, 3, (1, toy.vocabulary.size)).astype(np.float32)
    history = history_of(toy.vocabulary, tokens)
    after = repetition_penalty(penalty, window)(logits, history)[0].astype(float)
    shifted = repetition_penalty(penalty, window)(logits + np.float32(shift), history)[0].astype(
        float
    )
    expected = np.log(probabilities(logits[0]))
    punctuation = set(toy.tokenizer.punctuation_ids)
    for token in {
        token for token in tokens[-window:] if token >= toy.first and token not in punctuation
    }:
        expected[token] *= penalty
    assert after - after.max() == pytest.approx(expected - expected.max(), abs=1e-3)
    assert shifted - shifted.max() == pytest.approx(expected - expected.max(), abs=1e-3)


def spelled(character):
    return [FIRST_BYTE + byte for byte in character.encode()]


@SOME
@given(st.data(), st.integers(1, 4))
def test_no_repeat_ngram_blocks_exactly_the_completions(toy, data, size):
    """Against the definition: a token is blocked when with it the content repeats an n-gram.

    Punctuation is skipped.
    """
    content = [[toy.first + place] for place in range(8, 11)]
    marks = [[token] for token in toy.tokenizer.punctuation_ids[:2]]
    pieces = st.lists(
        st.sampled_from([*content, *marks, spelled("龘"), spelled("龙")]), max_size=16
    )
    tokens = [token for piece in data.draw(pieces) for token in piece]
    partial = data.draw(st.sampled_from([[], spelled("龘")[:2], spelled("龙")[:1]]))
    earlier = [content_units(toy.vocabulary, [t for piece in data.draw(pieces) for t in piece])]
    history = history_of(toy.vocabulary, tokens + partial, 80, [following(earlier, 2 * size)])
    kept = support(no_repeat_ngram(size)(np.zeros((1, toy.vocabulary.size), np.float32), history))[
        0
    ]

    def grams(units, n):
        return [tuple(units[start : start + n]) for start in range(len(units) - n + 1)]

    before = content_units(toy.vocabulary, tokens + partial)
    for token in [
        toy.first + 8,
        toy.first + 9,
        spelled("龘")[2],
        spelled("龙")[2],
        spelled("龘")[1],
        EOS,
    ]:
        units = content_units(toy.vocabulary, [*tokens, *partial, token])
        repeats = len(units) > len(before) and bool(
            set(grams(units, size)[-1:]) & set(grams(before, size))
            or set(grams(units, 2 * size)[-1:]) & set(grams(earlier[0], 2 * size))
        )
        assert (token not in kept) == repeats, token


@example("！！！！", "！")
@example("！！！", None)
@example("…！…！…", None)
@SOME
@given(st.text("！…", max_size=7), st.none())
def test_a_run_of_marks_repeats_no_four_gram_of_its_own(toy, run, blocked):
    history = history_of(toy.vocabulary, toy.tokenizer.encode("宝玉" + run))
    kept = support(no_repeat_ngram(3)(np.zeros((1, toy.vocabulary.size), np.float32), history))[0]
    for mark in "！…":
        longer = run + mark
        repeats = len(longer) > 4 and longer[-4:] in longer[:-1]
        assert (toy.tokenizer.encode(mark)[0] not in kept) == repeats
    if blocked:
        assert toy.tokenizer.encode(blocked)[0] not in kept


def test_where_everything_is_blocked_the_paragraph_ends(toy):
    nothing = np.full((2, toy.vocabulary.size), -np.inf, np.float32)
    nothing[1, toy.first] = 1
    rules = build_rules(DecodingConfig(), toy.vocabulary)
    assert support(apply(rules, nothing, History(toy.vocabulary, 2, 9))) == [{EOS}, {toy.first}]


def test_rules_leave_the_logits_they_are_given_unchanged(toy):
    logits = np.random.default_rng(3).normal(0, 2, (1, toy.vocabulary.size)).astype(np.float32)
    before = logits.copy()
    config = DecodingConfig(top_k=20, min_p=0.01, no_repeat_ngram=1)
    apply(
        build_rules(config, toy.vocabulary), logits, history_of(toy.vocabulary, [toy.first + 9] * 2)
    )
    assert (logits == before).all()


def test_rules_that_are_off_are_left_out(toy):
    assert len(build_rules(OFF, toy.vocabulary)) == 1
    assert len(build_rules(DecodingConfig(top_k=5, min_p=0.1), toy.vocabulary)) == 8


@SOME
@given(st.integers(0, 10_000))
def test_greedy_leaves_out_only_what_cannot_change_its_choice(seed):
    chance = np.random.default_rng(seed)
    logits = chance.normal(0, 3, (4, 300)).round(1).astype(np.float32)  # rounded: with ties
    logits[chance.random(logits.shape) < 0.3] = -np.inf
    vocabulary = Vocabulary(300, np.zeros(300, dtype=bool))
    options = {
        "temperature": float(chance.uniform(0.1, 9)),
        "top_k": int(chance.integers(0, 5)),
        "top_p": float(chance.uniform(0.1, 1)),
        "min_p": float(chance.uniform(0, 1)),
    }
    short, whole = (
        apply(
            build_rules(DecodingConfig(decoder=decoder, **options), vocabulary),
            logits,
            History(vocabulary, 4, 50),
        )
        for decoder in ("greedy", "sample")
    )
    assert np.array_equal(short.argmax(-1), whole.argmax(-1))


@SOME
@given(st.integers(0, 10_000))
def test_the_largest_of_rows_with_ties_and_forbidden_tokens(seed):
    chance = np.random.default_rng(seed)
    values = chance.normal(0, 1, (3, int(chance.integers(1, 400)))).round(1).astype(np.float32)
    values[chance.random(values.shape) < chance.choice([0.0, 0.5, 0.99])] = -np.inf
    count = int(chance.integers(1, 50))
    first = np.argsort(-values, axis=1, kind="stable")[:, :count]
    expected = [
        (row, token)
        for row, tokens in enumerate(first)
        for token in tokens
        if values[row, token] > -np.inf
    ]
    assert list(zip(*largest(values, count), strict=True)) == expected


LETTERS_OF_A_ROW = [9, 10, 11, 9, 10, 12, 13, 9]  # the pair 9 10 would come twice, no triple


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"temperature": 0.7}, temperature(0.7)),
        ({"top_k": 5}, top_k(5)),
        ({"top_p": 0.6}, top_p(0.6)),
        ({"min_p": 0.1}, min_p(0.1)),
        ({"repetition_penalty": 1.5, "repetition_window": 4}, repetition_penalty(1.5, 4)),
        ({"no_repeat_ngram": 2}, no_repeat_ngram(2)),
        ({"min_length": 9}, minimum_length(9)),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_every_rule_is_given_its_own_option(toy, options, rule):
    logits = np.random.default_rng(5).normal(0, 2, (1, toy.vocabulary.size)).astype(np.float32)
    history = history_of(toy.vocabulary, [toy.first + place for place in LETTERS_OF_A_ROW])
    config = dataclasses.replace(OFF, **options)
    by_option = apply(build_rules(config, toy.vocabulary), logits, history)
    by_hand = apply([well_formed(toy.vocabulary, config.max_length), rule], logits, history)
    assert np.array_equal(by_option, by_hand)
    assert not np.array_equal(by_option, apply(build_rules(OFF, toy.vocabulary), logits, history))


def test_the_longest_paragraph_is_given_its_own_option(toy):
    # Two tokens are left of ten: a character of three bytes is not begun, one of two is.
    config = dataclasses.replace(OFF, max_length=10)
    history = history_of(toy.vocabulary, [toy.first] * 8)
    logits = np.zeros((1, toy.vocabulary.size), np.float32)
    kept = support(apply(build_rules(config, toy.vocabulary), logits, history))[0]
    assert FIRST_BYTE + 0xE5 not in kept
    assert FIRST_BYTE + 0xC3 in kept


def test_greedy_decoding_keeps_the_rules_against_repetition(toy):
    config = dataclasses.replace(OFF, decoder="greedy", no_repeat_ngram=2)
    history = history_of(toy.vocabulary, [toy.first + place for place in LETTERS_OF_A_ROW])
    logits = np.zeros((1, toy.vocabulary.size), np.float32)
    kept = support(apply(build_rules(config, toy.vocabulary), logits, history))[0]
    assert toy.first + 10 not in kept
    assert toy.first + 11 in kept


@pytest.mark.parametrize(("share", "count"), [(0.25, 1), (0.5, 2), (0.75, 3)])
def test_top_p_that_is_reached_exactly_takes_no_token_more(share, count):
    equal = np.zeros((1, 4), np.float32)
    assert support(top_p(share)(equal, None)) == [set(range(count))]


def test_min_p_keeps_a_token_that_is_exactly_as_likely_as_asked_for():
    assert support(min_p(1.0)(np.array([[0.0, 0.0, -1e-3]], np.float32), None)) == [{0, 1}]
