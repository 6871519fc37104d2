"""What growth costs, axis by axis.

    python benchmarks/scaling.py [--axes corpus length rows hidden] [--full]

Every point is a process of its own, so that its peak memory is its own. The texts are generated
from a seed. Times are seconds of CPU (of all threads, and of the import's processes), which other
work on the machine disturbs least; wall clock seconds stand beside them in the JSON. Memory is the
highest resident set, of training above what the process held before its first step.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "benchmarks")]

STEPS = 6  # of which the median counts; one before them warms up
TOKENS, LENGTH, ROWS, VOCABULARY = 3200, 80, 40, 4000  # of a batch, where they are not the axis
POINTS: dict[str, tuple[int, ...]] = {
    "corpus": (1, 3, 10),
    "length": (50, 100, 200, 400, 800),
    "rows": (5, 10, 20, 40, 80),
    "hidden": (128, 256, 512, 1024),
}
FULL: dict[str, tuple[int, ...]] = {
    **POINTS,
    "corpus": (1, 10, 100),
    "hidden": (128, 256, 512, 1024, 2048),
}
# Of each axis: its name, then what is drawn in its two rows, as (key, label).
PANELS = {
    "corpus": (
        "corpus, MB",
        [
            ("prepare_cpu_s_per_mb", "import, CPU s per MB"),
            ("prepare_mib", "import, peak MiB of a process"),
        ],
    ),
    "length": (
        f"source and target length, {TOKENS} tokens a batch",
        [
            ("us_per_character", "step, CPU µs per character"),
            ("kib_per_character", "step, peak KiB per character"),
        ],
    ),
    "rows": (
        f"rows of a batch, length {LENGTH}",
        [
            ("us_per_character", "step, CPU µs per character"),
            ("kib_per_character", "step, peak KiB per character"),
        ],
    ),
    "hidden": (
        f"decoder size, {ROWS} rows of {LENGTH}",
        [("us_per_character", "step, CPU µs per character"), ("step_mib", "step, peak MiB")],
    ),
}


def peak() -> float:
    """The highest resident set of this process and of the largest of its children, in MiB."""
    return (
        max(
            resource.getrusage(who).ru_maxrss
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        / 1024
    )


def cpu() -> float:
    """Seconds of CPU of this process and its children so far."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def corpus_point(megabytes: int) -> dict[str, Any]:
    """Importing a generated novel, opening its store, planning an epoch."""
    from import_scale import write_novel

    from novelgen.config import DataConfig, TextConfig
    from novelgen.data.batches import plan_batches
    from novelgen.data.pairs import Pairs
    from novelgen.data.prepare import open_or_build
    from novelgen.data.store import Store

    with tempfile.TemporaryDirectory() as folder:
        novel = Path(folder) / "novel.txt"
        write_novel(novel, megabytes * 10**6)
        wall, used = time.perf_counter(), cpu()
        store = open_or_build([novel], TextConfig(), DataConfig(), Path(folder) / "stores")
        wall, used, memory = time.perf_counter() - wall, cpu() - used, peak()
        start = time.perf_counter()
        train = Pairs.from_store(Store.open(store.directory), "train")
        opened, start = time.perf_counter() - start, time.perf_counter()
        plan = plan_batches(
            train.source_lengths, train.target_lengths, batch_tokens=TOKENS, seed=1, epoch=0
        )
        planned = time.perf_counter() - start
    return {
        "prepare_wall_s": wall,
        "prepare_cpu_s_per_mb": used / megabytes,
        "prepare_mib": memory,
        "open_ms": opened * 1e3,
        "plan_ms": planned * 1e3,
        "batches": len(plan),
    }


