"""Batches made ahead are those made on the spot, and no thread outlives its feed."""

import threading
import time

import numpy as np
import pytest
import torch

from novelgen.errors import TrainingError
from novelgen.training import trainer as trainer_module
from novelgen.training.journal import read_metrics
from novelgen.training.prefetch import BatchPrefetcher

CPU = torch.device("cpu")


@pytest.fixture
def parts(workshop):
    return np.array_split(np.random.default_rng(0).permutation(len(workshop.train)), 7)


def assert_same(one, other):
    for array, expected in zip(one, other, strict=True):
        assert array.dtype == expected.dtype
        assert np.array_equal(array, expected)


def feeders():
    return [thread for thread in threading.enumerate() if thread.name.startswith("feed")]


def test_gives_the_batches_asked_for(workshop, parts):
    with BatchPrefetcher(CPU) as feed:
        for first, batches in (
            (0, feed.batches(workshop.train, parts[:4], parts[4:])),
            (4, feed.batches(workshop.train, parts[4:])),
        ):
            for place, batch in enumerate(batches, first):
                assert_same(batch, workshop.train.batch(parts[place]))
    assert place == 6


def test_what_was_foreseen_wrongly_is_made_on_the_spot(workshop, parts):
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
        (
            list(feed.batches(workshop.train, parts[:3], parts[3:4])),
            list(feed.batches(workshop.train, parts[3:4])),
        )
    assert [makers[part.tobytes()] is threading.main_thread() for part in parts[:4]] == [
        True,
        False,
        False,
        False,
    ]


def test_waiting_is_counted_until_it_is_asked_for(workshop, parts, monkeypatch):
    batch = type(workshop.train).batch
    monkeypatch.setattr(
        type(workshop.train),
        "batch",
        lambda pairs, indices: (time.sleep(0.05), batch(pairs, indices))[1],
    )
    with BatchPrefetcher(CPU) as feed:
        for number, _ in enumerate(feed.batches(workshop.train, parts[:3])):
            time.sleep(0.2)  # a step, in which the next batch is made
            assert feed.waited() >= 0.05 if number == 0 else feed.waited() < 0.04
        assert feed.waited() == 0


def test_an_error_of_the_thread_is_heard_and_the_thread_ends(workshop, parts):
    with pytest.raises(IndexError), BatchPrefetcher(CPU) as feed:
        list(feed.batches(workshop.train, [parts[0], np.array([10**6])]))
    assert not feeders()


def interrupt(trainer, monkeypatch):
    monkeypatch.setattr(
        trainer,
        "_stop_reason",
        lambda interrupt: "interrupted" if trainer.position.step == 3 else "",
    )
    assert trainer.fit().reason == "interrupted"


def fail(trainer, monkeypatch):
    monkeypatch.setattr(
        trainer_module,
        "loss_stats",
        lambda batch, nll_sum: trainer_module.LossStats(float("nan"), 1, 1, 1),
    )
    with pytest.raises(TrainingError):
        trainer.fit()


@pytest.mark.parametrize("end", [lambda trainer, _: trainer.fit(), interrupt, fail])
def test_no_thread_outlives_training(workshop, monkeypatch, end):
    end(workshop.trainer(), monkeypatch)
    assert not feeders()


def test_every_step_says_how_long_it_waited(workshop, capsys):
    trainer = workshop.trainer()
    trainer.fit()
    steps = [record for record in read_metrics(trainer.run.metrics) if "loss" in record]
    assert all(0 < record["waited"] <= steps[-1]["seconds"] for record in steps)
    assert "waited for data" in capsys.readouterr().out
