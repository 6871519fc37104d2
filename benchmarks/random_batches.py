"""Steps on random batches of one shape: for measurements in which the text does not matter."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from novelgen.data.pairs import Batch
from novelgen.text.tokenizers import BOS, FIRST_CHARACTER
from novelgen.training.loss import batch_loss


def random_batch(
    rows: int, length: int, vocabulary_size: int, source_vocabulary_size: int | None = None
) -> Batch:
    """`rows` pairs of equally long random texts.

    Of one vocabulary if the source's has no size of its own.
    """
    chance = np.random.default_rng(0)
    source, target = (
        chance.integers(FIRST_CHARACTER, size, (rows, length))
        for size in (source_vocabulary_size or vocabulary_size, vocabulary_size)
    )
    lengths = np.full(rows, length)
    return Batch(source, lengths, target, lengths, lengths - 1, np.full(rows, BOS))


def step_seconds(
    model: Any,
    batch: Batch,
    device: torch.device,
    precision: torch.dtype,
    optimizer: torch.optim.Optimizer | None = None,
) -> float:
    """The time of one forward and backward pass, and of the optimiser's step where there is one."""
    start = time.perf_counter()
    model.zero_grad()
    with torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32):
        loss = batch_loss(model, batch, device)
    loss.backward()
    if optimizer is not None:
        optimizer.step()
    loss.item()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start
