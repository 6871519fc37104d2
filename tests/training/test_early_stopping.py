import math

import pytest

from novelgen.training.early_stopping import EarlyStopping


def updates(stopping, *values):
    return [stopping.update(value) for value in values]


def test_only_a_lower_value_is_the_best():
    stopping = EarlyStopping(patience=9)
    assert updates(stopping, 3.0, 3.0, 4.0, 2.0) == [True, False, False, True]
    assert stopping.best == 2.0


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_never_the_best(value):
    stopping = EarlyStopping(patience=9)
    assert updates(stopping, value, 3.0, value) == [False, True, False]
    assert stopping.best == 3.0


def test_it_is_over_after_as_many_misses_in_a_row_as_the_patience():
    stopping = EarlyStopping(patience=2)
    updates(stopping, 3.0, 4.0)
    assert not stopping.is_over
    updates(stopping, 2.0, 4.0)
    assert not stopping.is_over
    updates(stopping, 2.0)
    assert stopping.is_over


def test_a_resumed_run_counts_on_with_a_patience_of_its_own():
    stopping = EarlyStopping(patience=2)
    updates(stopping, 3.0, 4.0, 4.0)
    resumed = EarlyStopping(patience=3)
    resumed.load_state_dict({**stopping.state_dict(), "characters": 7})
    assert not resumed.is_over
    assert updates(resumed, 3.5) == [False]
    assert resumed.is_over
