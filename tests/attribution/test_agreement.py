"""Rank correlation of two views."""

import numpy as np
import pytest

from novelgen.attribution.agreement import rank_correlation


def test_rank_correlation_sees_order_alone_and_shares_ranks_between_equals():
    left = np.array([[1, 2, 3.0], [3, 2, 1], [0, 0, 5], [7, 7, 7], [1, 2, 3]])
    right = np.array([[1, 2, 900], [0, 1, 2.0], [4, 4, 9], [1, 2, 3], [1, 3, 2]])
    found = rank_correlation(left, right)
    assert found == pytest.approx([1, -1, 1, np.nan, 0.5], nan_ok=True)
