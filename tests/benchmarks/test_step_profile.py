import pytest

pytest.importorskip("numba")

from benchmarks.step_profile import PLACES


@pytest.mark.parametrize(("place", "module", "name", "is_threaded"), PLACES)
def test_every_place_that_is_timed_exists(place, module, name, is_threaded):
    assert callable(getattr(module, name))
