import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.data.passages import PASSAGE_LENGTH, PassageIndex
from novelgen.evaluation.text import copied, distinct, divergence, likeness, ngrams, repeated

texts = st.lists(st.text("天地玄黄", max_size=30), max_size=4)


def test_ngrams_in_order():
    assert list(ngrams("天地玄黄", 3)) == ["天地玄", "地玄黄"]
    assert list(ngrams("天", 2)) == []


def test_distinct_counts_over_all_texts():
    assert distinct(["天天地", "天地"], 1) == pytest.approx(2 / 5)
    assert distinct(["天天地", "天地"], 2) == pytest.approx(2 / 3)
    assert distinct([], 2) == 0


def test_repeated_counts_within_a_text_only():
    assert repeated(["天地玄黄", "天地玄黄"]) == 0
    assert repeated(["天地天地天地"], size=2) == pytest.approx(3 / 5)


def test_divergence_of_the_same_of_halves_and_of_strangers():
    assert divergence(["天地玄黄"], ["天地玄黄", "天地玄黄"]) == 0
    assert divergence(["天地玄黄"], ["宇宙洪荒"]) == pytest.approx(1)
    # P is all of one bigram, Q half of it: H(3/4, 1/4) - H(1/2, 1/2) / 2.
    assert divergence(["天地"], ["天地", "玄黄"]) == pytest.approx(0.8112781 - 0.5)
    assert divergence(["天"], ["天地"]) is None


@given(texts, texts)
def test_divergence_is_symmetric_and_at_most_a_bit(one, other):
    found = divergence(one, other)
    if found is not None:
        assert 0 <= found <= 1 + 1e-9
        assert found == pytest.approx(divergence(other, one))


@given(
    st.lists(st.text("天地", max_size=30), max_size=4),
    st.lists(st.text("天地", max_size=60), max_size=6),
)
def test_copied_is_what_a_plain_search_finds(written, training):
    found = copied(written, PassageIndex.build(training))
    grams = [gram for text in written for gram in ngrams(text, PASSAGE_LENGTH)]
    expected = sum(any(gram in line for line in training) for gram in grams)
    assert found == pytest.approx(expected / len(grams) if grams else 0.0)


def test_likeness_is_full_for_the_truth_and_low_for_something_else():
    truth = ["船来了，他上了船，没有回头。", "水落了三级，石头露了出来。"]
    same, other = likeness(truth, truth), likeness(["山高月小。", "风大得很，门关不上。"], truth)
    assert same["bleu"] == pytest.approx(100)
    assert same["chrf"] == pytest.approx(100)
    assert other["bleu"] < 10
    assert other["chrf"] < 20
