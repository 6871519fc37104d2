"""How fast novelgen trains beside others, block by block in turn.

    python benchmarks/training_speed.py --corpus corpus/novel.txt

Target characters a second on the same batches of 64 pairs, by models of the same sizes: novelgen as
its Trainer trains it, the same model in plain PyTorch, JoeyNMT 2.3
(benchmarks/peers/install_joeynmt.py), and a decoder-only transformer of as many parameters. Each
has a process of its own, as PyTorch's threads wait in another way in novelgen's commands. With
--loops, novelgen's own time loops instead.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as novelgen's commands do

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.peers import install_joeynmt
from benchmarks.peers.contestants import Apart, Contestant, Eager, Gpt, JoeyNMT, Ours, Race
from benchmarks.peers.products import matrix_peak, product_flops
from novelgen.config import Config
from novelgen.data.pairs import Pairs
from novelgen.data.prepare import open_or_build
from novelgen.models import kernels
from novelgen.models.zoo import resolve
from novelgen.training.hardware import (
    choose_device,
    describe_machine,
    supports_bfloat16,
    tune_malloc,
)

ROOT = Path(__file__).resolve().parents[1]
PEAKS = ("float32", "bfloat16")  # the dtypes that are reported
PEAK_SIZE = {"cpu": 2048, "cuda": 8192}


def prepare_race(args: argparse.Namespace) -> Race:
    """The batches: `args.batches` times 64 random pairs, those of like target length together."""
    config = Config().replace(attention_size=512, dropout=args.dropout, precision=args.precision)
    config = config.replace(**vars(resolve(config.model)))
    store = open_or_build([args.corpus], config.text, config.data, ROOT / "checkpoints" / ".stores")
    pairs = Pairs.from_store(store, "train", args.context_paragraphs)
    chosen = np.random.default_rng(0).permutation(len(pairs))[: args.batches * args.rows]
    if len(chosen) < args.rows:
        raise SystemExit(
            f"{args.corpus}: {len(chosen)} pairs are no batch of {args.rows}; lower --rows"
        )
    chosen = chosen[: len(chosen) // args.rows * args.rows]
    ordered = chosen[np.argsort(pairs.target_lengths[chosen], kind="stable")]
    return Race(
        config,
        store.tokenizer.size,
        pairs,
        list(ordered.reshape(-1, args.rows)),
        choose_device(args.device),
        torch.get_num_threads(),
    )


def make_contestants(race: Race, args: argparse.Namespace) -> dict[str, Contestant]:
    """Everybody who takes part, in their order."""
    if args.loops:
        return {name: Ours(race, loop) for name, loop in time_loops().items()}
    makers: dict[str, Callable[[], Contestant]] = {
        "novelgen": lambda: Ours(race),
        "eager": lambda: Apart(Eager, prepare_race, args),
        "joeynmt": lambda: JoeyNMT(race, args.joeynmt),
        "transformer": lambda: Apart(Gpt, prepare_race, args),
    }
    left_out = set(args.without)
    if "joeynmt" not in left_out and not install_joeynmt.interpreter(args.joeynmt).exists():
        print(
            f"JoeyNMT is left out: no environment at {args.joeynmt}; "
            "python benchmarks/peers/install_joeynmt.py builds it"
        )
        left_out.add("joeynmt")
    return {name: make() for name, make in makers.items() if name not in left_out}


def time_loops() -> dict[str, Callable[..., Any]]:
    """Every `attention_loop` of the package of kernels that can be imported here."""
    found = {}
    for module in pkgutil.iter_modules(kernels.__path__):
        try:
            loop = getattr(
                importlib.import_module(f"{kernels.__name__}.{module.name}"), "attention_loop", None
            )
        except ImportError as error:
            print(f"{module.name} is left out: {error}")
            continue
        if loop is not None:
            found[module.name] = loop
    return dict(sorted(found.items(), key=lambda item: item[0] != "reference"))


def peak_dtypes(device: torch.device) -> dict[str, torch.dtype]:
    """The dtypes of which a peak is measured, by their names.

    bfloat16 is none on a CPU that oneDNN has no kernels for: one product would keep PyTorch's own
    loops busy for minutes.
    """
    dtypes = {"float32": torch.float32}
    if supports_bfloat16(device):
        dtypes["bfloat16"] = torch.bfloat16
    return dtypes


def measure(
    race: Race, contestants: dict[str, Contestant], blocks: int
) -> tuple[dict[str, list[float]], dict[str, float | None]]:
    """Seconds of every block of each, and the machine's matrix peaks.

    A block is one round through the batches. A peak is None where the hardware has none.
    """
    steps = len(race.plan)
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    dtypes = peak_dtypes(race.device)
    size = PEAK_SIZE[race.device.type]
    found: dict[str, list[float]] = {name: [] for name in dtypes}
    for block in range(blocks + 1):
        for name, contestant in contestants.items():
            taken = contestant.run(steps)
            if block:  # the first warms up
                seconds[name].append(taken)
                print(f"block {block}: {name:12} {taken:8.2f} s", file=sys.stderr, flush=True)
        for name, dtype in dtypes.items():
            found[name].append(matrix_peak(race.device, dtype, size))
    peaks: dict[str, float | None] = dict.fromkeys(PEAKS)
    for name, values in found.items():
        peaks[name] = statistics.median(values)
    return seconds, peaks


def summarize(
    race: Race,
    contestants: dict[str, Contestant],
    seconds: dict[str, list[float]],
    peaks: dict[str, float | None],
) -> dict[str, Any]:
    """What the results file holds; the first contestant is compared with each.

    A peak that this machine does not have is null there.
    """
    batches = race.batches
    characters = sum(int(batch.characters.sum()) for batch in batches)
    flops = product_flops(race.config.model, race.vocabulary_size, batches)
    speeds = {name: characters / statistics.median(taken) for name, taken in seconds.items()}
    first = next(iter(contestants))
    ours = "novelgen" if "novelgen" in contestants else first
    precision = contestants[ours].precision
    return {
        "machine": {**describe_machine(race.device), "threads": race.threads},
        "batches": {
            "count": len(batches),
            "rows": len(batches[0].source),
            "target_characters": characters,
            "target_tokens": sum(int(batch.target_lengths.sum()) for batch in batches),
            "padded_target_tokens": sum(batch.target.size for batch in batches),
            "padded_source_tokens": sum(batch.source.size for batch in batches),
            "vocabulary": race.vocabulary_size,
        },
        "dropout": race.config.model.dropout,
        "contestants": {
            name: {
                "precision": contestant.precision,
                "parameters": contestant.parameters,
                "seconds": seconds[name],
                "characters_per_second": speeds[name],
                "novelgen_is_times_as_fast": speeds[ours] / speeds[name],
            }
            for name, contestant in contestants.items()
        },
        "product_gflop_per_block": flops / 1e9,
        "matrix_peak_gflops": {name: peak and peak / 1e9 for name, peak in peaks.items()},
        "share_of_peak": flops / characters * speeds[ours] / peaks[precision],
        "compared": ours,
        "precision": precision,
    }


def show(result: dict[str, Any]) -> None:
    """The table for people."""
    machine, batches = result["machine"], result["batches"]
    print(
        f"\n{machine.get('gpu', machine['cpu'])}, {machine['threads']} threads, "
        f"torch {machine['torch']}; {batches['count']} batches of {batches['rows']} pairs, "
        f"vocabulary {batches['vocabulary']:,}, "
        f"dropout {result['dropout']:g}"
    )
    print(
        f"{'':14}{'precision':>10}{'parameters':>13}{'characters/s':>14}"
        f"{result['compared'] + ' is':>14}"
    )
    for name, row in result["contestants"].items():
        print(
            f"{name:14}{row['precision']:>10}{row['parameters']:13,}{row['characters_per_second']:14,.0f}"
            f"{row['novelgen_is_times_as_fast']:12.2f} ×"
        )
    device = machine["device"].upper()
    peaks = ", ".join(
        f"{name}: not on this {device}" if peak is None else f"{name} {peak:,.0f}"
        for name, peak in result["matrix_peak_gflops"].items()
    )
    print(
        f"matrix peak in GFLOP/s: {peaks}; {result['compared']} makes "
        f"{100 * result['share_of_peak']:.1f} % of that of "
        f"{result['precision']}, products alone, padding not counted"
    )


def main() -> None:
    """Runs the race, prints its table and writes it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, default=ROOT / "corpus" / "novel.txt")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", help="of novelgen and of the transformer")
    parser.add_argument("--threads", type=int, help="of everybody (default: as torch decides)")
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--context-paragraphs", type=int, default=1, help="of a source")
    parser.add_argument("--rows", type=int, default=64, help="pairs of a batch")
    parser.add_argument("--batches", type=int, default=6, help="batches of a block")
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument(
        "--without", nargs="+", default=[], choices=("eager", "joeynmt", "transformer")
    )
    parser.add_argument(
        "--joeynmt", type=Path, default=install_joeynmt.DEFAULT, help="its environment"
    )
    parser.add_argument(
        "--loops",
        action="store_true",
        help="novelgen's own time loops side by side, and nobody else",
    )
    parser.add_argument(
        "--output", type=Path, help="default: benchmarks/results/training_speed-<device>.json"
    )
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    tune_malloc()
    race = prepare_race(args)
    contestants = make_contestants(race, args)
    result = summarize(race, contestants, *measure(race, contestants, args.blocks))
    show(result)
    name = ("loops-" if args.loops else "training_speed-") + race.device.type
    output = args.output or ROOT / "benchmarks" / "results" / f"{name}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(output)
    for contestant in contestants.values():
        if isinstance(contestant, Apart | JoeyNMT):
            contestant.close()


if __name__ == "__main__":
    main()
