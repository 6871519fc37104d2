"""Curves of a run: how far it has learned, and whether it still generalises."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from novelgen.report.fonts import bilingual, font_properties


def smooth(values: np.ndarray, weights: np.ndarray, window: int) -> np.ndarray:
    """The weighted mean of the last `window` values at every place (fewer at the beginning): (N,), (N,) → (N,)."""
    sums, weight_sums = (np.cumsum(np.insert(each, 0, 0.0)) for each in (values * weights, weights))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (weight_sums[ends] - weight_sums[starts])


def draw_curves(records: Sequence[dict[str, Any]], path: Path) -> None:
    """Draws training and validation BPC over steps as a PNG; `records` are those of metrics.jsonl."""
    steps = [record for record in records if "loss" in record]
    looks = [record for record in records if math.isfinite(record.get("validation_bpc", math.nan))]
    font = font_properties()
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if steps:
        x, y, totals = (
            np.array([record[name] for record in steps]) for name in ("step", "bpc", "characters")
        )
        # Batches of short paragraphs hold few characters, and the share of their ends is large.
        line = smooth(y, np.diff(totals, prepend=0), max(1, len(y) // 50))
        axes.plot(x, y, color="#9ab8d8", linewidth=0.6, alpha=0.6)
        axes.plot(x, line, color="#2f6db3", linewidth=1.6, label=bilingual("训练", "training"))
        # The first steps, at chance, would press everything else flat.
        shown = line[len(y) // 20 :].tolist() + [record["validation_bpc"] for record in looks]
        low, high = min(shown), max(shown)
        axes.set_ylim(low - 0.08 * (high - low) - 0.05, high + 0.08 * (high - low) + 0.05)
    if looks:
        axes.plot(
            [record["step"] for record in looks],
            [record["validation_bpc"] for record in looks],
            color="#c8502d",
            marker="o",
            markersize=4,
            linewidth=1.6,
            label=bilingual("验证", "validation"),
        )
        best = min(looks, key=lambda record: record["validation_bpc"])
        axes.annotate(
            f"{best['validation_bpc']:.3f}",
            (best["step"], best["validation_bpc"]),
            textcoords="offset points",
            xytext=(0, -14),
            ha="center",
            fontsize=9,
            color="#c8502d",
        )
    axes.set_xlabel(bilingual("步数", "steps"), fontproperties=font)
    axes.set_ylabel(bilingual("每字比特数 BPC", "bits per character"), fontproperties=font)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(prop=font, frameon=False)
    figure.savefig(path)
