"""What the program's own loops save in a training step of each variant.

    python benchmarks/variant_speed.py [--profile]

The ways of one variant alternate in one run, so that a noisy machine is equally noisy to all;
processor time is printed beside the clock's, since others' work on the machine hardly shows in it.
The loops are those with attention (`kernels.bahdanau`, `kernels.luong`), plain recurrent layers
(`kernels.recurrent`) and linear ones (`kernels.linear`); the loss is the program's in all ways.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import time
from pathlib import Path

import torch
from random_batches import random_batch, step_seconds
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from novelgen.models.build import build_model
from novelgen.models.kernels import api
from novelgen.models.zoo import VARIANTS
from novelgen.presets import preset
from novelgen.training.hardware import tune_malloc

_CHOSEN = (api.has_recurrent_layer, api.is_fast)


def _never(*_: object) -> bool:
    return False


def _always(layer: nn.RNNBase, sequence: Tensor) -> bool:
    return isinstance(layer, (nn.LSTM, nn.GRU)) and sequence.device.type == "cpu"


# What stands for `has_recurrent_layer` and `is_fast`.
WAYS = {
    "PyTorch's": (_never, _never),
    "PyTorch's layers": (_never, _CHOSEN[1]),
    "the program's": _CHOSEN,
    "own layers always": (_always, _CHOSEN[1]),
}


def choose(way: str) -> None:
    """From here on the loops are those of that way."""
    api.has_recurrent_layer, api.is_fast = WAYS[way]


def main() -> None:
    """Prints the time of a step of each variant, by each way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    recurrent = [name for name, variant in VARIANTS.items() if "cell" in variant.parts]
    parser.add_argument("--models", nargs="+", default=recurrent)
    parser.add_argument("--cell", choices=("lstm", "gru"), help="default: the variant's own")
    parser.add_argument("--preset", default="small")
    parser.add_argument("--precision", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--rows", type=int, default=35)
    parser.add_argument("--length", type=int, default=90)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument(
        "--profile", action="store_true", help="which operations take the time, each way"
    )
    args = parser.parse_args()
    tune_malloc()
    device, precision = torch.device("cpu"), getattr(torch, args.precision)
    batch = random_batch(args.rows, args.length, 4000)
    for name in args.models:
        model = build_model(
            dataclasses.replace(preset(args.preset).model, model=name, cell=args.cell), 4000
        ).train()
        seconds: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
        for step in range(args.steps + 1):
            for way in seconds:
                choose(way)
                used = time.process_time()
                wall = step_seconds(model, batch, device, precision)
                if step:  # the first one warms up
                    seconds[way].append((wall, time.process_time() - used))
        size = sum(parameter.numel() for parameter in model.parameters())
        cells = f" of {args.cell}s" if args.cell else ""
        print(
            f"{name}{cells}, {size:,} parameters, {args.rows} × {args.length} characters, "
            f"{args.precision}, {torch.get_num_threads()} threads"
        )
        medians = {
            way: [statistics.median(column) for column in zip(*taken, strict=True)]
            for way, taken in seconds.items()
        }
        for way, (wall, used) in medians.items():
            gain = medians["PyTorch's"][1] / used
            print(
                f"  {way:18} {wall * 1000:8.1f} ms/step, "
                f"of the processor {used * 1000:8.1f} ({gain:.2f} ×), "
                f"{batch.characters.sum() / wall:8,.0f} characters/s",
                flush=True,
            )
        for way in seconds if args.profile else ():
            choose(way)
            with profile(activities=[ProfilerActivity.CPU]) as recorded:
                step_seconds(model, batch, device, precision)
            print(
                way,
                recorded.key_averages().table(
                    sort_by="self_cpu_time_total", row_limit=8, max_name_column_width=40
                ),
            )


if __name__ == "__main__":
    main()
