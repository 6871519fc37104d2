"""The products of a training step counted on paper, and how fast the machine multiplies."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from novelgen.config import ModelConfig
from novelgen.data.pairs import Batch


def product_flops(config: ModelConfig, vocabulary_size: int, batches: Sequence[Batch]) -> float:
    """Floating-point operations of all matrix products of training steps on `batches`.

    Padding is no work.

    `config` is that of a resolved one-layer `bahdanau`. A multiplication with its addition counts
    as two; backwards there are two products for each one forwards: by the inputs and by the
    weights.
    """
    embedding, size, attention = config.embedding_size, config.decoder_size, config.attention_size
    memory = 2 * config.encoder_size
    rows = sum(len(batch.source) for batch in batches)
    sources = sum(int(batch.source_lengths.sum()) for batch in batches)
    targets = sum(int(batch.target_lengths.sum()) for batch in batches)
    looks = sum(int((batch.source_lengths * batch.target_lengths).sum()) for batch in batches)
    encoder = sources * 2 * 4 * config.encoder_size * (embedding + config.encoder_size)
    bridge = rows * memory * 2 * size
    keys = sources * memory * attention
    queries = targets * (size + embedding) * attention
    scores_and_contexts = looks * (attention + memory)
    cell = targets * 4 * size * (embedding + memory + size)
    readout = targets * (size + memory + embedding) * embedding
    output = targets * embedding * vocabulary_size
    return (
        3
        * 2
        * float(encoder + bridge + keys + queries + scores_and_contexts + cell + readout + output)
    )


def matrix_peak(device: torch.device, dtype: torch.dtype, size: int, repeats: int = 3) -> float:
    """Operations per second of the fastest of some square products."""
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    fastest = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        left @ right
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        fastest = min(fastest, time.perf_counter() - start)
    return 2 * size**3 / fastest
