"""One step as a whole is compared with the model's own in tests/models/test_compiled_decoder.py."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from novelgen.models.kernels import inference


@given(some.lists(some.integers(0, 5), max_size=9))
def test_different_parents_are_found_once_each(parents):
    places, firsts = inference.different(np.array(parents, np.int64), 6)
    assert len(firsts) == len(set(parents))
    assert [parents[firsts[place]] for place in places] == parents
