"""The rows of a batch without their padding, and the threads that share them.

A packed buffer (N, …) holds the N real steps of a batch's rows and nothing else, as PyTorch's
PackedSequence does: rows are sorted by length, the longest first, and step t of all rows that have
one is a block. Rows do not meet inside a time loop, so each thread has rows of its own, a share of
every length, and runs all their steps without waiting for another.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from novelgen.models.kernels.math_numba import compiled

Result = TypeVar("Result")
Array = npt.NDArray[Any]

# Of a thread. With fewer, reading the weights once more costs more than the thread saves.
_FEWEST_ROWS = 8


class Part(NamedTuple):
    """The rows of one thread: R of them, the longest first.

    It also says which direction of a layer is at work: whether it begins at each row's last real
    step, and from which column on the outputs (B, T, …) are its own.
    """

    rows: Array  # (R,) int64: places in the batch
    lengths: Array  # (R,) int64
    offsets: Array  # (T + 1,) int64: step t is offsets[t] … offsets[t + 1] of packed buffers
    is_reversed: bool
    column: int

    @property
    def first_step(self) -> slice:
        """Where its rows' first steps stand."""
        return slice(int(self.offsets[0]), int(self.offsets[1]))


def pack_rows(sequence: Tensor, lengths: Tensor | None, parts: int) -> list[Part]:
    """Shares the rows of a sequence (B, T, …) out to so many threads, or fewer where rows are few.

    lengths (B,) int64 are their real steps, from 1 on; None means T.
    """
    all_lengths = np.full(len(sequence), sequence.shape[1])
    if lengths is not None:
        all_lengths = lengths.numpy()
    parts = max(1, min(parts, len(sequence) // _FEWEST_ROWS))
    order = np.argsort(-all_lengths, kind="stable")
    shared = []
    first = 0
    for part in range(parts):
        # Contiguous: numba compiles once more for every other layout of an array.
        rows = np.ascontiguousarray(order[part::parts])
        own = all_lengths[rows]
        # How many rows have a step t: those are the first of them.
        counts = np.searchsorted(-own, -np.arange(int(own[0])), side="left")
        offsets = first + np.concatenate([[0], np.cumsum(counts)])
        shared.append(Part(rows, own, offsets, False, 0))
        first = int(offsets[-1])
    return shared


@compiled
def place_of(t, part, i):
    """Where step t of a part's i-th row stands in its sequence."""
    return part.lengths[i] - 1 - t if part.is_reversed else t


@compiled
def gather(padded, part, packed):
    """Fills a part of packed (N, D) with the real steps of padded (B, T, D)."""
    for t in range(len(part.offsets) - 1):
        for i in range(part.offsets[t + 1] - part.offsets[t]):
            packed[part.offsets[t] + i] = padded[part.rows[i], place_of(t, part, i)]


@compiled
def clear_padding(part, padded):
    """Puts 0 at the padding of a part's rows in padded (B, T, D)."""
    for i in range(len(part.rows)):
        padded[part.rows[i], part.lengths[i] :] = 0


@compiled
def scatter(packed, part, padded):
    """Puts a part of packed (N, D) back into padded (B, T, D), and 0 at its padding."""
    for t in range(len(part.offsets) - 1):
        for i in range(part.offsets[t + 1] - part.offsets[t]):
            padded[part.rows[i], place_of(t, part, i)] = packed[part.offsets[t] + i]
    clear_padding(part, padded)


@compiled
def take_rows(padded, part, taken):
    """Fills taken (R, D) with the part's rows of padded (B, D)."""
    for i in range(len(part.rows)):
        taken[i] = padded[part.rows[i]]


@compiled
def put_rows(taken, part, padded):
    """Puts taken (R, D) at the part's rows of padded (B, D)."""
    for i in range(len(part.rows)):
        padded[part.rows[i]] = taken[i]


def numpy_view(tensor: Tensor) -> Array:
    """The same memory as a numpy array; bfloat16, which numpy lacks, as uint16."""
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.view(torch.uint16)
    return np.asarray(tensor.numpy())


def _stay_alone() -> None:
    """Products in this thread are not shared out to others: PyTorch counts threads per thread."""
    # Asked first: at the first question PyTorch gives a thread what was last set anywhere.
    torch.get_num_threads()
    torch.set_num_threads(1)


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="rows", initializer=_stay_alone)


def in_threads(tasks: Sequence[Callable[[], Result]]) -> list[Result]:
    """The results of tasks, as many at once as PyTorch has threads. No gradient is recorded."""

    def run(task: Callable[[], Result]) -> Result:
        with torch.no_grad():
            return task()

    threads = torch.get_num_threads()
    if len(tasks) == 1 or threads == 1:
        return [run(task) for task in tasks]
    futures: list[Future[Result]] = [_pool(threads).submit(run, task) for task in tasks]
    return [future.result() for future in futures]


def by_rows(work: Callable[[int, int], Result], rows: int, fewest: int = 8) -> list[Result]:
    """The results of work(first, last) for parts of rows 0 … rows - 1, a thread each, in order."""
    parts = max(1, min(torch.get_num_threads(), rows // fewest))
    bounds = [part * rows // parts for part in range(parts + 1)]
    pairs = itertools.pairwise(bounds)
    return in_threads([partial(work, first, last) for first, last in pairs])
