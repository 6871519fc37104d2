"""The plan of the batches: pure, complete, within its budgets, and with little padding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novelgen.data.batches import plan_batches, source_budget

pairs = st.lists(st.tuples(st.integers(1, 300), st.integers(1, 120)), min_size=1, max_size=200).map(
    lambda rows: (np.array([row[0] for row in rows]), np.array([row[1] for row in rows]))
)
seeds = st.integers(0, 2**63 - 1)


@given(
    pairs=pairs,
    budget=st.integers(1, 2000),
    seed=seeds,
    epoch=st.integers(0, 1000),
    shuffle=st.booleans(),
)
def test_every_pair_once_and_within_budget(pairs, budget, seed, epoch, shuffle):
    sources, targets = pairs
    plan = plan_batches(
        sources, targets, batch_tokens=budget, seed=seed, epoch=epoch, shuffle=shuffle
    )
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(targets)))
    for batch in plan:
        assert batch.dtype == np.int64
        assert len(batch) == 1 or len(batch) * targets[batch].max() <= budget
        assert len(batch) == 1 or len(batch) * sources[batch].max() <= source_budget(
            sources, targets, budget
        )


@settings(max_examples=30)
@given(pairs=pairs, seed=seeds, epoch=st.integers(0, 5))
def test_the_same_arguments_give_the_same_plan(pairs, seed, epoch):
    first, second = (
        plan_batches(*pairs, batch_tokens=500, seed=seed, epoch=epoch) for _ in range(2)
    )
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in second]


def lengths(count=4000):
    rng = np.random.default_rng(5)
    return rng.integers(5, 102, count), rng.integers(5, 102, count)


def composition(plan):
    return {frozenset(batch.tolist()) for batch in plan}


def test_epochs_and_seeds_have_different_batches():
    plans = [
        composition(plan_batches(*lengths(), batch_tokens=3200, seed=seed, epoch=epoch))
        for seed, epoch in ((1, 0), (1, 1), (2, 0))
    ]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert len(plans[first] & plans[second]) < len(plans[first]) / 10


def test_batches_come_in_no_order_of_length():
    targets = lengths()[1]
    plan = plan_batches(*lengths(), batch_tokens=3200, seed=1, epoch=0)
    means = [targets[batch].mean() for batch in plan]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3


def test_unshuffled_plans_ignore_seed_and_epoch():
    first, second = (
        plan_batches(*lengths(), batch_tokens=3200, seed=seed, epoch=seed, shuffle=False)
        for seed in (1, 2)
    )
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in second]


@pytest.mark.parametrize("shuffle", [True, False])
def test_padding_is_little_even_for_unrelated_lengths(shuffle):
    sources, targets = lengths()
    plan = plan_batches(sources, targets, batch_tokens=3200, seed=1, epoch=0, shuffle=shuffle)
    padded = sum(len(batch) * (sources[batch].max() + targets[batch].max()) for batch in plan)
    assert 1 - (sources.sum() + targets.sum()) / padded < 0.12


def test_no_pairs_need_no_batches():
    empty = np.zeros(0, dtype=np.int64)
    assert plan_batches(empty, empty, batch_tokens=100, seed=1, epoch=0) == []


def test_one_huge_source_does_not_blow_up_its_batch():
    sources, targets = np.full(100, 10), np.full(100, 10)
    sources[50] = 10_000
    plan = plan_batches(sources, targets, batch_tokens=1000, seed=1, epoch=0)
    alone = next(batch for batch in plan if 50 in batch)
    assert alone.tolist() == [50]
