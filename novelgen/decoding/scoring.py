"""What a model thinks of given paragraphs: teacher forcing, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from novelgen.decoding.protocol import Model, Wrapper, padded, predict, start


class Reading(NamedTuple):
    """A target of T tokens that was read after its source of S."""

    log_probabilities: NDArray[np.float64]  # (T,) of its tokens
    watched: NDArray[np.float64]  # (T,) of the token that was watched, in their places
    attention: NDArray[np.float32]  # (T, S)


@torch.inference_mode()
def read(
    model: Model | Wrapper,
    device: torch.device,
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
    first: int,
    watched: int = 0,
) -> list[Reading]:
    """Reads B targets, one for each source, from the first token on; `watched` is any token."""
    memory, state = start(model, sources, device)
    before = np.full(len(targets), first)
    rows = np.arange(len(targets))
    steps = []
    for tokens in padded(targets).T:
        prediction, state = predict(model, before, memory, state, device)
        watched_step = prediction.at(rows, np.full(len(rows), watched))
        steps.append((prediction.at(rows, tokens), watched_step, prediction.weights))
        before = tokens
    log_probabilities, watched_by_row, weights = (
        np.stack(each, axis=1) for each in zip(*steps, strict=True)
    )
    return [
        Reading(
            log_probabilities[row, : len(target)],
            watched_by_row[row, : len(target)],
            weights[row, : len(target), : len(source)],
        )
        for row, (target, source) in enumerate(zip(targets, sources, strict=True))
    ]
