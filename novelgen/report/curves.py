"""Curves of a run: how far it has learned, and whether it still generalises."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from novelgen.i18n import _
from novelgen.report.fonts import figure_language, font_properties

Floats = npt.NDArray[np.floating[Any]]
Records = Sequence[dict[str, Any]]

# The share of single steps that may lie beyond each end of the axis.
_OUTLIERS = 0.005
# How much of the axis may be for those that lie further out, so that all are shown.
_MOST_GROWTH = 0.4
_TICKS = 6  # of the perplexity

_EACH_STEP = "#9ab8d8"
_TRAINING = "#2f6db3"
_VALIDATION = "#c8502d"


def smooth(values: Floats, weights: Floats, window: int) -> Floats:
    """The weighted mean of the last `window` values at every place: (N,), (N,) → (N,).

    At the beginning it is the mean of fewer.
    """
    # Sums of everything before each place: a window's sum is the difference of two.
    sums = np.cumsum(np.insert(values * weights, 0, 0.0))  # (N + 1,)
    weight_sums = np.cumsum(np.insert(weights, 0, 0.0))  # (N + 1,)
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    means: Floats = (sums[ends] - sums[starts]) / (weight_sums[ends] - weight_sums[starts])
    return means


def draw_curves(records: Records, path: Path) -> None:
    """Draws `curves_figure` as a PNG."""
    curves_figure(records).savefig(path)


def curves_figure(records: Records) -> Figure:
    """Training and validation BPC over steps, with the perplexity on a second axis.

    `records` are those of metrics.jsonl. The perplexity is that of a character, 2 ** BPC: the same
    curve on another scale, comparable across tokenizers as BPC is.
    """
    steps = [record for record in records if "loss" in record]
    validations = [
        record for record in records if math.isfinite(record.get("validation_bpc", math.nan))
    ]
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    font = font_properties()
    with figure_language():
        if steps:
            _draw_training(axes, steps, validations)
        if validations:
            _draw_validations(axes, validations)
        axes.set_xlabel(_("steps"), fontproperties=font)
        axes.set_ylabel(_("bits per character (BPC)"), fontproperties=font)
        if steps or validations:
            _add_perplexity(axes)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(prop=font, frameon=False)
    return figure


def _draw_training(axes: Axes, steps: Records, validations: Records) -> None:
    """Each step as a thin line, their mean as a thick one, and the part of the axis to show."""
    x = np.array([record["step"] for record in steps])
    y = np.array([record["bpc"] for record in steps])
    characters = np.diff(np.array([record["characters"] for record in steps]), prepend=0)
    # Weighted: batches of short paragraphs hold few characters, and the share of their ends is
    # large.
    mean = smooth(y, characters, max(1, len(y) // 50))
    axes.plot(x, y, color=_EACH_STEP, linewidth=0.6, alpha=0.6)
    axes.plot(x, mean, color=_TRAINING, linewidth=1.6, label=_("training"))

    # The first steps, hardly better than chance, and single steps far from all others would press
    # everything else flat: they are left out where the axis would grow much with them.
    begun = len(y) // 20
    shown = mean[begun:].tolist()
    shown += np.quantile(y[begun:], [_OUTLIERS, 1 - _OUTLIERS]).tolist()
    shown += [record["validation_bpc"] for record in validations]
    low = min(shown)
    high = max(shown)
    room = _MOST_GROWTH * (high - low)
    low = y.min() if y.min() > low - room else low
    high = y.max() if y.max() < high + room else high
    margin = 0.04 * (high - low) + 0.05
    axes.set_ylim(max(low - margin, 0), high + margin)


def _add_perplexity(axes: Axes) -> None:
    """A second axis on the right: the perplexity of a character, round numbers evenly apart."""
    scale = axes.secondary_yaxis("right", functions=(_exp2, _log2))
    scale.set_ylabel(_("perplexity per character (2^BPC)"), fontproperties=font_properties())
    low, high = axes.get_ylim()
    ticks = np.exp2(np.linspace(low, high, _TICKS + 2)[1:-1])
    # Two significant digits are enough to read a scale.
    rounded = [float(f"{tick:.1e}") for tick in ticks]
    scale.set_yticks(
        rounded, [f"{tick:,.3g}" if tick < 100 else f"{tick:,.0f}" for tick in rounded]
    )
    scale.minorticks_off()
    scale.spines["right"].set_visible(False)


def _exp2(values: Any) -> Any:
    """The perplexity of some BPC."""
    return np.exp2(values)


def _log2(values: Any) -> Any:
    """The logarithm where there is one: matplotlib also asks for what lies outside the axis."""
    return np.log2(np.maximum(values, np.finfo(float).tiny))


def _draw_validations(axes: Axes, validations: Records) -> None:
    """The validations as a line of points, the best one with its number."""
    axes.plot(
        [record["step"] for record in validations],
        [record["validation_bpc"] for record in validations],
        color=_VALIDATION,
        marker="o",
        markersize=4,
        linewidth=1.6,
        label=_("validation"),
    )
    best = min(validations, key=lambda record: record["validation_bpc"])
    axes.annotate(
        f"{best['validation_bpc']:.3f}",
        (best["step"], best["validation_bpc"]),
        textcoords="offset points",
        xytext=(0, -14),
        ha="center",
        fontsize=9,
        color=_VALIDATION,
    )
