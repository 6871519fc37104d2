"""Writes the tables of README.md from the JSON files in benchmarks/results.

    python benchmarks/tables.py

A table stands between `<!-- NAME.json -->` and `<!-- end -->`, and is what its function here makes
of that file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
RESULTS = PROJECT / "benchmarks" / "results"
_PEERS = {
    "eager": "照教科书写的同一个模型 the same model in plain PyTorch",
    "joeynmt": "JoeyNMT 2.3",
    "transformer": "只有解码器的 transformer，参数相当 decoder-only, about as many parameters",
}
_DECODERS = {"greedy": "贪心 greedy", "beam": "束 5 beam 5"}


def machine(found: dict[str, Any]) -> str:
    """What it was measured on."""
    about = found["machine"]
    return (
        f"{about.get('gpu', about['cpu'])}，{about['threads']} 线程 threads，torch {about['torch']}"
    )


def training(found: dict[str, Any]) -> list[str]:
    """Characters a second of everybody, and how many times as fast novelgen is."""
    lines = [
        "| | 精度 precision | 参数 parameters "
        "| 目标字/秒 target characters/s | 本程序是它的 novelgen is |",
        "|---|---|---:|---:|---:|",
    ]
    for name, row in found["contestants"].items():
        lines.append(
            f"| {_PEERS.get(name, name)} | {row['precision']} | {row['parameters'] / 1e6:.1f} M | "
            f"{row['characters_per_second']:,.0f} | {row['novelgen_is_times_as_fast']:.1f} × |"
        )
    peak = found["matrix_peak_gflops"][found["precision"]]
    share = f"{found['share_of_peak']:.1%}"
    return [
        *lines,
        "",
        f"{machine(found)}。本程序的矩阵乘达到实测 {found['precision']} "
        f"峰值（{peak:,.0f} GFLOP/s）的 {share}。"
        f"Products reach {share} of the measured peak.",
    ]


def writing(found: dict[str, Any]) -> list[str]:
    """Tokens a second by decoder and batch: a column each contestant."""
    names = list(dict.fromkeys(row["contestant"] for row in found["rows"]))
    speeds = {
        (row["decoder"], row["batch"], row["contestant"]): row["tokens_per_second"]
        for row in found["rows"]
    }
    lines = [f"| 词元/秒 tokens/s | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
    for decoder, batch in dict.fromkeys(key[:2] for key in speeds):
        values = " | ".join(f"{speeds[decoder, batch, name]:,.0f}" for name in names)
        lines.append(f"| {_DECODERS[decoder]}，一次 {batch} 段 at once | {values} |")
    return [*lines, "", f"{machine(found)}。"]


def quality(found: dict[str, Any]) -> list[str]:
    """Validation BPC of both paths along the steps."""
    columns = {name: dict(found[name]["validation_bpc"]) for name in ("reference", "fast")}
    steps = list(columns["reference"])
    lines = [f"| 步 step | {' | '.join(map(str, steps))} |", "|---|" + "---:|" * len(steps)]
    for name, label in (("reference", "对照 reference"), ("fast", "快的 fast")):
        lines.append(
            f"| {label}，{found[name]['precision']} | "
            f"{' | '.join(f'{columns[name][step]:.4f}' for step in steps)} |"
        )
    return [
        *lines,
        "",
        f"`{found['corpus']}`，`{found['preset']}`，{machine(found)}；"
        f"最后相差 the difference at the end {found['difference']:+.2%}。",
    ]


TABLES: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "training_speed-cpu": training,
    "generation_speed": writing,
    "same_quality": quality,
}


def updated(text: str) -> str:
    """`text` with every table between its marks made anew."""

    def table(match: re.Match[str]) -> str:
        lines = TABLES[match[2]](
            json.loads((RESULTS / f"{match[2]}.json").read_text(encoding="utf-8"))
        )
        return "\n".join([match[1], "", *lines, "", "<!-- end -->"])

    return re.sub(r"(<!-- ([\w-]+)\.json -->)\n.*?<!-- end -->", table, text, flags=re.DOTALL)


if __name__ == "__main__":
    README = PROJECT / "README.md"
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")
