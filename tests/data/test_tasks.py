"""The tasks: which pairs each has, that none of them leaks, and how an epoch draws them."""

import numpy as np
import pytest

from novelgen.config import DataConfig, TextConfig
from novelgen.data.pairs import Pairs
from novelgen.data.prepare import open_or_build
from novelgen.data.split import CHAPTERS, NONE, PARTS, TAIL
from novelgen.data.tasks import (
    TaskPairs,
    first_tokens,
    pairs_by_task,
    pairs_of,
    trained_task,
    training_pairs,
)
from novelgen.errors import ConfigError, CorpusError
from novelgen.text.tokenizers import BOS

ALL = DataConfig(tasks="next=2,previous,same")
BOOKS = {CHAPTERS: [3 + number % 4 for number in range(40)], TAIL: [30, 12, 25], NONE: [3, 2]}


@pytest.fixture(params=BOOKS)
def store(request, make_novel, tmp_path):
    store = open_or_build(
        [make_novel(BOOKS[request.param])], TextConfig(), DataConfig(), tmp_path / "stores"
    )
    assert store.meta["split"]["rule"] == request.param
    return store


def expected(store, part, task, context):
    """The pairs by the definition of the task, as (segments of the source, the target's)."""
    chapters, is_in = store.chapters.tolist(), store.is_in(part).tolist()

    def in_chapter(places, target):
        return [
            place
            for place in places
            if 0 <= place < len(chapters) and chapters[place] == chapters[target]
        ]

    for target in np.flatnonzero(is_in).tolist():
        source = {
            "next": in_chapter(range(target - context, target), target),
            "same": in_chapter(range(target - context + 1, target + 1), target),
            "previous": in_chapter(range(target + 1, target + context + 1), target),
        }[task]
        if task == "previous":  # up to where the part ends
            source = source[
                : next((number for number, place in enumerate(source) if not is_in[place]), None)
            ]
        if source:
            yield source, target


@pytest.mark.parametrize("context", [1, 2, 100])
@pytest.mark.parametrize("task", ["next", "previous", "same"])
def test_the_pairs_of_a_task_are_those_of_its_definition(store, task, context):
    texts = list(store.texts())
    for part in PARTS:
        pairs = Pairs.from_store(store, part, context, task, 7)
        told = [
            ("\n".join(texts[place] for place in source), texts[target])
            for source, target in expected(store, part, task, context)
        ]
        assert pairs.texts(range(len(pairs)), store.tokenizer) == told
        assert pairs.target_characters.tolist() == [len(target) for _, target in told]
        assert pairs.batch(range(len(pairs))).first.tolist() == [7] * len(told)


@pytest.mark.parametrize("store", [CHAPTERS, TAIL], indirect=True)
@pytest.mark.parametrize("context", [1, 3])
def test_nothing_that_is_held_out_is_trained_on(store, context):
    held_out = np.zeros(len(store.ids), dtype=bool)
    for place in np.flatnonzero(~store.is_in("train")):
        held_out[store.offsets[place] : store.offsets[place + 1]] = True
    for task in ("next", "previous", "same"):
        pairs = Pairs.from_store(store, "train", context, task)
        assert len(pairs)
        for starts, lengths in (
            (pairs.source_starts, pairs.source_lengths),
            (pairs.target_starts, pairs.target_lengths),
        ):
            assert not any(
                held_out[start : start + length].any()
                for start, length in zip(starts, lengths, strict=True)
            ), task


def test_first_tokens_lie_behind_the_vocabulary_whatever_the_order():
    assert first_tokens(DataConfig(), 50) == {"next": BOS}
    assert first_tokens(ALL, 50) == {"next": BOS, "previous": 50, "same": 51}
    turned = first_tokens(DataConfig(tasks="same,previous=9,next"), 50)
    assert turned == first_tokens(ALL, 50)
    assert list(turned) == ["same", "previous", "next"]
    assert first_tokens(DataConfig(tasks="same"), 50) == {"same": 50}


def test_one_task_is_trained_as_it_is(store):
    plain = training_pairs(store, DataConfig())
    assert isinstance(plain, Pairs)
    assert plain.epoch(1, 5) is plain
    assert np.array_equal(plain.target_starts, Pairs.from_store(store, "train").target_starts)
    assert set(plain.first) == {BOS}


@pytest.fixture
def tasks(make_novel, tmp_path):
    store = open_or_build([make_novel([30] * 40)], TextConfig(), DataConfig(), tmp_path / "stores")
    return training_pairs(store, ALL), store.meta["vocabulary_size"]


def rows(pairs):
    return list(
        zip(
            pairs.source_starts.tolist(),
            pairs.target_starts.tolist(),
            pairs.first.tolist(),
            strict=True,
        )
    )


def test_an_epoch_draws_tasks_by_their_weights(tasks):
    pairs, size = tasks
    assert isinstance(pairs, TaskPairs)
    drawn = [pairs.epoch(1, number) for number in range(10)]
    assert {len(each) for each in drawn} == {len(pairs.pairs["next"])}
    shares = np.mean(
        [[np.mean(each.first == first) for first in (BOS, size, size + 1)] for each in drawn],
        axis=0,
    )
    assert shares == pytest.approx([0.5, 0.25, 0.25], abs=0.02)
    known = {first: set(rows(pairs.pairs[task])) for task, first in first_tokens(ALL, size).items()}
    for each in drawn:
        assert len(set(rows(each))) == len(each)  # no pair twice
        assert all(row in known[row[2]] for row in rows(each))
    assert set().union(*map(rows, drawn)) > known[BOS]


def test_an_epoch_is_a_pure_function_of_seed_and_number(tasks):
    pairs, _ = tasks
    assert rows(pairs.epoch(1, 3)) == rows(pairs.epoch(1, 3))
    assert rows(pairs.epoch(1, 3)) != rows(pairs.epoch(1, 4)) != rows(pairs.epoch(2, 4))


def test_a_task_with_fewer_pairs_than_are_drawn_has_some_again(tasks):
    pairs, _ = tasks
    few = pairs.pairs["previous"].subset(range(3))
    drawn = TaskPairs(
        {"next": pairs.pairs["next"], "previous": few}, {"next": 1, "previous": 1}
    ).epoch(1, 0)
    counts = [rows(drawn).count(row) for row in rows(few)]
    assert len(drawn) == len(pairs.pairs["next"])
    assert max(counts) - min(counts) <= 1
    assert min(counts) > 1


def test_a_task_without_a_pair_is_named(make_novel, tmp_path):
    store = open_or_build([make_novel([10])], TextConfig(), DataConfig(), tmp_path / "stores")
    assert len(pairs_by_task(store, "train", ALL)) == 3
    with pytest.raises(
        CorpusError, match="previous"
    ) as error:  # the validation part is one segment
        pairs_by_task(store, "valid", ALL)
    assert "\n" not in str(error.value)
    assert len(pairs_of(store, "valid", ALL)) == 1


def test_only_what_was_trained_can_be_asked_for():
    assert trained_task(ALL) == "next"
    assert trained_task(DataConfig(tasks="same,next")) == "same"
    assert trained_task(ALL, "same") == "same"
    with pytest.raises(ConfigError, match="not trained for it but for next, same"):
        trained_task(DataConfig(tasks="next,same"), "previous")
