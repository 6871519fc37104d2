import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from novelgen.config import DecodingConfig
from novelgen.decoding.filters import (
    apply,
    build_rules,
    min_p,
    minimum_length,
    temperature,
    top_k,
    top_p,
    typical_p,
    well_formed,
)
from novelgen.decoding.history import History
from novelgen.decoding.logits import largest
from novelgen.decoding.repetition import dry, no_repeat_ngram, repetition_penalty
from novelgen.decoding.vocabulary import Vocabulary
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
@given(ROWS, st.floats(0.01, 0.999))
def test_typical_p_keeps_the_smallest_set_of_the_most_typical(rows, share):
    for row, kept in zip(rows, support(typical_p(share)(rows, None)), strict=True):
        shares = probabilities(row)
        entropy = -math.fsum(value * math.log(value) for value in shares if value)
        distance = {
            token: abs(-math.log(value) - entropy) for token, value in enumerate(shares) if value
        }
        border = max(distance.get(token, math.inf) for token in kept)
        assert all(each >= border - 1e-5 for token, each in distance.items() if token not in kept)
        assert math.fsum(shares[token] for token in kept) >= share - 1e-9
        last = max(kept, key=lambda token: (distance[token], token))
        assert math.fsum(shares[token] for token in kept - {last}) < share + 1e-6


def test_the_likeliest_token_may_be_no_typical_one():
    # The entropy is 1.75, the information of the likeliest 0.92, of the others 2.30.
    row = np.log(np.array([[0.4] + [0.1] * 6], np.float32))
    assert support(typical_p(0.25)(row, None)) == [{1, 2, 3}]


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
        ({"typical_p": 0.3}, typical_p(0.3)),
        ({"repetition_penalty": 1.5, "repetition_window": 4}, repetition_penalty(1.5, 4)),
        ({"no_repeat_ngram": 2}, no_repeat_ngram(2)),
        (
            {"dry_multiplier": 2, "dry_base": 3, "dry_allowed_length": 1, "dry_window": 7},
            dry(2, 3, 1, 7),
        ),
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
