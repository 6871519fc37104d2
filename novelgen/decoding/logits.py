"""What rules are, and the arithmetic that they share with the search."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from novelgen.decoding.history import History

Logits = NDArray[np.float32]  # (B, V)
Rule = Callable[[Logits, History], Logits]

FORBIDDEN = np.float32(-np.inf)
_LOWEST = np.finfo(np.float32).min
_BLOCK = 32  # columns of which `candidates` takes the maximum at once


def log_sum_exp(logits: Logits) -> NDArray[np.float64]:
    """(B,) log Σ exp over the last axis of float32 logits, to 1e-6.

    A row of nothing but -inf gives 0, so that subtracting it changes nothing.
    """
    top = logits.max(axis=-1, keepdims=True)  # (B, 1)
    top[np.isneginf(top)] = 0.0
    with np.errstate(divide="ignore", over="ignore"):
        shares = logits - top
        # In float32, but summed in float64: the errors of single terms nearly cancel.
        np.exp(shares, out=shares)
        total = np.log(shares.sum(axis=-1, dtype=np.float64)) + top[..., 0]
    return np.where(np.isneginf(total), 0.0, total)


def finite_maximum(logits: Logits) -> Logits:
    """(B, 1): each row's largest logit; 0 for a row of nothing but -inf, which stays as it is."""
    top: Logits = logits.max(axis=-1, keepdims=True)
    return np.where(np.isneginf(top), np.float32(0), top)


def largest(values: Logits, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the `count` ≥ 1 largest of each row (B, V), exactly.

    Row by row, in a row the largest first, of equals the first ones. -inf is not among them, so
    that a row may have fewer.
    """
    rows, columns = candidates(values, count)
    order = np.lexsort((-values[rows, columns], rows))
    order = order[places_within(rows[order]) < count]
    return rows[order], columns[order]


def candidates(values: Logits, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of few entries of (B, V): the `count` ≥ 1 largest of each row, and others.

    In the order of rows and columns, -inf left out. Sorting all of a row would be slow.
    """
    size = values.shape[1]
    blocks = size // _BLOCK
    border = _LOWEST
    if count <= blocks:
        # `count` values are at least as large as the block maximum at place `count`.
        tops = values[:, : blocks * _BLOCK].reshape(len(values), _BLOCK, blocks).max(axis=1)
        tops.partition(blocks - count, axis=1)
        border = np.maximum(tops[:, blocks - count, None], border)
    (places,) = (values >= border).ravel().nonzero()
    return np.divmod(places, size)


def places_within(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """For ascending group numbers (N,) the place of each among those of its group, from 0 on."""
    places: NDArray[np.int64] = np.arange(len(groups)) - groups.searchsorted(groups)
    return places
