"""What decoding does with every logit, compiled: the log-softmax, and a beam's continuations.

V vocabulary, R rows, which are the live hypotheses of all sources, N continuations that stay.
"""

from __future__ import annotations

import math

import numpy as np

from novelgen.models.kernels.math_numba import clamp, compiled, exp, largest

_LARGEST = np.finfo(np.float32).max


@compiled
def log_softmax(values):
    """Turns logits (V,) into their log-softmax.

    +inf counts as float32's largest number, and a row of nothing but -inf stays as it is; one NaN
    makes the whole row NaN.
    """
    top = clamp(largest(values), _LARGEST)
    # ln Σ_k e^(x_k − top) is taken off in a loop of its own: sums may be reordered, and beside a
    # large maximum it would be lost.
    for k in range(len(values)):
        values[k] = min(values[k], _LARGEST) - top
    mass = np.float32(0)
    for k in range(len(values)):
        mass += exp(values[k])
    log_mass = np.float32(math.log(mass))
    for k in range(len(values)):
        values[k] -= log_mass


@compiled
def log_sum_exp(values):
    """The log of Σ_k e^x_k of values (V,), of which one is finite."""
    top = clamp(largest(values), _LARGEST)
    mass = np.float32(0)
    for k in range(len(values)):
        mass += exp(values[k] - top)
    return math.log(mass) + top


@compiled
def best_continuations(logits, is_normal, before, items, room):
    """As `decoding.beam.best_continuations`: parents, tokens and sums (N,)."""
    most = room.sum()
    parents, tokens = np.empty(most, np.int64), np.empty(most, np.int64)
    sums = np.empty(most, np.float64)
    first = count = places = 0  # of a source: where its continuations begin, end, and may be
    for row in range(len(items)):
        if row == 0 or items[row] != items[row - 1]:
            first, places = count, room[items[row]]
        base = before[row]
        if not is_normal:
            base -= log_sum_exp(logits[row])
        # What is to be surpassed: the last of those that are found, where there is no room for
        # more. Of equals the first ones stay.
        bar = sums[count - 1] if count - first == places else -np.inf
        for token in range(logits.shape[1]):
            total = base + logits[row, token]
            if not total > bar:
                continue
            if count - first < places:
                count += 1
            place = count - 1
            while place > first and total > sums[place - 1]:
                parents[place], tokens[place] = parents[place - 1], tokens[place - 1]
                sums[place] = sums[place - 1]
                place -= 1
            parents[place], tokens[place], sums[place] = row, token, total
            if count - first == places:
                bar = sums[count - 1]
    return parents[:count], tokens[:count], sums[:count]
