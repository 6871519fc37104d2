"""Writes the tables of docs/benchmarks.md from the JSON files in benchmarks/results.

    python benchmarks/tables.py

A table stands between `<!-- NAME.json -->` and `<!-- end -->`, and is what its function here makes
of that file.
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
RESULTS = PROJECT / "benchmarks" / "results"
DOCUMENT = PROJECT / "docs" / "benchmarks.md"
_PEERS = {
    "eager": "the same model in plain PyTorch",
    "joeynmt": "JoeyNMT 2.3",
    "transformer": "decoder-only transformer, about as many parameters",
}
_DECODERS = {"greedy": "greedy", "beam": "beam of 5"}
_COPYING_STEPS = (400, 800, 1200, 2400)
_SCALING_AXES = {
    "length": "Characters of a source and of a target",
    "rows": "Pairs of a batch",
    "hidden": "Units of the decoder",
}


def table(titles: Sequence[str], rows: Sequence[Sequence[Any]], labels: int = 1) -> list[str]:
    """The lines of a Markdown table; the first `labels` columns are words, the others numbers."""
    rules = ["---"] * labels + ["---:"] * (len(titles) - labels)
    lines = [f"| {' | '.join(titles)} |", f"|{'|'.join(rules)}|"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return lines


def machine(measured_on: dict[str, Any]) -> str:
    """What it was measured on, as half a sentence."""
    processor = measured_on.get("gpu", measured_on["cpu"])
    count = measured_on["threads"]
    noun = "thread" if count == 1 else "threads"
    return f"{processor}, {count} {noun}, torch {measured_on['torch']}"


def training(found: dict[str, Any]) -> list[str]:
    """Characters a second of every contestant, and how many times as fast novelgen is."""
    titles = ("", "precision", "parameters", "target characters/s", "novelgen's speed / its speed")
    rows = [
        (
            _PEERS.get(name, name),
            row["precision"],
            f"{row['parameters'] / 1e6:.1f} M",
            f"{row['characters_per_second']:,.0f}",
            f"{row['novelgen_is_times_as_fast']:.1f} ×",
        )
        for name, row in found["contestants"].items()
    ]
    precision = found["precision"]
    peak = found["matrix_peak_gflops"][precision]
    share = f"{found['share_of_peak']:.1%}"
    return [
        *table(titles, rows, labels=2),
        "",
        f"{machine(found['machine'])}.",
        f"novelgen's matrix products reach {share} of the measured {precision} peak "
        f"({peak:,.0f} GFLOP/s).",
    ]


def writing(found: dict[str, Any]) -> list[str]:
    """Tokens a second by decoder and batch: a column for each contestant."""
    names = list(dict.fromkeys(row["contestant"] for row in found["rows"]))
    speeds = {
        (row["decoder"], row["batch"], row["contestant"]): row["tokens_per_second"]
        for row in found["rows"]
    }
    rows = [
        (
            f"{_DECODERS[decoder]}, {batch} at once",
            *(f"{speeds[decoder, batch, name]:,.0f}" for name in names),
        )
        for decoder, batch in dict.fromkeys(key[:2] for key in speeds)
    ]
    return [*table(("tokens/s", *names), rows), "", f"{machine(found['machine'])}."]


def quality(found: dict[str, Any]) -> list[str]:
    """Validation BPC of both paths along the steps."""
    columns = {name: dict(found[name]["validation_bpc"]) for name in ("reference", "fast")}
    steps = list(columns["reference"])
    rows = [
        (
            f"{name}, {found[name]['precision']}",
            *(f"{columns[name][step]:.4f}" for step in steps),
        )
        for name in columns
    ]
    return [
        *table(("validation BPC after step", *map(str, steps)), rows),
        "",
        f"`{found['corpus']}`, `{found['preset']}`, {machine(found['machine'])}; "
        f"difference at the end {found['difference']:+.2%}.",
    ]


def translation(found: dict[str, Any]) -> list[str]:
    """BLEU of greedy search and of a beam of 5, by model and learning rate."""
    rows = [
        (
            "JoeyNMT 2.3 (bahdanau, float32, plateau)" if name == "joeynmt" else name,
            part["recipe"]["learning_rate"],
            f"{scores['1']['bleu']:.1f}",
            f"{scores['5']['bleu']:.1f}",
        )
        for part in found.values()
        for name, scores in part["results"].items()
    ]
    first = next(iter(found.values()))
    return [
        *table(("model", "learning rate", "BLEU, greedy", "BLEU, beam of 5"), rows),
        "",
        f"{first['training_pairs']:,} pairs for training, {first['validation_pairs']:,} for "
        f"validation, {first['recipe']['steps']:,} steps; {machine(first['machine'])}.",
    ]


def comparison(found: dict[str, Any]) -> list[str]:
    """Test BPC and speed of every run, best first."""
    titles = ("model", "test BPC", "validation BPC", "parameters", "steps", "characters/s")
    rows = [
        (
            run["model"],
            f"{run['test_bpc']:.3f}",
            f"{run['validation_bpc']:.3f}",
            f"{run['parameters'] / 1e6:.1f} M",
            run["steps"],
            f"{run['characters_per_second']:,.0f}",
        )
        for run in sorted(found["runs"], key=lambda run: run["test_bpc"])
    ]
    return [*table(titles, rows), "", f"{machine(found['machines'][0])}."]


def copying(found: dict[str, Any]) -> list[str]:
    """Share of the unseen sequences that are written exactly, along the steps."""
    rows = [
        (name, *(f"{dict(curve)[step]:.1%}" for step in _COPYING_STEPS))
        for name, curve in found["exact"].items()
    ]
    titles = ("exact after step", *(f"{step:,}" for step in _COPYING_STEPS))
    return [*table(titles, rows), "", f"{machine(found['machine'])}."]


def teacher_forcing(found: dict[str, Any]) -> list[str]:
    """What each share of true tokens comes to: the means of all seeds."""
    titles = (
        "--teacher-forcing",
        "validation BPC",
        "test BPC",
        "validation BPC, half of the history drawn",
        "repeated 4-grams, greedy",
        "the same, sampled",
        "distinct-2, sampled",
        "processor time of a step",
    )
    runs = found["runs"]
    shares = dict.fromkeys(run["teacher_forcing"] for run in runs)
    columns: list[list[float]] = []
    for share in shares:
        own = [
            (
                min(bpc for _, bpc in run["validation_bpc"]),
                run["test_bpc"],
                run["mixed_history_bpc"],
                run["writing"]["greedy"]["repeated_4grams"],
                run["writing"]["sample"]["repeated_4grams"],
                run["writing"]["sample"]["distinct_2"],
                run["step_cpu_seconds"],
            )
            for run in runs
            if run["teacher_forcing"] == share
        ]
        columns.append([statistics.mean(column) for column in zip(*own, strict=True)])
    rows = [
        (
            f"{share:g}",
            *(f"{bpc:.3f}" for bpc in means[:3]),
            *(f"{each:.1%}" for each in means[3:6]),
            f"{means[6] / columns[0][6]:.2f} ×",
        )
        for share, means in zip(shares, columns, strict=True)
    ]
    novel = found["truth"]
    repeated = f"{novel['repeated_4grams']:.1%}"
    rows.append(("the novel", "", "", "", repeated, repeated, f"{novel['distinct_2']:.1%}", ""))
    return [
        *table(titles, rows),
        "",
        f"`{found['corpus']}`, `{found['preset']}`, `{found['model']}`, {found['steps']} steps, "
        f"seeds: {len(runs) // len(shares)}; {machine(found['machine'])}.",
    ]


def scaling(found: dict[str, Any]) -> list[str]:
    """What growth costs: a table for the corpus, and one for each axis of a training step."""
    corpus = [
        (
            f"{point['value']}",
            f"{point['prepare_cpu_s_per_mb']:.2f}",
            f"{point['prepare_wall_s']:.1f}",
            f"{point['prepare_mib']:.0f}",
            f"{point['plan_ms']:.0f}",
        )
        for point in found["points"]["corpus"]
    ]
    titles = (
        "Corpus, MB",
        "import, CPU s/MB",
        "import, wall clock s",
        "peak memory, MiB",
        "plan of an epoch's batches, ms",
    )
    lines = table(titles, corpus, labels=0)
    for axis, title in _SCALING_AXES.items():
        points = [
            (
                f"{point['value']}",
                f"{point['rows']} × {point['length']}",
                f"{point['step_cpu_ms']:,.0f}",
                f"{point['us_per_character']:,.0f}",
                f"{point['step_mib']:,.0f}",
            )
            for point in found["points"][axis]
        ]
        titles = (title, "batch", "step, CPU ms", "CPU µs/character", "memory of a step, MiB")
        lines += ["", *table(titles, points, labels=0)]
    return [*lines, "", f"{machine(found['machine'])}."]


def sutskever(found: dict[str, Any]) -> list[str]:
    """Speed of the model of 2014 at its own size, beside the paper's."""
    size = found["options"]
    row = (
        found["precision"],
        f"{found['parameters'] / 1e6:.0f} M",
        f"{size['rows']} × {size['length']}",
        f"{min(found['seconds']):.1f}",
        f"{found['words_per_second']:,.0f}",
        f"{found['times_the_paper']:.3f} ×",
    )
    titles = ("precision", "parameters", "batch", "s/step", "words/s", "of the paper's speed")
    return [*table(titles, [row]), "", f"{machine(found['machine'])}."]


TABLES: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "translation": translation,
    "seven-hongloumeng/table": comparison,
    "copying": copying,
    "teacher_forcing": teacher_forcing,
    "training_speed-cpu": training,
    "training_speed-cpu-avx2": training,
    "generation_speed": writing,
    "generation_speed-cpu-avx2": writing,
    "same_quality": quality,
    "sutskever2014-cpu": sutskever,
    "scaling": scaling,
}


def updated(text: str) -> str:
    """`text` with every table between its marks made again from its file."""

    def replacement(match: re.Match[str]) -> str:
        found = json.loads((RESULTS / f"{match[2]}.json").read_text(encoding="utf-8"))
        lines = TABLES[match[2]](found)
        return "\n".join([match[1], "", *lines, "", "<!-- end -->"])

    marks = r"(<!-- ([\w/-]+)\.json -->)\n.*?<!-- end -->"
    return re.sub(marks, replacement, text, flags=re.DOTALL)


if __name__ == "__main__":
    DOCUMENT.write_text(updated(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
