from types import SimpleNamespace

import pytest

from novelgen.data.pairs import Pairs
from novelgen.evaluation.writing import measure, spread


def written(text, *log_probabilities, finished=True):
    paragraph = SimpleNamespace(
        text=text, log_probabilities=list(log_probabilities), finished=finished
    )
    return SimpleNamespace(text=text, paragraphs=[paragraph])


@pytest.mark.parametrize(("count", "places"), [(2, [0, 4]), (3, [0, 2, 4]), (9, [0, 1, 2, 3, 4])])
def test_sources_are_spread_from_the_first_to_the_last(toy, count, places):
    pairs = Pairs.from_texts([(mark, mark) for mark in "一不了的我"], toy.tokenizer)
    assert spread(pairs, count).tolist() == places


def test_measures_are_of_all_texts_together():
    found = measure(
        [written("天地", -1, -2, -3), written("天", -1, -1, finished=False)], ["天", "天"]
    )
    # Sums are divided once: a long text counts for more than a short one.
    assert found.log_probability == pytest.approx(-8 / 3)
    assert (found.distinct_1, found.length, found.finished) == (2 / 3, 1.5, 0.5)
    assert found.chrf is not None
    assert found.known().keys() >= {"log_probability", "bleu"}


def test_what_is_not_known_is_not_there():
    found = measure([written("", -1)])
    assert found.log_probability is None
    assert found.known().keys() == {
        *("distinct_1", "distinct_2", "repeated_4grams", "length", "finished")
    }
