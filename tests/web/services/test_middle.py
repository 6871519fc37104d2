"""A paragraph between two, and other words for a selection."""

import pytest

from novelgen.errors import ConfigError
from novelgen.web.services.middle import Stopped, write_in_the_middle

MANUSCRIPT = "宝玉来了。\n黛玉说：“我不来。”\n他去了那里。"
OPTIONS = {"max_length": 20, "seed": 1, "paragraphs": 3, "task": None, "num_samples": 2}


@pytest.fixture(scope="module")
def generator(toy):
    return toy.generator(favour=dict.fromkeys(range(toy.first, toy.tokenizer.size), 6.0))


def _never():
    return False


@pytest.mark.parametrize("cursor", [0, 3, 5])
def test_a_paragraph_stands_behind_that_of_the_cursor(generator, cursor):
    found = write_in_the_middle(generator, MANUSCRIPT, cursor, cursor, OPTIONS, _never)
    first, new, *rest = found.splitlines()
    assert [first, *rest] == MANUSCRIPT.splitlines()
    assert new


@pytest.mark.parametrize("start", [9, 10])
def test_what_lies_outside_the_selection_stays(generator, start):
    found = write_in_the_middle(generator, MANUSCRIPT, start, 13, OPTIONS, _never)
    assert found != MANUSCRIPT
    assert found.startswith(MANUSCRIPT[:start])
    assert found.endswith(MANUSCRIPT[13:])


@pytest.mark.parametrize(
    ("start", "stop", "message"),
    [
        (len(MANUSCRIPT), len(MANUSCRIPT), "press Continue"),
        (8, 20, "within one paragraph"),
        (5, 6, "within one paragraph"),
        (0, 2, "from the second paragraph"),
    ],
)
def test_where_nothing_can_be_written_it_is_said(generator, start, stop, message):
    with pytest.raises(ConfigError, match=message):
        write_in_the_middle(generator, MANUSCRIPT, start, stop, OPTIONS, _never)


@pytest.mark.parametrize(("start", "stop"), [(3, 3), (9, 13)])
def test_what_is_stopped_ends_at_the_next_token(generator, start, stop):
    answers = iter([False, False, True])
    with pytest.raises(Stopped):
        write_in_the_middle(generator, MANUSCRIPT, start, stop, OPTIONS, lambda: next(answers))
    assert not list(answers)
