"""Which paragraphs were seen before, and which of those are dropped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


class SeenHashes:
    """A growing set of 64-bit hashes, tested a block at a time.

    The hashes stand in arrays that are kept sorted, each at least twice as long as the next. So n
    hashes take 8 n bytes (16 n for a moment, while the two largest are merged), and a block is
    tested in O(log² n) steps a hash. That two different paragraphs of n share a hash has the
    probability n² / 2⁶⁵: one in 370,000 for ten million paragraphs.
    """

    def __init__(self) -> None:
        # The sorted arrays, each (hashes,) uint64, the longest first.
        self._levels: list[npt.NDArray[np.uint64]] = []

    def __len__(self) -> int:
        return sum(map(len, self._levels))

    def add(self, hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Adds a block of hashes, (N,) uint64; which were seen before, in it or earlier, (N,)."""
        # The different hashes of the block, sorted, and where each stands first: (different,) each.
        fresh, first = np.unique(hashes, return_index=True)
        known = np.zeros(len(fresh), dtype=bool)
        for level in self._levels:
            # Where each would be inserted; one beyond the last is compared with the last.
            places = np.minimum(np.searchsorted(level, fresh), len(level) - 1)
            known |= level[places] == fresh
        repeated = np.ones(len(hashes), dtype=bool)
        repeated[first] = known
        self._store(fresh[~known])
        return repeated

    def _store(self, fresh: npt.NDArray[np.uint64]) -> None:
        """Adds sorted new hashes, and merges the arrays that have become too alike in length."""
        if len(fresh):
            self._levels.append(fresh)
        while len(self._levels) > 1 and len(self._levels[-2]) < 2 * len(self._levels[-1]):
            merged = np.concatenate([self._levels.pop(), self._levels.pop()])
            merged.sort(kind="stable")
            self._levels.append(merged)


SHORTEST_REPEAT = 20
"""Characters.

A shorter repeat that stands alone is no copy: people say 「是。」 more than once, and a ballad has
its refrain.
"""


class RepeatedRun:
    """Holds repeated paragraphs that follow each other until it is plain whether they are a copy.

    They are when together they have `SHORTEST_REPEAT` characters. Then all of the run is dropped;
    otherwise all of it stays.
    """

    def __init__(self) -> None:
        self._held: list[Sequence[str]] = []
        self._characters = 0

    def add(self, segments: Sequence[str]) -> list[Sequence[str]]:
        """Takes a repeated paragraph; returns those that are now known to be copies."""
        # Once the run is long enough, every further paragraph of it is a copy at once.
        self._held.append(segments)
        self._characters += sum(map(len, segments))
        if self._characters < SHORTEST_REPEAT:
            return []
        copies = self._held
        self._held = []
        return copies

    def end(self) -> list[Sequence[str]]:
        """Ends the run, because a new paragraph or a heading follows; those that stay."""
        kept = self._held
        self._held = []
        self._characters = 0
        return kept
