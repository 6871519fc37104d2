"""Batches made ahead are those that are asked for, and no thread outlives its prefetcher."""

import itertools
import signal
import threading

import numpy as np
import pytest
import torch

from novelgen.errors import TrainingError
from novelgen.training import gradient_step
from novelgen.training.journal import read_metrics
from novelgen.training.loss import LossStats
from novelgen.training.prefetch import BatchPrefetcher
from tests.training.conftest import in_step

CPU = torch.device("cpu")


@pytest.fixture
def parts(workshop):
    return np.array_split(np.random.default_rng(0).permutation(len(workshop.train)), 7)


def assert_same(one, other):
    for array, expected in zip(one, other, strict=True):
        assert array.dtype == expected.dtype
        assert np.array_equal(array, expected)


def prefetching_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_gives_the_batches_asked_for(workshop, parts):
    with BatchPrefetcher(CPU) as feed:
        for first, batches in (
            (0, feed.batches(workshop.train, parts[:4], parts[4:])),
            (4, feed.batches(workshop.train, parts[4:])),
        ):
            for place, batch in enumerate(batches, first):
                assert_same(batch, workshop.train.batch(parts[place]))
    assert place == 6


def test_a_batch_that_was_not_expected_is_made_when_asked_for(workshop, parts):
    with BatchPrefetcher(CPU) as feed:
        for wrong in parts:
            list(feed.batches(workshop.train, parts[:1], [wrong]))
            assert_same(*feed.batches(workshop.train, parts[2:3]), workshop.train.batch(parts[2]))


def test_the_next_batch_is_made_by_another_thread_meanwhile(workshop, parts, monkeypatch):
    makers = {}
    batch = type(workshop.train).batch

    def watched(pairs, indices):
        makers[indices.tobytes()] = threading.current_thread()
        return batch(pairs, indices)

    monkeypatch.setattr(type(workshop.train), "batch", watched)
    with BatchPrefetcher(CPU) as feed:
        list(feed.batches(workshop.train, parts[:3], parts[3:4]))
        list(feed.batches(workshop.train, parts[3:4]))
    in_main = [makers[part.tobytes()] is threading.main_thread() for part in parts[:4]]
    assert in_main == [True, False, False, False]


def test_waiting_is_counted_until_it_is_asked_for(workshop, parts, monkeypatch):
    batch = type(workshop.train).batch
    seconds, made = 0, threading.Semaphore(0)

    def slow(pairs, indices):
        nonlocal seconds
        seconds += 5
        if threading.current_thread() is not threading.main_thread():
            made.release()
        return batch(pairs, indices)

    monkeypatch.setattr(type(workshop.train), "batch", slow)
    with BatchPrefetcher(CPU, clock=lambda: seconds) as feed:
        waited = []
        for number, _ in enumerate(feed.batches(workshop.train, parts[:3])):
            if number < 2:
                assert made.acquire(timeout=60)  # a step, in which the next batch is made
            waited.append(feed.waited())
        assert seconds == 15
        assert waited == [5, 0, 0]
        assert feed.waited() == 0


def test_an_error_in_the_thread_is_raised_and_the_thread_ends(workshop, parts):
    with pytest.raises(IndexError), BatchPrefetcher(CPU) as feed:
        list(feed.batches(workshop.train, [parts[0], np.array([10**6])]))
    assert not prefetching_threads()


def interrupt(trainer, monkeypatch):
    in_step(trainer, 3, lambda: signal.raise_signal(signal.SIGINT))
    assert trainer.fit().reason == "interrupted"


def fail(trainer, monkeypatch):
    monkeypatch.setattr(
        gradient_step, "loss_stats", lambda batch, nll_sum: LossStats(float("nan"), 1, 1, 1)
    )
    with pytest.raises(TrainingError):
        trainer.fit()


@pytest.mark.parametrize("end", [lambda trainer, _: trainer.fit(), interrupt, fail])
def test_no_thread_outlives_training(workshop, monkeypatch, end):
    end(workshop.trainer(), monkeypatch)
    assert not prefetching_threads()


def test_every_step_records_how_long_it_waited_for_data(workshop, capsys):
    """By a clock that moves a second whenever it is asked, an epoch's plan and a batch take one."""
    trainer = workshop.trainer(clock=itertools.count().__next__, max_steps=None, epochs=2)
    trainer.fit()
    waited = [record["waited"] for record in read_metrics(trainer.run.metrics) if "loss" in record]
    epoch = [2, *[1] * (len(workshop.plan().batches) - 1)]
    assert waited == [*epoch, *epoch]
    share = sum(waited) / trainer.position.seconds
    assert f"waited for data: {share:.2%} of the time" in capsys.readouterr().out
