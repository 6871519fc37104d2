"""Whether two views of what a model used agree."""

from __future__ import annotations

import numpy as np

from novelgen.attribution.forced import Floats


def rank_correlation(left: Floats, right: Floats) -> Floats:
    """Spearman's correlation of every two rows: (T,) of (T, S) each; NaN where a row is constant.

    Equal values share the mean of their ranks.
    """
    ranks = [_ranks(side) - (side.shape[1] - 1) / 2 for side in (left, right)]
    products = (ranks[0] * ranks[1]).sum(1)
    squares = (ranks[0] ** 2).sum(1) * (ranks[1] ** 2).sum(1)
    correlation: Floats = np.divide(
        products, np.sqrt(squares), out=np.full(len(left), np.nan), where=squares > 0
    )
    return correlation


def _ranks(values: Floats) -> Floats:
    """The ranks from 0 within every row of (T, S): how many are smaller, and half the equals."""
    smaller = (values[:, None, :] < values[:, :, None]).sum(2)
    equal = (values[:, None, :] == values[:, :, None]).sum(2) - 1
    ranks: Floats = smaller + equal / 2
    return ranks
