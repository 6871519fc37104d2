"""The held-out parts: exact, never empty, and no target known from training."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from novelgen.data.split import (
    ALTERNATING,
    CHAPTERS,
    EACH_NOVEL,
    HALVES,
    NONE,
    TAIL,
    TEST,
    TRAIN,
    TRAINING_ONLY,
    VALID,
    WHOLE_NOVEL,
    describe_split,
    find_targets,
    number_within,
    split,
    split_novels,
)
from novelgen.errors import ConfigError, CorpusError


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


@given(chapters=corpora)
def test_every_part_has_a_pair_and_training_sees_nothing_held_out(chapters):
    is_target = find_targets(chapters)
    assume(is_target.any())
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


def corpus_of(*novels):
    """(chapters, numbers within the novels, starts) of novels of lengths[i] segments a chapter."""
    chapters, starts, segments, first = [], [], 0, 1
    for lengths in novels:
        starts.append(segments)
        chapters.append(chapters_of(lengths, first))
        first += len(lengths)
        segments += sum(lengths)
    chapters = np.concatenate(chapters)
    return chapters, number_within(chapters, starts, [1] * len(novels)), starts


def pairs_by_novel(corpus, parts):
    """The pairs of training, validation and test, for each novel."""
    chapters, _, starts = corpus
    is_target = find_targets(chapters)
    ends = [*starts[1:], len(chapters)]
    return [
        [int(np.sum(is_target[a:b] & (parts[a:b] == part))) for part in (TRAIN, VALID, TEST)]
        for a, b in zip(starts, ends, strict=True)
    ]


def test_one_novel_is_split_as_ever():
    for lengths in ([3] * 45, [11] * 19, [6], [5] * 9 + [1] + [5] * 10):
        corpus = corpus_of(lengths)
        parts, rule, rules = split_novels(*corpus)
        alone = split(corpus[0])
        assert np.array_equal(parts, alone.parts)
        assert (rule, rules) == (alone.rule, (alone.rule,))


def test_each_novel_is_split_as_if_it_were_alone_wherever_it_stands():
    novels = ([4] * 25, [30, 12, 25], [3] * 45, [40])
    alone = [split(chapters_of(lengths)) for lengths in novels]
    for order in ((0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)):
        parts, rule, rules = split_novels(*corpus_of(*(novels[place] for place in order)))
        assert rule == EACH_NOVEL
        assert rules == tuple(alone[place].rule for place in order)
        assert np.array_equal(parts, np.concatenate([alone[place].parts for place in order]))


def test_every_novel_of_enough_text_stands_in_every_part():
    corpus = corpus_of([4] * 25, [30, 12, 25], [2, 2], [40])
    parts, _, rules = split_novels(*corpus)
    assert rules == (CHAPTERS, TAIL, TRAINING_ONLY, TAIL)
    for place, pairs in enumerate(pairs_by_novel(corpus, parts)):
        assert min(pairs) > 0 or (place == 2 and pairs == [2, 0, 0])


def test_files_of_a_few_paragraphs_each_are_split_together():
    parts, rule, _ = split_novels(*corpus_of(*[[3]] * 30))
    assert rule == CHAPTERS
    assert parts[27:30].tolist() == [VALID] * 3
    assert split_novels(*corpus_of([2], [2])).rule == NONE


def test_text_before_the_first_heading_does_not_shift_the_numbers():
    chapters = chapters_of([5] * 50)
    numbers = number_within(chapters, [0, 125], [1, 0])
    assert numbers[124:131].tolist() == [25, 0, 0, 0, 0, 0, 1]
    parts = split_novels(chapters, numbers, [0, 125]).parts
    assert set(numbers[125:][parts[125:] == VALID].tolist()) == {10}
    assert set(numbers[125:][parts[125:] == TEST].tolist()) == {20}


def test_a_file_of_which_nothing_is_left_is_a_novel_without_a_segment():
    chapters = chapters_of([30, 30])
    numbers = number_within(chapters, [0, 0, 30, 60], [1, 1, 1, 1])
    _, rule, rules = split_novels(chapters, numbers, [0, 0, 30, 60])
    assert rule == EACH_NOVEL
    assert rules == (TRAINING_ONLY, TAIL, TAIL, TRAINING_ONLY)


def test_a_whole_novel_is_held_out_in_turns():
    corpus = corpus_of([4] * 25, [5, 1, 6, 7], [3] * 9)
    parts, rule, rules = split_novels(*corpus, held_out=1)
    assert rule == WHOLE_NOVEL
    assert rules == (TRAINING_ONLY, ALTERNATING, TRAINING_ONLY)
    # The chapter without a pair has no turn.
    assert pairs_by_novel(corpus, parts) == [[75, 0, 0], [0, 4 + 6, 5], [18, 0, 0]]
    assert parts[100:119].all()


def test_a_novel_of_one_chapter_is_held_out_in_halves():
    corpus = corpus_of([4] * 25, [9])
    parts, _, rules = split_novels(*corpus, held_out=1)
    assert rules == (TRAINING_ONLY, HALVES)
    assert pairs_by_novel(corpus, parts) == [[75, 0, 0], [0, 4, 4]]


def test_what_cannot_be_held_out_is_refused():
    with pytest.raises(ConfigError, match="fewer than two pairs"):
        split_novels(*corpus_of([4] * 25, [2]), held_out=1)
    with pytest.raises(ConfigError, match="no pair to train on"):
        split_novels(*corpus_of([1, 1], [20]), held_out=1)


def test_a_rule_of_another_version_is_shown_as_it_is():
    assert describe_split("by_moonlight") == "by_moonlight"


@given(
    novels=st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=30), min_size=1, max_size=5),
    data=st.data(),
)
def test_no_split_of_novels_trains_on_what_is_held_out(novels, data):
    corpus = corpus_of(*novels)
    is_target = find_targets(corpus[0])
    held_out = data.draw(st.none() | st.integers(0, len(novels) - 1))
    try:
        parts, rule, rules = split_novels(*corpus, held_out=held_out)
    except (ConfigError, CorpusError):
        return
    assert len(rules) == len(novels)
    if rule != NONE:
        assert all(np.any(is_target & (parts == part)) for part in (TRAIN, VALID, TEST))
        assert np.all(parts[np.flatnonzero(is_target & (parts == TRAIN)) - 1] == TRAIN)
    if held_out is not None:
        assert all(
            min(pairs[1:]) > 0 if place == held_out else not any(pairs[1:])
            for place, pairs in enumerate(pairs_by_novel(corpus, parts))
        )
