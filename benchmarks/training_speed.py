"""Speed of one training step with each time loop, side by side: python benchmarks/training_speed.py

Batches alternate between the loops in one run, so that a noisy machine is equally noisy to both.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from novelgen.config import PRESETS, preset
from novelgen.data.pairs import Batch
from novelgen.models.build import build_model
from novelgen.models.kernels import manual, reference
from novelgen.models.seq2seq import Seq2Seq
from novelgen.text.tokenizers import BOS
from novelgen.training.hardware import choose_device, choose_precision, keep_freed_memory
from novelgen.training.loss import batch_loss

LOOPS = {"reference": reference.attention_loop, "manual": manual.attention_loop}


def random_batch(rows: int, length: int, vocabulary_size: int) -> Batch:
    """`rows` pairs of equally long random texts."""
    chance = np.random.default_rng(0)
    source, target = chance.integers(3, vocabulary_size, (2, rows, length))
    lengths = np.full(rows, length)
    return Batch(source, lengths, target, lengths, lengths - 1, np.full(rows, BOS))


def step_seconds(model: Seq2Seq, batch: Batch, device: torch.device, precision: torch.dtype) -> float:
    """The time of one forward and backward pass."""
    start = time.perf_counter()
    model.zero_grad()
    with torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32):
        loss = batch_loss(model, batch, device)
    loss.backward()
    loss.item()  # waits for the device
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=PRESETS, default="small")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--vocabulary-size", type=int, default=4000)
    parser.add_argument("--length", type=int, default=90)
    parser.add_argument("--steps", type=int, default=10)
    args = parser.parse_args()
    keep_freed_memory()
    config, device = preset(args.preset), choose_device(args.device)
    precision = choose_precision(args.precision, device)
    model = build_model(config.model, args.vocabulary_size).to(device).train()
    batch = random_batch(max(1, config.training.batch_tokens // args.length), args.length, args.vocabulary_size)
    seconds: dict[str, list[float]] = {name: [] for name in LOOPS}
    for step in range(args.steps + 2):
        for name, loop in LOOPS.items():
            model.decoder.loop = loop
            taken = step_seconds(model, batch, device, precision)
            if step >= 2:  # the first ones warm up
                seconds[name].append(taken)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    for name, median in medians.items():
        print(f"{name:10} {median * 1000:8.1f} ms/step  {batch.characters.sum() / median:10,.0f} characters/s")
    print(f"{device.type}, {precision}, {torch.get_num_threads()} threads: manual is "
          f"{medians['reference'] / medians['manual']:.2f} times as fast")


if __name__ == "__main__":
    main()
