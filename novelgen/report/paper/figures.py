"""The figures of a report that no other command draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from novelgen.evaluation.sweep import SweepRow
from novelgen.i18n import N_, _
from novelgen.report.fonts import figure_language, font_properties
from novelgen.report.paper.study import CorpusStudy
from novelgen.report.tables import MEASURES

_BLUE = "#2f6db3"
_ORANGE = "#c8502d"
_COLOURS = 10  # of matplotlib's cycle


class Family(NamedTuple):
    """The settings of a sweep that differ in one option alone."""

    option: str
    label: str
    is_logarithmic: bool


FAMILIES = (
    Family("temperature", N_("temperature"), True),
    Family("top_k", N_("top-k"), True),
    Family("top_p", N_("top-p"), False),
    Family("beam_size", N_("beam size"), False),
)
_MEASURES = ("log_probability", "distinct_2", "repeated_4grams", "copied_8grams")


def family_rows(rows: Sequence[SweepRow], option: str) -> list[SweepRow]:
    """The rows of a family in the order of its option: those that set nothing else.

    Temperature 1 without filters is top-p 1 as well.
    """
    found = [row for row in rows if _sets_only(row, option)]
    return sorted(found, key=lambda row: float(row.options[option]))


def _sets_only(row: SweepRow, option: str) -> bool:
    """Whether all that shapes the distribution is neutral but one option."""
    if option == "beam_size":
        return bool(row.options["decoder"] == "beam")
    if row.options["decoder"] != "sample" or (option == "top_k" and not row.options["top_k"]):
        return False
    neutral = {"temperature": 1.0, "top_k": 0, "top_p": 1.0}
    return all(row.options[name] == value for name, value in neutral.items() if name != option)


def shown_families(rows: Sequence[SweepRow]) -> list[Family]:
    """Those with more than one setting, so that something can be seen."""
    return [family for family in FAMILIES if len(family_rows(rows, family.option)) > 1]


def sweep_figure(rows: Sequence[SweepRow]) -> Figure:
    """A panel for each measure (down) and each family that is shown (across), at least one."""
    families = shown_families(rows)
    figure = Figure(figsize=(2.2 * max(len(families), 2) + 0.6, 6.4), layout="constrained")
    panels = figure.subplots(len(_MEASURES), len(families), sharey="row", squeeze=False)
    font = font_properties()
    with figure_language():
        for column, family in enumerate(families):
            chosen = family_rows(rows, family.option)
            x = [float(row.options[family.option]) for row in chosen]
            for line, name in enumerate(_MEASURES):
                axes = panels[line][column]
                y = [_number(getattr(row.measures, name)) for row in chosen]
                axes.plot(x, y, color=_BLUE, marker="o", markersize=3.5, linewidth=1.2)
                _dress(axes)
                if family.is_logarithmic:
                    _scale_logarithmically(axes, x)
                if column == 0:
                    axes.set_ylabel(_(MEASURES[name]), fontproperties=font)
                if line == len(_MEASURES) - 1:
                    axes.set_xlabel(_(family.label), fontproperties=font)
    return figure


def _scale_logarithmically(axes: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis with some of the values themselves at its ticks."""
    axes.set_xscale("log")
    axes.minorticks_off()
    ticks = values[:: max(1, len(values) // 3)]
    axes.set_xticks(ticks, [f"{value:g}" for value in ticks])


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def corpus_figure(corpus: CorpusStudy) -> Figure:
    """How long the segments are, and how many symbols cover how much of the text."""
    figure = Figure(figsize=(6.3, 2.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    font = font_properties()
    lengths = corpus.segment_lengths
    with figure_language():
        left.hist(lengths, bins=min(50, int(lengths.max())), color=_BLUE)
        left.set_xlabel(_("characters of a segment"), fontproperties=font)
        left.set_ylabel(_("segments"), fontproperties=font)
        ranks = np.arange(1, len(corpus.coverage) + 1)
        right.plot(ranks, 100 * corpus.coverage, color=_ORANGE)
        right.set_xscale("log")
        right.set_xlabel(_("most frequent symbols"), fontproperties=font)
        right.set_ylabel(_("share of the tokens (%)"), fontproperties=font)
    for axes in (left, right):
        _dress(axes)
    return figure


def chapters_figure(lengths: Sequence[Sequence[int]], names: Sequence[str]) -> Figure:
    """The length of every chapter, in characters, novel by novel."""
    figure = Figure(figsize=(6.3, 3.0), layout="constrained")
    axes = figure.add_subplot()
    font = font_properties()
    start = 1
    for number, (novel, name) in enumerate(zip(lengths, names, strict=True)):
        places = np.arange(start, start + len(novel))
        axes.bar(places, novel, width=1.0, color=f"C{number % _COLOURS}", label=name)
        start += len(novel)
    with figure_language():
        axes.set_xlabel(_("chapter, in the order of the corpus"), fontproperties=font)
        axes.set_ylabel(_("characters"), fontproperties=font)
    _dress(axes)
    # With more novels the colours come again.
    if 1 < len(names) <= _COLOURS:
        figure.legend(loc="outside lower center", ncols=4, prop=font, frameon=False, fontsize=8)
    return figure


def _dress(axes: Axes) -> None:
    axes.grid(alpha=0.25)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
