"""Why a paragraph was written, as a picture: bits above, and what of the source gave them below.

T written tokens go across in all panels, the words of the source go down.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from novelgen.attribution.explanation import Explanation, summed
from novelgen.i18n import _
from novelgen.report.fonts import Font, figure_language, font_for
from novelgen.report.heatmap import CELL, DPI, FONT_SIZE, GREY, label_of
from novelgen.text.tokenizers import EOS, SPECIALS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from novelgen.attribution.forced import Floats

# The most tokens across and words down; the title says what is left out.
MOST_TOKENS = 120
MOST_WORDS = 60
_END = "¶"  # how the end of the paragraph is shown: its label is longer than a cell
BARS = 1.3  # inches: height of the panel of bits
_LEFT, _RIGHT, _TOP, _BOTTOM, _GAP = 1.1, 0.9, 0.7, 0.3, 0.8  # inches around the panels


def draw_explanation(explanation: Explanation, path: str | Path, font: Font | None = None) -> None:
    """Draws it as a .png or .svg file, by the name's ending; see `explanation_figure`."""
    explanation_figure(explanation, font).savefig(path)


def explanation_figure(explanation: Explanation, font: Font | None = None) -> Figure:
    """Surprise and what the source saved of it; attention, gradient and leaving words out.

    Raises ConfigError where the text needs a Chinese font and none is installed.
    """
    font = font or font_for("".join([*explanation.source_tokens, *explanation.tokens]))
    with figure_language():
        return _draw(explanation, font)


def _draw(explanation: Explanation, font: Font) -> Figure:
    words = explanation.words.positions[:MOST_WORDS]
    shown_tokens = explanation.tokens[:MOST_TOKENS]
    tokens = [_END if token == SPECIALS[EOS] else label_of(token, font) for token in shown_tokens]
    names = [label_of(text, font) for text in explanation.words.texts[:MOST_WORDS]]
    shown = len(tokens)
    text = FontProperties(fname=str(font.path), size=FONT_SIZE)
    panels: list[tuple[str, Floats]] = []
    if words:
        if explanation.attention.shape[1]:
            panels.append((_("Attention"), summed(explanation.attention, words)))
        panels.append((_("Gradient × input (bits)"), summed(explanation.gradient, words)))
        effects = explanation.words.effects[:, : len(words)]
        panels.append((_("Left out (bits)"), effects))

    # 1. The room, in inches.
    width = CELL * shown
    height = CELL * len(words)
    total_width = max(_LEFT + width + _RIGHT, 5.0)
    total_height = _TOP + BARS + len(panels) * (_GAP + height) + _BOTTOM
    figure = Figure(figsize=(total_width, total_height), dpi=DPI, facecolor="white")
    figure.text(
        _LEFT / total_width,
        1 - 0.15 / total_height,
        _title(explanation, shown),
        fontproperties=text,
        fontsize=12,
        va="top",
    )

    def axes_at(top: float, room: float) -> Axes:
        bottom = total_height - top - room
        return figure.add_axes(
            (
                _LEFT / total_width,
                bottom / total_height,
                width / total_width,
                room / total_height,
            )
        )

    # 2. The panels, from the top.
    bars = axes_at(_TOP, BARS)
    _draw_bits(bars, explanation, shown, text)
    _name_tokens(bars, tokens, text)
    top = _TOP + BARS + _GAP
    for title, values in panels:
        axes = axes_at(top, height)
        box = axes.get_position()
        bar = figure.add_axes((box.x1 + 0.12 / total_width, box.y0, 0.1 / total_width, box.height))
        _draw_matrix(axes, bar, values[:shown].T)
        axes.set_title(title, fontproperties=text, fontsize=10, loc="left", pad=20)
        _name_tokens(axes, tokens, text, above=True)
        axes.set_yticks(np.arange(len(words)) + 0.5, names)
        axes.tick_params(axis="y", length=0, pad=2)
        for tick in axes.get_yticklabels():
            tick.set_fontproperties(text)
        top += height + _GAP
    return figure


def _title(explanation: Explanation, shown: int) -> str:
    total = len(explanation.tokens)
    if shown < total:
        message = _("Why it was written (the first {shown} of {total} tokens)")
        return message.format(shown=shown, total=total)
    return _("Why it was written")


def _draw_bits(axes: Axes, explanation: Explanation, shown: int, text: FontProperties) -> None:
    """Bars: how surprising each token was, and within it what the source saved or cost."""
    places = np.arange(shown) + 0.5
    axes.bar(places, explanation.surprise[:shown], 0.8, color="#d6d3d1", label=_("surprise"))
    axes.bar(
        places,
        explanation.information[:shown],
        0.5,
        color="#b91c1c",
        label=_("saved by the source"),
    )
    axes.axhline(0, color=GREY, linewidth=0.5)
    axes.set_xlim(0, shown)
    axes.set_ylabel(_("bits"), fontproperties=text)
    axes.tick_params(axis="y", labelsize=7)
    for spine in ("top", "right"):
        axes.spines[spine].set_visible(False)
    axes.legend(prop=text, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)


def _draw_matrix(axes: Axes, bar: Axes, values: Floats) -> None:
    """Values (U, T) as colours: shades of one where none is below 0, else red against blue."""
    largest = float(abs(values).max()) or 1.0
    is_signed = bool((values < 0).any())
    image = axes.pcolormesh(
        values,
        cmap="RdBu_r" if is_signed else "Blues",
        vmin=-largest if is_signed else 0,
        vmax=largest,
        edgecolors="#e4e4e4",
        linewidth=0.3,
    )
    axes.set_ylim(len(values), 0)
    axes.figure.colorbar(image, cax=bar)
    bar.tick_params(labelsize=7)


def _name_tokens(axes: Axes, tokens: list[str], text: FontProperties, above: bool = False) -> None:
    """Puts the written tokens below the columns, or above them."""
    axes.set_xticks(np.arange(len(tokens)) + 0.5, tokens)
    if above:
        axes.xaxis.tick_top()
    axes.tick_params(axis="x", length=0, pad=2)
    for tick, token in zip(axes.get_xticklabels(), tokens, strict=True):
        tick.set_fontproperties(text)
        tick.set_rotation(90 if len(token) > 1 else 0)
