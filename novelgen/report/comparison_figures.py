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
from novelgen.evaluation.groups import LengthClass
from novelgen.i18n import _
from novelgen.report.fonts import figure_language, font_properties

_DASHES = {"char": "-", "word": "--"}
_MARKERS = "osD^vPX"
# The share of a curve at its beginning that does not decide what part of the axis is shown.
_BEGINNING = 0.2


def draw_validations(results: Sequence[Result], path: Path) -> None:
    """Draws `validations_figure` as a PNG."""
    validations_figure(results).savefig(path)


def validations_figure(results: Sequence[Result]) -> Figure:
    """Validation BPC over minutes of training and over the characters seen."""
    figure, (left, right) = _figure(2, sharey=True)
    for result, style in _styles(results):
        bpc = [point.bpc for point in result.curve]
        minutes = [point.minutes for point in result.curve]
        characters = [point.characters for point in result.curve]
        left.plot(minutes, bpc, label=result.name, **style)
        right.plot(characters, bpc, label=result.name, **style)

    # The first validations, hardly better than chance, would press everything else flat.
    shown = []
    for result in results:
        beginning = int(_BEGINNING * len(result.curve))
        shown += [point.bpc for point in result.curve[beginning:]]
    if shown:
        margin = 0.06 * (max(shown) - min(shown)) + 0.02
        left.set_ylim(min(shown) - margin, max(shown) + margin)

    with figure_language():
        _label(left, _("minutes of training"), _("validation BPC"))
        # Translators: the axis is in units of ten thousand characters.
        _label(right, _("characters seen (× 10,000)"))
    right.xaxis.set_major_formatter(lambda characters, _position: f"{characters / 1e4:g}")
    _add_legend(figure, left)
    return figure


def draw_by_length(results: Sequence[Result], path: Path, *, same_texts: bool) -> None:
    """Draws test BPC over classes of source length as a PNG.

    Where all runs have the same texts, also how far each is from the mean of its tokenizer's runs:
    some classes are harder for every model.
    """
    # 1. The classes that occur, and where each stands on the axis.
    classes = {found.shortest: found for result in results for found in result.by_length}
    places = {shortest: place for place, shortest in enumerate(sorted(classes))}
    ticks = [_class_label(classes[shortest], with_pairs=same_texts) for shortest in places]

    # 2. The lines.
    figure, panels = _figure(2 if same_texts else 1, sharey=False)
    means = _mean_by_class(results)
    for result, style in _styles(results):
        x = [places[found.shortest] for found in result.by_length]
        bpc = [found.bpc for found in result.by_length]
        panels[0].plot(x, bpc, label=result.name, **style)
        if same_texts:
            differences = [
                found.bpc - means[result.tokenizer, found.shortest] for found in result.by_length
            ]
            panels[1].plot(x, differences, **style)

    # 3. The labels.
    with figure_language():
        source = _("characters of the source")
        if same_texts:
            source = _("characters of the source (number of pairs)")
        labels = [_("test BPC"), _("difference from the mean of the same tokenizer")]
    for axes, label in zip(panels, labels, strict=False):
        axes.set_xticks(list(places.values()), ticks, fontsize=8)
        _label(axes, source, label)
    _add_legend(figure, panels[0])
    figure.savefig(path)


def _mean_by_class(results: Sequence[Result]) -> dict[tuple[str, int], Any]:
    """The mean BPC of a tokenizer's runs, by the tokenizer and the class's shortest source."""
    values = defaultdict(list)
    for result in results:
        for found in result.by_length:
            values[result.tokenizer, found.shortest].append(found.bpc)
    return {key: np.mean(bpcs) for key, bpcs in values.items()}


def _class_label(found: LengthClass, *, with_pairs: bool) -> str:
    """What stands at a class on the axis; the number of its pairs in a line of its own."""
    if with_pairs:
        return f"{found.label}\n({found.pairs:,})"
    return found.label


def _figure(panels: int, *, sharey: bool) -> tuple[Figure, Sequence[Axes]]:
    """A figure and its panels side by side, with room for a legend on the right."""
    # A canvas of its own: pyplot would keep every figure in memory.
    figure = Figure(figsize=(4.8 * panels + 2.6, 4.8), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, panels, sharey=sharey, squeeze=False)[0]


def _styles(results: Sequence[Result]) -> Iterator[tuple[Result, dict[str, Any]]]:
    """A colour for each model, a dash for each tokenizer, a marker for each further run of both."""
    # In the order of the runs, so that a model has the same colour in both figures.
    models = list(dict.fromkeys(result.model for result in results))
    seen: Counter[tuple[str, str]] = Counter()
    for result in results:
        kind = (result.model, result.tokenizer)
        style = {
            "color": colormaps["tab10"](models.index(result.model) % 10),
            "linestyle": _DASHES[result.tokenizer],
            "marker": _MARKERS[seen[kind] % len(_MARKERS)],
            "markersize": 3.5,
            "linewidth": 1.5,
        }
        yield result, style
        seen[kind] += 1


def _label(axes: Axes, x: str, y: str = "") -> None:
    """Names the axes and draws them lightly."""
    axes.set_xlabel(x, fontproperties=font_properties())
    axes.set_ylabel(y, fontproperties=font_properties())
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _add_legend(figure: Figure, axes: Axes) -> None:
    """Adds the legend, with the lines of one panel."""
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside right upper",
        prop=font_properties(),
        frameon=False,
    )
