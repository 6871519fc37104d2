"""Batches made ready while the step before them is computed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from novelgen.data.pairs import Batch, Pairs


class _Ahead(NamedTuple):
    """A batch that is being made."""

    pairs: Pairs
    indices: NDArray[np.int64]  # (B,)
    batch: Future[Batch]


class BatchPrefetcher:
    """Batches of pairs; inside its context a thread makes the next one meanwhile.

    For a GPU they are in pinned memory. A batch that was not expected is made when it is asked for.
    Making one takes 0.1 ms of a step of hundreds on a CPU, so that one ahead is enough.
    """

    def __init__(
        self, device: torch.device, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.device = device
        self._clock = clock
        self._thread: ThreadPoolExecutor | None = None
        self._ahead: _Ahead | None = None
        self._waited = 0.0

    def __enter__(self) -> BatchPrefetcher:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
        return self

    def __exit__(self, *_error: object) -> None:
        thread = self._thread
        self._thread = None
        self._ahead = None
        if thread is not None:
            thread.shutdown(cancel_futures=True)

    def batches(
        self,
        pairs: Pairs,
        parts: Sequence[NDArray[np.int64]],
        then: Sequence[NDArray[np.int64]] = (),
    ) -> Iterator[Batch]:
        """The batch of each of `parts`, (B,) indices of `pairs`, in order.

        `then` are the parts that will be asked for after these.
        """
        following: list[NDArray[np.int64] | None] = [*parts[1:], *then[:1], None]
        for part, expected in zip(parts, following, strict=False):
            with self.waiting():
                batch = self._take(pairs, part)
            # While the caller computes with this batch the thread makes the next one.
            if expected is not None and self._thread:
                future = self._thread.submit(self._make, pairs, expected)
                self._ahead = _Ahead(pairs, expected, future)
            yield batch

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts the time inside as spent on data while nothing is computed."""
        start = self._clock()
        yield
        self._waited += self._clock() - start

    def waited(self) -> float:
        """The seconds spent on data while nothing was computed, since this was last asked."""
        waited = self._waited
        self._waited = 0.0
        return waited

    def _take(self, pairs: Pairs, indices: NDArray[np.int64]) -> Batch:
        ahead = self._ahead
        self._ahead = None
        if ahead and ahead.pairs is pairs and np.array_equal(ahead.indices, indices):
            return ahead.batch.result()
        return self._make(pairs, indices)

    def _make(self, pairs: Pairs, indices: NDArray[np.int64]) -> Batch:
        batch = pairs.batch(indices)
        if self.device.type != "cuda":
            return batch
        # The arrays keep the memory, and PyTorch knows by its address that it is pinned: copies to
        # the GPU do not wait.
        return Batch(*(torch.from_numpy(array).pin_memory().numpy() for array in batch))
