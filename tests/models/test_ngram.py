"""Modified Kneser-Ney against the formulas of Chen and Goodman (1999) and against KenLM.

kenlm.json holds paragraphs that were counted, others that were read, and the log10 probability that
KenLM (commit 4cb443e) gives each character and end of those: `lmplz -o ORDER`, `query -v word`, a
character a word.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.models.ngram import NgramModel
from tests.models.ngram_reference import Reference

KENLM = json.loads(Path(__file__).with_name("kenlm.json").read_text(encoding="utf-8"))
BOS, EOS = 1, 2
UNKNOWN = 3
SIZE = 9
TARGETS = st.lists(st.lists(st.integers(EOS, SIZE - 1), min_size=1, max_size=8), min_size=1)
ORDERS = pytest.mark.parametrize("order", [1, 2, 3, 4])


def flat(targets):
    """Targets as `NgramModel.count` takes them."""
    return np.concatenate([np.array(each) for each in targets]), np.array(list(map(len, targets)))


def count(targets, order):
    return NgramModel.count(*flat(targets), SIZE, order)


def long_text(seed=1):
    """Targets that repeat themselves enough for all discounts to be estimated."""
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, SIZE - EOS)
    words = rng.choice(np.arange(EOS + 1, SIZE), size=(40, 6), p=shares / shares.sum())
    return [[*row.tolist(), EOS] for row in words]


@pytest.mark.parametrize("order", KENLM["log10"])
def test_probabilities_are_those_of_kenlm(order):
    seen = sorted(set("".join(KENLM["counted"])))
    ids = {character: number for number, character in enumerate(seen, UNKNOWN + 1)}

    def tokens(paragraphs):
        return flat([[*(ids.get(each, UNKNOWN) for each in line), EOS] for line in paragraphs])

    model = NgramModel.count(*tokens(KENLM["counted"]), len(ids) + UNKNOWN + 1, int(order))
    read, lengths = tokens(KENLM["read"])
    found = np.log10(model.probabilities(model.contexts(read, lengths), read))
    assert found == pytest.approx(np.concatenate(KENLM["log10"][order]), abs=1e-6)


@ORDERS
@pytest.mark.parametrize("targets", [long_text(), long_text()[:3], [[EOS]], [[3, 3, 3, 3]]])
def test_probabilities_are_those_of_the_formulas(order, targets):
    model, reference = count(targets, order), Reference(targets, order, SIZE)
    # Texts that were counted, and one that has contexts of which nothing is known.
    for target in [*targets[:4], [5, 3, 3, 8, 2, 7, 7, 4, EOS]]:
        tokens, lengths = flat([target])
        contexts = model.contexts(tokens, lengths)
        expected = [
            [reference.probability((BOS, *target[:at]), token) for token in range(SIZE)]
            for at in range(len(target))
        ]
        assert model.distributions(contexts) == pytest.approx(np.array(expected), abs=1e-6)


def test_the_long_text_has_discounts_of_its_own():
    for k, (counts, d, *_) in Reference(long_text(), 3, SIZE).tables.items():
        assert k == 1 or d != {1: 0.5, 2: 1.0, 3: 1.5}, counts


@ORDERS
@given(TARGETS, TARGETS)
def test_every_distribution_sums_to_one_over_all_tokens_that_can_be_written(order, text, other):
    model = count(text, order)
    tokens, lengths = flat([*other, *text])
    contexts = model.contexts(tokens, lengths)
    probs = model.distributions(contexts)  # (N, V)
    assert probs.sum(1) == pytest.approx(1, abs=1e-5)
    assert (probs[:, EOS:] > 0).all()
    assert not probs[:, :EOS].any()
    # The true tokens alone, in one go.
    chosen = probs[np.arange(len(tokens)), tokens]
    assert model.probabilities(contexts, tokens) == pytest.approx(chosen, rel=1e-4)


@ORDERS
@given(TARGETS, TARGETS)
def test_contexts_that_advance_are_those_of_a_whole_target(order, text, other):
    model = count(text, order)
    target = other[0]
    advancing = model.start(1)
    for row, token in zip(model.contexts(*flat([target])), target, strict=True):
        assert advancing[0].tolist() == row.tolist()
        advancing = model.advance(advancing, np.array([token]))


def test_large_vocabularies_and_high_orders_do_not_overflow():
    size = 2_000_000
    target = [size - 1, size - 2, size - 1, EOS]
    tokens, lengths = flat([target] * 3)
    model = NgramModel.count(tokens, lengths, size, order=6)
    probs = model.probabilities(model.contexts(tokens, lengths), tokens)
    # Such a text, and no other, was seen.
    assert (probs > 0.3).all()


@ORDERS
def test_arrays_make_the_same_model(order):
    model = count(long_text(), order)
    again = NgramModel.from_arrays(model.arrays())
    assert (again.order, again.vocabulary_size) == (order, SIZE)
    contexts = model.contexts(*flat(long_text(2)))
    assert np.array_equal(again.distributions(contexts), model.distributions(contexts))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("unigram", lambda array: array * np.nan),
        ("unigram", lambda array: array.astype(np.float64)),
        ("unigram", lambda array: array[:3]),
        ("probs_3", lambda array: -array),
        ("probs_3", lambda array: array[1:]),
        ("grams_2", lambda array: array[::-1]),
        ("grams_3", lambda array: array + 10**6),
        ("contexts_3", lambda array: array + 10**6),
        ("contexts_3", lambda array: array[1:]),
        ("backoffs_2", lambda array: array + 2),
    ],
)
def test_arrays_that_are_no_models_are_refused(name, change):
    arrays = count(long_text(), 3).arrays()
    with pytest.raises(ValueError, match=r"."):
        NgramModel.from_arrays({**arrays, name: change(arrays[name])})


def test_arrays_that_are_missing_are_refused():
    arrays = count(long_text(), 3).arrays()
    del arrays["grams_3"]
    with pytest.raises(ValueError, match="arrays"):
        NgramModel.from_arrays(arrays)
