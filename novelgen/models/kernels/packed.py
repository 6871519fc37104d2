"""The rows of a batch without their padding, and the threads that share them.

A packed buffer (N, …) holds the N real steps of a batch's rows and nothing else, as PyTorch's
PackedSequence does: rows are sorted by length, the longest first, and step t of all rows that have
one is a block. A buffer of states (B + N, …) begins with the B states before the first steps, and
goes on with those after each step. Rows do not meet inside a time loop, so each thread has rows of
its own, a share of every length, and runs all their steps without waiting for another.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Result = TypeVar("Result")
Array = npt.NDArray[Any]

# Of a thread. With fewer, reading the weights once more costs more than the thread saves. On AVX2,
# two threads train batches of 800 tokens, a dozen rows, 1.16 times as fast as with 8 here.
_FEWEST_ROWS = 4


class Part(NamedTuple):
    """The rows of one thread: R of them, the longest first. Arrays of int64."""

    rows: Array  # (R,): places in the batch
    offsets: Array  # (T + 1,): step t is offsets[t] … offsets[t + 1] of packed buffers
    states: Array  # (T + 1,): the states before step t begin at states[t], those behind it at t + 1


@dataclasses.dataclass(frozen=True)
class PackedRows:
    """Where the real steps of rows (B, T, …) stand in packed buffers. Tensors are int64."""

    parts: list[Part]
    lengths: Tensor  # (B,)
    steps: int  # T
    order: Tensor  # (B,): the rows, as their first states stand
    places: Tensor  # (N,): where each step stands in (B · T, …)
    gaps: Tensor  # (B · T − N,): where padding does
    befores: Tensor  # (N,): where the state before each step stands in (B + N, …)
    lasts: Tensor  # (B,): where the last state of each row stands there

    @property
    def owners(self) -> Tensor:
        """The row (N,) of each step."""
        return self.places // self.steps

    def pack(self, *padded: Tensor, mask: Tensor | None = None) -> Tensor:
        """Padded (B, T, D_i) side by side, times mask (B, Σ D_i) → packed (N, Σ D_i)."""
        packed: Tensor = _Pack.apply(self, mask, *padded)
        return packed

    def pad(self, packed: Tensor) -> Tensor:
        """Packed (N, D) → padded (B, T, D), 0 at padding."""
        rows = len(self.lengths)
        padded = packed.new_empty(rows * self.steps, packed.shape[1])
        padded.index_fill_(0, self.gaps, 0.0)
        return padded.index_copy_(0, self.places, packed).view(rows, self.steps, -1)

    def new_states(self, first: Tensor) -> Tensor:
        """A buffer of states (B + N, H), the first of which are (B, H), in `order`."""
        states = first.new_empty(len(first) + len(self.places), first.shape[1])
        states[: len(first)] = first
        return states

    def reversed(self) -> PackedRows:
        """The same rows, each of which begins at its last real step."""
        last_steps = (self.lengths - 1)[self.owners]
        places = self.places + last_steps - 2 * (self.places % self.steps)
        return dataclasses.replace(self, places=places)


class _Pack(torch.autograd.Function):
    """`PackedRows.pack`; its gradient is padded."""

    @staticmethod
    def forward(ctx: Any, rows: PackedRows, mask: Tensor | None, *padded: Tensor) -> Tensor:
        ctx.widths = [each.shape[2] for each in padded]
        packed = padded[0].new_empty(len(rows.places), sum(ctx.widths))
        for own, each in zip(packed.split(ctx.widths, 1), padded, strict=True):
            torch.index_select(each.flatten(0, 1), 0, rows.places, out=own)
        ctx.rows = rows
        ctx.mask = mask
        if mask is not None:
            packed.mul_(mask.index_select(0, rows.owners))
        return packed

    @staticmethod
    def backward(ctx: Any, d_packed: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.mask is not None:
            scale = ctx.mask.index_select(0, ctx.rows.owners)
            d_packed = torch.mul(d_packed, scale, out=torch.empty_like(d_packed))
        return None, None, *map(ctx.rows.pad, d_packed.split(ctx.widths, 1))


def pack_rows(sequence: Tensor, lengths: Tensor | None, parts: int) -> PackedRows:
    """Shares the rows of a sequence (B, T, …) out to so many threads, or fewer where rows are few.

    lengths (B,) int64 are their real steps, from 1 on; None means T.
    """
    count, steps = sequence.shape[:2]
    if lengths is None:
        lengths = torch.full((count,), steps)
    all_lengths = lengths.numpy()
    parts = max(1, min(parts, count // _FEWEST_ROWS))
    order = np.argsort(-all_lengths, kind="stable")
    shared, places, befores = [], [], []
    lasts = np.empty(count, np.int64)
    first, first_row = 0, 0
    for part in range(parts):
        # Contiguous: numba compiles once more for every other layout of an array.
        rows = np.ascontiguousarray(order[part::parts])
        own = all_lengths[rows]
        # 1. How many rows have a step t: those are the first of them.
        counts = np.searchsorted(-own, -np.arange(int(own[0])), side="left")
        offsets = first + np.concatenate([[0], np.cumsum(counts)])
        states = np.concatenate([[first_row], count + offsets[:-1]])
        shared.append(Part(rows, offsets, states))
        # 2. Every step's t and which of the rows it is of.
        t = np.repeat(np.arange(len(counts)), counts)
        i = np.arange(first, offsets[-1]) - offsets[t]
        places.append(rows[i] * steps + t)
        befores.append(states[t] + i)
        lasts[rows] = states[own] + np.arange(len(rows))
        first = int(offsets[-1])
        first_row += len(rows)
    is_gap = np.ones(count * steps, np.bool_)
    is_gap[np.concatenate(places)] = False
    return PackedRows(
        shared,
        lengths,
        steps,
        order=torch.from_numpy(np.concatenate([part.rows for part in shared])),
        places=torch.from_numpy(np.concatenate(places)),
        gaps=torch.from_numpy(np.flatnonzero(is_gap)),
        befores=torch.from_numpy(np.concatenate(befores)),
        lasts=torch.from_numpy(lasts),
    )


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


def by_rows(work: Callable[[int, int], Result], rows: int) -> list[Result]:
    """The results of work(first, last) for parts of rows 0 … rows - 1, a thread each, in order."""
    parts = max(1, min(torch.get_num_threads(), rows // _FEWEST_ROWS))
    bounds = [part * rows // parts for part in range(parts + 1)]
    pairs = itertools.pairwise(bounds)
    return in_threads([partial(work, first, last) for first, last in pairs])
