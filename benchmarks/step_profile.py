"""Where the time of a training step goes, on a CPU.

    python benchmarks/step_profile.py --corpus corpus/novel.txt --precision float32

The batches of training_speed.py. The loops run as Python around their compiled steps, so that each
can be timed: a few percent slower than as machine code. Times of what runs in several threads are
divided by their number; "other" is what is left of a step, waiting of threads for each other too.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as novelgen's commands do

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.peers.contestants import Ours
from benchmarks.peers.products import matrix_peak, product_flops
from benchmarks.training_speed import ROOT, prepare_race
from novelgen.models.kernels import bahdanau, linear, loss_numba, packed, products, recurrent
from novelgen.training.gradient_step import GradientStep
from novelgen.training.hardware import describe_machine, tune_malloc

# What is timed: its place, the module, the function, and whether it runs in every thread.
PLACES = [
    ("products of the decoder's loop", bahdanau, "multiply", True),
    ("products of the encoder's loop", recurrent, "multiply", True),
    ("inputs, keys and readout", linear, "add_product", False),
    ("weight gradients", bahdanau, "weight_gradient", False),
    ("weight gradients", recurrent, "weight_gradient", False),
    ("weight gradients", linear, "weight_gradient", False),
    ("output layer and loss", loss_numba, "linear_cross_entropy", False),
    ("attention", bahdanau, "_attend", True),
    ("attention", bahdanau, "_attend_backward", True),
    ("cells", bahdanau, "lstm_step", True),
    ("cells", bahdanau, "lstm_step_backward", True),
    ("cells", recurrent, "lstm_step", True),
    ("cells", recurrent, "lstm_step_backward", True),
    ("into packed rows and back, forwards", packed.PackedRows, "pack", False),
    ("into packed rows and back, forwards", packed.PackedRows, "pad", False),
    ("weights packed", products, "pack_weight", True),
]


def watch(seconds: dict[str, float], threads: int) -> None:
    """Adds the time of every place to `seconds` from now on."""

    def timed(place: str, function: Callable[..., Any], share: float) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            result = function(*arguments, **options)
            seconds[place] += (time.perf_counter() - start) * share
            return result

        return run

    for place, module, name, is_threaded in PLACES:
        share = 1 / threads if is_threaded else 1.0
        setattr(module, name, timed(place, getattr(module, name), share))

    def run_python(loop: Any, *arguments: Any) -> None:
        python = loop.py_func
        python.py_func = python  # which `run_loop` asks for where products are oneDNN's
        products.run_loop(python, *arguments)

    for module in (bahdanau, recurrent):
        module.run_loop = run_python
    GradientStep.compute = timed("gradients", GradientStep.compute, 1.0)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, default=ROOT / "corpus" / "novel.txt")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--context-paragraphs", type=int, default=1)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--batches", type=int, default=6)
    parser.add_argument("--blocks", type=int, default=3)
    args = parser.parse_args()
    args.dropout, args.device = 0.3, "cpu"
    tune_malloc()
    race = prepare_race(args)
    ours = Ours(race)
    steps = len(race.plan)
    ours.run(steps)
    flops = product_flops(race.config.model, race.vocabulary_size, race.batches)
    whole = min(ours.run(steps) for _ in range(args.blocks))
    peak = matrix_peak(race.device, torch.float32, 2048)

    seconds: dict[str, float] = defaultdict(float)
    watch(seconds, race.threads)
    ours.run(steps)
    found = []
    for _ in range(args.blocks):
        seconds.clear()
        total = ours.run(steps)
        found.append((total, dict(seconds)))
    total, best = min(found, key=lambda each: each[0])
    gradients = best.pop("gradients")
    machine = describe_machine(race.device)
    print(f"{machine['cpu']}, {race.threads} threads, torch {machine['torch']}, {args.precision}")
    print(f"{steps} steps: {whole:.2f} s as machine code, {total:.2f} s watched")
    print(
        f"{flops / whole / 1e9:.0f} GFLOP/s in products that padding is no part of, "
        f"{100 * flops / whole / peak:.0f} % of the peak of {peak / 1e9:.0f}"
    )
    best["optimiser and clipping"] = total - gradients
    best["other"] = total - sum(best.values())
    for place, spent in sorted(best.items(), key=lambda each: -each[1]):
        print(f"{place:34}{1000 * spent / steps:8.1f} ms a step{100 * spent / total:7.1f} %")


if __name__ == "__main__":
    main()
