import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.config import TrainingConfig
from novelgen.training.epochs import EpochPlan
from novelgen.training.schedule import (
    Position,
    Schedule,
    learning_rate,
    progress,
    teacher_forcing,
)


def test_the_budget_that_ends_first_counts():
    config = TrainingConfig(epochs=4, max_steps=100, max_minutes=10)
    assert progress(config, Position(), 8) == 0
    assert progress(config, Position(step=50, epoch=1, batch=0, seconds=60), 8) == 0.5
    assert progress(config, Position(step=10, epoch=3, batch=4, seconds=60), 8) == pytest.approx(
        3.5 / 4
    )
    assert progress(config, Position(step=10, epoch=0, batch=4, seconds=540), 8) == pytest.approx(
        0.9
    )
    assert progress(config, Position(step=101), 8) == 1


def test_the_rate_warms_up_peaks_and_ends_at_its_final_share():
    config = TrainingConfig(
        learning_rate=0.01, warmup_steps=10, final_learning_rate=0.05, max_steps=100
    )
    assert learning_rate(config, 0, 0.0) == pytest.approx(0.001)
    assert learning_rate(config, 9, 0.0) == pytest.approx(0.01)
    assert learning_rate(config, 50, 0.5) == pytest.approx(0.01 * (0.05 + 0.95 / 2))
    assert learning_rate(config, 100, 1.0) == pytest.approx(0.0005)
    assert learning_rate(
        TrainingConfig(learning_rate=0.01, warmup_steps=0), 0, 0.0
    ) == pytest.approx(0.01)


@given(st.floats(0, 1), st.floats(0, 1))
def test_after_the_warm_up_the_rate_never_rises(one, other):
    config = TrainingConfig(learning_rate=0.01)
    early, late = sorted((one, other))
    assert learning_rate(config, 10_000, late) <= learning_rate(config, 10_000, early)


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_share_of_true_tokens_falls_in_a_line_to_its_final_value(final, used):
    config = TrainingConfig(teacher_forcing=final)
    assert teacher_forcing(config, 0.0) == 1
    assert teacher_forcing(config, 1.0) == pytest.approx(final)
    assert teacher_forcing(config, used / 2) == pytest.approx(
        (1 + teacher_forcing(config, used)) / 2
    )
    assert teacher_forcing(TrainingConfig(), used) == 1


def schedule_of(batches, **options):
    """A schedule of epochs of so many batches, and the numbers of the epochs that were planned."""
    planned = []

    def plan(epoch):
        planned.append(epoch)
        return EpochPlan(epoch, None, [np.array([epoch, number]) for number in range(batches)])

    return Schedule(TrainingConfig(**options), plan), planned


def test_the_batches_come_one_after_the_other_and_every_epoch_is_planned_once():
    schedule, planned = schedule_of(3, epochs=4)
    seen = []
    for _ in range(7):
        seen.append(schedule.batch.tolist())
        after = schedule.batch_after.tolist()
        schedule.advance()
        assert after == ([] if schedule.position.batch == 0 else schedule.batch.tolist())
    assert seen == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2], [2, 0]]
    assert planned == [0, 1, 2]
    assert schedule.position == Position(step=7, epoch=2, batch=1)


def test_the_rate_and_the_budget_are_those_of_the_position():
    config = TrainingConfig(learning_rate=0.01)
    schedule, _ = schedule_of(3, max_minutes=2, warmup_steps=0, learning_rate=0.01)
    assert (schedule.used, schedule.learning_rate) == (0, learning_rate(config, 99, 0))
    schedule.set_time(90)
    assert schedule.used == 0.75
    assert schedule.learning_rate == learning_rate(config, 99, 0.75)


@pytest.mark.parametrize(
    ("batches", "options", "steps"),
    [(3, {}, 50), (70, {}, 70), (5000, {}, 1000), (3, {"validate_every": 2}, 2)],
)
def test_validations_are_about_an_epoch_apart_unless_it_is_said_otherwise(batches, options, steps):
    assert schedule_of(batches, **options)[0].validation_interval() == steps