def step_point(axis: str, value: int) -> dict[str, Any]:
    """Training steps of `small`, of another decoder size or on batches of another shape."""
    import torch
    from random_batches import random_batch

    from novelgen.models.build import build_model
    from novelgen.presets import preset
    from novelgen.training.hardware import choose_precision, tune_malloc
    from novelgen.training.loss import batch_loss

    tune_malloc()
    device = torch.device("cpu")
    config = preset("small").replace(**({"decoder_size": value} if axis == "hidden" else {}))
    length = value if axis == "length" else LENGTH
    rows = {"length": TOKENS // length, "rows": value, "hidden": ROWS}[axis]
    torch.manual_seed(1)
    model = build_model(config.model, VOCABULARY).train()
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    batch, precision = random_batch(rows, length, VOCABULARY), choose_precision("auto", device)
    before, times = peak(), []
    for _ in range(STEPS + 1):
        wall, used = time.perf_counter(), cpu()
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=precision, enabled=precision != torch.float32):
            loss = batch_loss(model, batch, device)
        loss.backward()
        optimizer.step()
        times.append((cpu() - used, time.perf_counter() - wall))
    used, wall = (sorted(column)[STEPS // 2] for column in zip(*times[1:], strict=True))
    characters = int(batch.characters.sum())
    return {
        "rows": rows,
        "length": length,
        "step_cpu_ms": used * 1e3,
        "step_wall_ms": wall * 1e3,
        "step_mib": peak() - before,
        "us_per_character": used / characters * 1e6,
        "kib_per_character": (peak() - before) * 1024 / characters,
        "process_mib": peak(),
    }


def measure_point(axis: str, value: int) -> dict[str, Any]:
    """One point, by a process of its own."""
    command = [sys.executable, __file__, "--point", axis, str(value)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {"value": value, **json.loads(output.splitlines()[-1])}


def slopes(points: list[dict[str, Any]], key: str) -> list[float]:
    """The exponents between neighbouring points.

    0 where the cost does not change, 1 where it grows in proportion.
    """
    return [
        math.log(after[key] / before[key]) / math.log(after["value"] / before["value"])
        for before, after in itertools.pairwise(points)
    ]


def draw(results: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """All axes side by side, both scales logarithmic.

    Values stand at the points, exponents at the lines.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import ScalarFormatter

    figure, panels = pyplot.subplots(
        2, len(results), figsize=(4.2 * len(results), 7), squeeze=False, layout="constrained"
    )
    for column, (axis, points) in zip(panels.T, results.items(), strict=True):
        name, rows = PANELS[axis]
        values = [point["value"] for point in points]
        for panel, (key, label) in zip(column, rows, strict=True):
            heights = [point[key] for point in points]
            panel.loglog(values, heights, marker="o")
            for place, slope in enumerate(slopes(points, key)):
                middle = [math.sqrt(pair[place] * pair[place + 1]) for pair in (values, heights)]
                panel.annotate(
                    f"{slope:+.2f}",
                    middle,
                    textcoords="offset points",
                    xytext=(0, 8),
                    fontsize=9,
                    ha="right" if slope > 0.1 else "left" if slope < -0.1 else "center",
                )
            panel.set(
                xlabel=name,
                ylabel=label,
                xticks=values,
                xlim=(values[0] / 1.5, values[-1] * 1.5),
                ylim=(min(heights) / 2, max(heights) * 2),
            )
            for point in zip(values, heights, strict=True):
                written = f"{point[1]:,.0f}" if point[1] >= 100 else f"{point[1]:.3g}"
                panel.annotate(
                    written,
                    point,
                    textcoords="offset points",
                    xytext=(0, -16),
                    ha="center",
                    fontsize=9,
                    color="C0",
                )
            panel.xaxis.set_major_formatter(ScalarFormatter())
            panel.minorticks_off()
            panel.tick_params(left=False, labelleft=False)
            panel.grid(alpha=0.3)
    figure.suptitle(
        "Cost of growth; numbers at the lines are exponents (0: constant, 1: proportional)"
    )
    figure.savefig(path, dpi=110)


def save(results: dict[str, list[dict[str, Any]]], directory: Path) -> None:
    """What was found so far, as JSON with the machine, and drawn."""
    import torch

    from novelgen.training.hardware import describe_machine

    directory.mkdir(parents=True, exist_ok=True)
    exponents = {
        axis: {key: slopes(points, key) for key, _ in PANELS[axis][1]}
        for axis, points in results.items()
    }
    found = {
        "machine": describe_machine(torch.device("cpu")),
        "command": " ".join(sys.argv),
        "points": results,
        "exponents": exponents,
    }
    (directory / "scaling.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    draw(results, directory / "scaling.png")


def main() -> None:
    """Measures all points, or the one that --point names, and draws them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--axes", nargs="+", choices=list(POINTS), default=list(POINTS))
    parser.add_argument("--full", action="store_true", help="also 100 MB and a decoder of 2048")
    parser.add_argument(
        "--output",
        type=Path,
        default=PROJECT / "benchmarks" / "results",
        help="directory of scaling.json and .png",
    )
    parser.add_argument("--point", nargs=2, metavar=("AXIS", "VALUE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.point:
        axis, value = args.point[0], int(args.point[1])
        print(json.dumps(corpus_point(value) if axis == "corpus" else step_point(axis, value)))
        return
    results: dict[str, list[dict[str, Any]]] = {}
    for axis in args.axes:
        results[axis] = []
        for value in (FULL if args.full else POINTS)[axis]:
            results[axis].append(measure_point(axis, value))
            print(
                axis,
                json.dumps({key: round(number, 3) for key, number in results[axis][-1].items()}),
                flush=True,
            )
        save(results, args.output)


if __name__ == "__main__":
    main()
