"""Which pairs form which batch: a pure function of lengths, budget, seed and epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Lengths = npt.NDArray[np.integer[Any]]
Indices = npt.NDArray[np.int64]


def plan_batches(
    source_lengths: Lengths,
    target_lengths: Lengths,
    *,
    batch_tokens: int,
    seed: int,
    epoch: int,
    shuffle: bool = True,
) -> list[Indices]:
    """The batches of an epoch, as (B,) int64 indices into the pairs; every pair is in exactly one.

    source_lengths, target_lengths: (n,) integers. A batch padded to its longest target has at most
    `batch_tokens` target tokens, and padded to its longest source at most `source_budget` source
    tokens; only a single pair may have more. The same arguments give the same plan on every
    machine. Without `shuffle`, for evaluation, the plan does not depend on seed and epoch.
    """
    source_lengths = np.asarray(source_lengths)
    target_lengths = np.asarray(target_lengths)
    if len(target_lengths) == 0:
        return []

    generator = None
    if shuffle:
        generator = np.random.default_rng(np.random.SeedSequence([seed, epoch]))
    order = _bucket(source_lengths, target_lengths, batch_tokens, generator)
    source_tokens = source_budget(source_lengths, target_lengths, batch_tokens)
    batches = _cut(order, source_lengths, target_lengths, source_tokens, batch_tokens)
    if generator is None:
        return batches
    # Batches of like lengths lie beside each other; training meets them in any order.
    return [batches[place] for place in generator.permutation(len(batches))]


def source_budget(source_lengths: Lengths, target_lengths: Lengths, batch_tokens: int) -> int:
    """The most padded source tokens of a batch: twice what is usual for these pairs.

    It bounds the memory that a batch takes.
    """
    # Medians: one huge source does not move them.
    usual = np.median(source_lengths) / np.median(target_lengths)
    return int(2 * batch_tokens * max(1.0, usual))


def _bucket(
    source_lengths: Lengths,
    target_lengths: Lengths,
    batch_tokens: int,
    generator: np.random.Generator | None,
) -> Indices:
    """(n,) int64: all pairs, those of like target length, then like source length side by side.

    Sorted by target length they are cut into pools, and each pool is sorted by source length. Large
    pools waste little on the sources, small ones little on the targets; with √n batches in each of
    √n pools both waste alike. The generator, if any, orders pairs of equal lengths and shifts the
    pools.
    """
    pairs = len(target_lengths)
    pool_batches = max(1.0, (target_lengths.sum() / batch_tokens) ** 0.5)
    ties = np.arange(pairs)
    if generator is not None:
        ties = generator.permutation(pairs)
    order = ties[np.argsort(target_lengths[ties], kind="stable")]

    # The share of the plan, in batches, that lies before each pair, shifted by a random part of a
    # pool, so that pools are cut at other lengths in every epoch.
    place = np.cumsum(target_lengths[order]) / batch_tokens
    shift = 0.0
    if generator is not None:
        shift = generator.uniform(0, pool_batches)
    pool = ((place + shift) // pool_batches).astype(np.int64)

    # Every other pool runs from long sources to short: neighbours across the seam are alike.
    sources = np.where(pool % 2 == 0, source_lengths[order], -source_lengths[order])
    return order[np.lexsort((sources, pool))]


def _cut(
    order: Indices,
    source_lengths: Lengths,
    target_lengths: Lengths,
    source_tokens: int,
    target_tokens: int,
) -> list[Indices]:
    """Cuts the order into the longest runs that stay within both budgets when padded."""
    cuts = []
    start = 0
    longest_source = 0
    longest_target = 0
    lengths = zip(source_lengths[order].tolist(), target_lengths[order].tolist(), strict=True)
    for place, (source, target) in enumerate(lengths):
        longest_source = max(longest_source, source)
        longest_target = max(longest_target, target)
        size = place + 1 - start
        is_over = size * longest_target > target_tokens or size * longest_source > source_tokens
        if size > 1 and is_over:
            # This pair does not fit any more and begins the next batch.
            cuts.append(place)
            start = place
            longest_source = source
            longest_target = target
    return np.split(order.astype(np.int64), cuts)
