"""Sutskever, Vinyals and Le's own model (2014), trained at its own size.

    python benchmarks/sutskever2014.py [--device cuda]

Four LSTM layers of 1000 cells, embeddings of 1000, 160,000 source and 80,000 target words, batches
of 128, SGD without momentum at 0.7, gradients clipped to norm 5. The paper trained 6,300 words/s,
source and target counted, on a machine of 8 GPUs (section 3.5). Ours has one embedding matrix for
the target's input and output, and a readout between the cells and it; the words are random.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.random_batches import random_batch, step_seconds
from novelgen.config import Config
from novelgen.models.build import build_model
from novelgen.training.hardware import (
    choose_device,
    choose_precision,
    describe_machine,
    tune_malloc,
)

ROOT = Path(__file__).resolve().parents[1]
PAPER = 6300  # words/s on 8 GPUs


class Sgd(torch.optim.SGD):
    """The paper's: g is clipped to norm 5, then θ ← θ − 0.7 g."""

    def __init__(self, parameters) -> None:
        super().__init__(parameters, lr=0.7)

    def step(self) -> None:
        """Clips the gradients, then steps."""
        torch.nn.utils.clip_grad_norm_(
            [parameter for group in self.param_groups for parameter in group["params"]], 5.0
        )
        super().step()


def measure(args: argparse.Namespace) -> dict:
    """Median seconds of a step, after one that warms up."""
    tune_malloc()
    torch.manual_seed(1)
    device = choose_device(args.device)
    precision = choose_precision("auto", device)
    config = Config().replace(
        model="sutskever", embedding_size=args.size, decoder_size=args.size, dropout=0.0
    )
    model = build_model(config.model, args.target_words, args.source_words).to(device).train()
    batch, optimizer = (
        random_batch(args.rows, args.length, args.target_words, args.source_words),
        Sgd(model.parameters()),
    )
    seconds = [
        step_seconds(model, batch, device, precision, optimizer) for _ in range(args.steps + 1)
    ][1:]
    words = int(batch.source_lengths.sum() + batch.target_lengths.sum())
    speed = words / statistics.median(seconds)
    return {
        "machine": describe_machine(device),
        "options": {name: value for name, value in vars(args).items() if name != "output"},
        "precision": str(precision).removeprefix("torch."),
        "parameters": sum(each.numel() for each in model.parameters()),
        "seconds": seconds,
        "words_per_second": speed,
        "times_the_paper": speed / PAPER,
    }


def main() -> None:
    """Trains for a while and prints words a second."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--size", type=int, default=1000, help="of embeddings and cells")
    parser.add_argument("--source-words", type=int, default=160_000)
    parser.add_argument("--target-words", type=int, default=80_000)
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument(
        "--length", type=int, default=25, help="words of a sentence, its end included"
    )
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument(
        "--output", type=Path, help="default: benchmarks/results/sutskever2014-<device>.json"
    )
    args = parser.parse_args()
    found = measure(args)
    print(
        f"{found['parameters']:,} parameters, {found['precision']}: "
        f"{found['words_per_second']:,.0f} words/s, "
        f"{found['times_the_paper']:.2f} times the paper's {PAPER:,}"
    )
    output = (
        args.output
        or ROOT / "benchmarks" / "results" / f"sutskever2014-{found['machine']['device']}.json"
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
