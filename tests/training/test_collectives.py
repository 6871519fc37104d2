import pytest

from novelgen.errors import TrainingError
from novelgen.training.collectives import collective


def test_what_the_function_returns_is_returned():
    assert collective(lambda one, *, two: one + two, 1, two=2) == 3


def test_a_lost_process_is_said_in_one_line_with_the_way_on():
    def broken():
        raise RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer\n  trace")

    with pytest.raises(TrainingError, match="--resume") as caught:
        collective(broken)
    assert str(caught.value).endswith("(Connection closed by peer)")
