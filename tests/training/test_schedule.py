import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.config import TrainingConfig
from novelgen.training.schedule import Position, learning_rate, progress


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
    config = TrainingConfig()
    early, late = sorted((one, other))
    assert learning_rate(config, 10_000, late) <= learning_rate(config, 10_000, early)
