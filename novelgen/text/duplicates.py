"""Which paragraphs were seen before: eight bytes each, in sorted arrays that are merged when they grow alike."""

from __future__ import annotations

import numpy as np


class SeenHashes:
    """A growing set of 64-bit hashes, tested a block at a time.

    The arrays are kept sorted and each at least twice as long as the next, so that n hashes take 8 n bytes
    (16 n for a moment, while the two largest are merged) and a block is tested in O(log² n) steps a hash. Two different
    paragraphs share a hash with probability n² / 2⁶⁵: one in 370,000 for ten million paragraphs.
    """

    def __init__(self) -> None:
        self._levels: list[np.ndarray] = []

    def __len__(self) -> int:
        return sum(map(len, self._levels))

    def add(self, hashes: np.ndarray) -> np.ndarray:
        """Adds a block of hashes (uint64, shape (N,)); True where a hash was seen before, in the block or earlier."""
        fresh, first = np.unique(hashes, return_index=True)
        known = np.zeros(len(fresh), dtype=bool)
        for level in self._levels:
            places = np.minimum(np.searchsorted(level, fresh), len(level) - 1)
            known |= level[places] == fresh
        repeated = np.ones(len(hashes), dtype=bool)
        repeated[first] = known
        self._store(fresh[~known])
        return repeated

    def _store(self, fresh: np.ndarray) -> None:
        if len(fresh):
            self._levels.append(fresh)
        while len(self._levels) > 1 and len(self._levels[-2]) < 2 * len(self._levels[-1]):
            merged = np.concatenate([self._levels.pop(), self._levels.pop()])
            merged.sort(kind="stable")
            self._levels.append(merged)
