import numpy as np
import pytest

from novelgen.data.spans import next_spans, previous_spans, same_spans

# Two chapters of four and three segments; the part is all but segment 2.
CHAPTERS = np.array([1, 1, 1, 1, 2, 2, 2])
ALL = np.ones(7, dtype=bool)
PART = np.array([True, True, False, True, True, True, True])


def pairs(spans):
    """{target: the segments of its source}."""
    return {
        target: list(range(start, end))
        for target, start, end in zip(*(column.tolist() for column in spans), strict=True)
    }


@pytest.mark.parametrize(
    ("context", "found"),
    [
        (1, {1: [0], 2: [1], 3: [2], 5: [4], 6: [5]}),
        (2, {1: [0], 2: [0, 1], 3: [1, 2], 5: [4], 6: [4, 5]}),
    ],
)
def test_the_next_segment_has_those_before_it_in_its_chapter(context, found):
    assert pairs(next_spans(CHAPTERS, ALL, context)) == found


def test_the_same_segment_is_the_last_of_its_source():
    assert pairs(same_spans(CHAPTERS, ALL, 2)) == {
        0: [0],
        1: [0, 1],
        2: [1, 2],
        3: [2, 3],
        4: [4],
        5: [4, 5],
        6: [5, 6],
    }


def test_the_previous_segment_has_those_behind_it_in_its_chapter():
    assert pairs(previous_spans(CHAPTERS, ALL, 2)) == {
        0: [1, 2],
        1: [2, 3],
        2: [3],
        4: [5, 6],
        5: [6],
    }


def test_targets_are_of_the_part_alone():
    assert set(pairs(next_spans(CHAPTERS, PART, 1))) == {1, 3, 5, 6}
    assert set(pairs(same_spans(CHAPTERS, PART, 1))) == {0, 1, 3, 4, 5, 6}


def test_behind_the_previous_segment_only_text_of_its_part_is_read():
    # Segment 1 is followed by one of another part: its source would be held-out text.
    assert pairs(previous_spans(CHAPTERS, PART, 2)) == {0: [1], 4: [5, 6], 5: [6]}
