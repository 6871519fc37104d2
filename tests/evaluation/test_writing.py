from types import SimpleNamespace

import pytest

from novelgen.data.pairs import Pairs
from novelgen.evaluation.writing import measure_writing, spread

TEXTS = [(f"宝玉笑道{mark}", f"黛玉说{mark}") for mark in "一不了的我"]


@pytest.fixture
def pairs(toy):
    return Pairs.from_texts(TEXTS, toy.tokenizer)


class Echo:
    """Writes every source back, and notes what it was asked for."""

    def __init__(self, tokenizer):
        self.tokenizer = self.source_tokenizer = tokenizer
        self.asked = []

    def candidates(self, prompt, **options):
        self.asked.append((prompt, options["seed"]))
        return [SimpleNamespace(text=prompt)]


@pytest.mark.parametrize(("count", "places"), [(2, [0, 4]), (3, [0, 2, 4]), (9, [0, 1, 2, 3, 4])])
def test_sources_are_spread_from_the_first_to_the_last(pairs, count, places):
    assert spread(pairs, count).tolist() == places


def test_every_source_has_a_seed_of_its_own(toy, pairs):
    echo, told = Echo(toy.tokenizer), []
    measure_writing(echo, pairs, 3, None, {"seed": 7}, lambda *done: told.append(done))
    assert echo.asked == [(TEXTS[0][0], 7), (TEXTS[2][0], 8), (TEXTS[4][0], 9)]
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_copying_is_measured_where_the_training_text_is_known(toy, pairs):
    line = "宝玉笑道我" * 3
    texts = Pairs.from_texts([(line, line)], toy.tokenizer)
    options = {"seed": 1}
    without = measure_writing(Echo(toy.tokenizer), texts, 1, None, options)
    assert "copied_8grams" not in without
    known = measure_writing(Echo(toy.tokenizer), texts, 1, [line], options)
    other = measure_writing(Echo(toy.tokenizer), texts, 1, ["黛玉说" * 5], options)
    assert (known["copied_8grams"], other["copied_8grams"]) == (1.0, 0.0)
