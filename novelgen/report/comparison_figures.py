"""The figures of a comparison: one line a run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from novelgen.evaluation.comparison import Result
from novelgen.report.fonts import bilingual, font_properties

_DASHES = {"char": "-", "word": "--"}
_MARKERS = "osD^vPX"
_BEGINNING = 0.2  # of a curve, which does not decide what part of the axis is shown


def draw_validations(results: Sequence[Result], path: Path) -> None:
    """Draws validation BPC over minutes of training and over the characters seen, as a PNG."""
    figure, (left, right) = _figure(2, sharey=True)
    for result, style in _styles(results):
        for axes, spent in ((left, "minutes"), (right, "characters")):
            axes.plot(
                [getattr(look, spent) for look in result.curve],
                [look.bpc for look in result.curve],
                label=result.name,
                **style,
            )
    shown = [
        look.bpc
        for result in results
        for look in result.curve[int(_BEGINNING * len(result.curve)) :]
    ]
    if shown:
        # The first validations, hardly better than chance, would press everything else flat.
        margin = 0.06 * (max(shown) - min(shown)) + 0.02
        left.set_ylim(min(shown) - margin, max(shown) + margin)
    _label(
        left,
        bilingual("训练分钟", "minutes of training"),
        bilingual("验证集每字比特数", "validation BPC"),
    )
    _label(right, bilingual("读过的字（万）", "characters seen (× 10,000)"))
    right.xaxis.set_major_formatter(lambda characters, _: f"{characters / 1e4:g}")
    _save(figure, left, path)


def draw_by_length(results: Sequence[Result], path: Path, *, same_texts: bool) -> None:
    """Draws test BPC over classes of source length as a PNG.

    Where all runs have the same texts, also how far each is from the mean of its tokenizer's runs: some classes are harder for
    every model.
    """
    classes = {found.shortest: found for result in results for found in result.by_length}
    places = {shortest: place for place, shortest in enumerate(sorted(classes))}
    values = defaultdict(list)
    for result in results:
        for found in result.by_length:
            values[result.tokenizer, found.shortest].append(found.bpc)
    figure, panels = _figure(2 if same_texts else 1, sharey=False)
    for result, style in _styles(results):
        x = [places[found.shortest] for found in result.by_length]
        panels[0].plot(x, [found.bpc for found in result.by_length], label=result.name, **style)
        if same_texts:
            panels[1].plot(
                x,
                [
                    found.bpc - np.mean(values[result.tokenizer, found.shortest])
                    for found in result.by_length
                ],
                **style,
            )
    counts = {
        shortest: f"\n({found.pairs:,})" if same_texts else ""
        for shortest, found in classes.items()
    }
    source = (
        bilingual("源的字数（对数）", "characters of the source (pairs)")
        if same_texts
        else bilingual("源的字数", "characters of the source")
    )
    labels = [
        bilingual("测试集每字比特数", "test BPC"),
        bilingual("与同分词均值之差", "difference from the tokenizer's mean"),
    ]
    for axes, label in zip(panels, labels, strict=False):
        axes.set_xticks(
            list(places.values()),
            [classes[shortest].label + counts[shortest] for shortest in places],
            fontsize=8,
        )
        _label(axes, source, label)
    _save(figure, panels[0], path)


def _figure(panels: int, *, sharey: bool) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(4.8 * panels + 2.6, 4.8), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, panels, sharey=sharey, squeeze=False)[0]


def _styles(results: Sequence[Result]) -> Iterator[tuple[Result, dict[str, Any]]]:
    """A colour for each model, a dash for each tokenizer, a marker for each further run of the two."""
    models = list(dict.fromkeys(result.model for result in results))
    seen: Counter[tuple[str, str]] = Counter()
    for result in results:
        kind = (result.model, result.tokenizer)
        yield (
            result,
            {
                "color": colormaps["tab10"](models.index(result.model) % 10),
                "linestyle": _DASHES[result.tokenizer],
                "marker": _MARKERS[seen[kind] % len(_MARKERS)],
                "markersize": 3.5,
                "linewidth": 1.5,
            },
        )
        seen[kind] += 1


def _label(axes: Axes, x: str, y: str = "") -> None:
    axes.set_xlabel(x, fontproperties=font_properties())
    axes.set_ylabel(y, fontproperties=font_properties())
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _save(figure: Figure, axes: Axes, path: Path) -> None:
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside right upper",
        prop=font_properties(),
        frameon=False,
    )
    figure.savefig(path)
