"""The held-out parts: exact, never empty, and no target known from training."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novelgen.data.split import CHAPTERS, NONE, TAIL, TEST, TRAIN, VALID, find_targets, split
from novelgen.errors import CorpusError


def chapters_of(lengths, first=1):
    """The chapter numbers of segments: lengths[i] segments of chapter first + i."""
    return np.repeat(np.arange(first, first + len(lengths)), lengths).astype(np.int32)


corpora = st.builds(
    chapters_of, st.lists(st.integers(0, 6), min_size=1, max_size=60), st.integers(0, 1)
)


def test_targets_have_a_predecessor_in_their_chapter():
    assert find_targets(chapters_of([2, 1, 3])).tolist() == [False, True, False, False, True, True]


def test_chapters_10_30_validate_and_20_40_test():
    chapters = chapters_of([3] * 45)
    parts, rule = split(chapters)
    assert rule == CHAPTERS
    assert set(chapters[parts == VALID].tolist()) == {10, 30}
    assert set(chapters[parts == TEST].tolist()) == {20, 40}


def test_what_stands_before_the_first_heading_is_for_training():
    chapters = chapters_of([3] * 25, first=0)
    parts, rule = split(chapters)
    assert rule == CHAPTERS
    assert parts[0] == TRAIN


def test_nineteen_chapters_hold_out_the_last_tenth():
    chapters = chapters_of([11] * 19)
    parts, rule = split(chapters)
    is_target = find_targets(chapters)
    assert rule == TAIL
    assert [int(np.sum(is_target & (parts == part))) for part in (TRAIN, VALID, TEST)] == [
        171,
        9,
        10,
    ]
    assert np.all(np.diff(parts.astype(int)) >= 0)


def test_an_empty_held_out_chapter_falls_back_to_the_tail():
    assert split(chapters_of([5] * 9 + [1] + [5] * 10)).rule == TAIL


def test_six_targets_are_divided_and_five_are_not():
    assert split(chapters_of([7])).rule == TAIL
    parts, rule = split(chapters_of([6]))
    assert rule == NONE
    assert not parts.any()


def test_chapters_of_one_paragraph_have_no_pair():
    with pytest.raises(CorpusError, match="no pair"):
        split(chapters_of([1] * 30))


@settings(deadline=None)
@given(chapters=corpora)
def test_every_part_has_a_pair_and_training_sees_nothing_held_out(chapters):
    is_target = find_targets(chapters)
    if not is_target.any():
        return
    parts, rule = split(chapters)
    pairs = [int(np.sum(is_target & (parts == part))) for part in (TRAIN, VALID, TEST)]
    if rule == NONE:
        assert is_target.sum() < 6
        return
    assert min(pairs) > 0
    # The source of a training pair is training text.
    assert np.all(parts[np.flatnonzero(is_target & (parts == TRAIN)) - 1] == TRAIN)
    if rule == CHAPTERS:
        held_out = {number for number in range(1, int(chapters.max()) + 1) if number % 10 == 0}
        assert set(chapters[parts != TRAIN].tolist()) == held_out & set(chapters.tolist())
    else:
        assert abs(pairs[1] - pairs[2]) <= 1
        assert pairs[1] + pairs[2] == max(2, round(sum(pairs) / 10))
