"""Attention weights as a picture: the written tokens down, the source tokens across."""

from __future__ import annotations

import itertools
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from novelgen.errors import ConfigError
from novelgen.i18n import _, pgettext
from novelgen.models.zoo import NO_ATTENTION
from novelgen.report.fonts import Font, figure_language, font_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from novelgen.decoding.generator import Paragraph

DPI = 150
CELL = 0.17  # inches: 25 pixels, in which a character of 8.5 points is easy to read
FONT_SIZE = 8.5
# The most tokens of one panel.
PANEL_ROWS = 60
PANEL_COLUMNS = 120
# A picture of more rows than this is 17,000 pixels high and of no use to anyone; the title says
# what is left out.
MOST_ROWS = 640
LONGEST_LABEL = 8
GREY = "#555555"
# Inches: the height of the title, the gap between panels, the edge around everything, and the width
# of the colour bar with its label.
TITLE = 0.6
GAP = 0.35
EDGE = 0.25
BAR = 0.9


def attention_heatmap(paragraph: Paragraph, path: str | Path, font: Font | None = None) -> None:
    """Draws the attention of a paragraph as a PNG file; see `attention_figure`.

    Where that raises ConfigError no file is written.
    """
    figure = attention_figure(paragraph, font)
    # Matplotlib leaves the types of this method out.
    FigureCanvasAgg(figure).print_png(path)  # type: ignore[no-untyped-call]


def attention_figure(paragraph: Paragraph, font: Font | None = None) -> Figure:
    """The attention of a paragraph: an axes for each panel, and the last one for the scale.

    Rows are the written tokens, columns the source tokens; what is too large for one panel goes on
    in the next one, with the labels repeated. Raises ConfigError where the text needs a Chinese
    font and none is installed, or the model has no attention.
    """
    if not paragraph.attention.size:
        raise ConfigError(_(NO_ATTENTION))
    font = font or font_for("".join([*paragraph.source_tokens, *paragraph.tokens]))
    with figure_language():
        return _draw(paragraph, font)


def _draw(paragraph: Paragraph, font: Font) -> Figure:
    """The figure: a title, the panels, and the scale of their colours."""
    # 1. What is shown, and where.
    columns = [label_of(token, font) for token in paragraph.source_tokens]
    rows = [label_of(token, font) for token in paragraph.tokens]
    column_blocks = _blocks(len(columns), PANEL_COLUMNS)
    shown = min(len(rows), max(MOST_ROWS // len(column_blocks), 1))
    panels = [(across, down) for down in _blocks(shown, PANEL_ROWS) for across in column_blocks]
    layout = _Layout(rows, columns, panels)
    figure = Figure(figsize=(layout.width, layout.height), dpi=DPI, facecolor="white")
    text = FontProperties(fname=str(font.path))

    # 2. The title, which says what is left out.
    title = _("Attention")
    if shown < len(rows):
        title = _("Attention (the first {shown} of {total} tokens)").format(
            shown=shown, total=len(rows)
        )
    x = EDGE / layout.width
    y = 1 - EDGE / layout.height
    figure.text(x, y, title, fontproperties=text, fontsize=12, va="top")

    # 3. The panels, whose colours mean the same in each.
    largest = float(paragraph.attention.max())
    for (across, down), box in zip(panels, layout.boxes(), strict=True):
        axes = figure.add_axes(box)
        image = axes.pcolormesh(
            paragraph.attention[down, across],
            cmap="Blues",
            vmin=0,
            vmax=largest,
            edgecolors="#e4e4e4",
            linewidth=0.3,
        )
        _name_cells(axes, rows[down], columns[across], text)
        _name_axes(axes, panels, across, down, text)

    # 4. The scale.
    bar = figure.colorbar(image, cax=figure.add_axes(layout.bar_box()))
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_linewidth(0.3)
    bar.set_label(_("weight"), fontproperties=text, fontsize=FONT_SIZE)
    return figure


class _Layout:
    """The size of the figure in inches and the places of its panels.

    The panels stand in lines, as many side by side as there is room for.
    """

    def __init__(
        self, rows: list[str], columns: list[str], panels: list[tuple[slice, slice]]
    ) -> None:
        self._sizes = [
            (CELL * (across.stop - across.start), CELL * (down.stop - down.start))
            for across, down in panels
        ]
        # Room for the longest label, left of a panel and above it.
        self._margin = 0.3 + CELL * max(map(_width, rows)) / 2
        self._header = 0.3 + CELL * max(map(_height, columns))
        self._panel_width = self._margin + max(width for width, _ in self._sizes)
        self._panel_height = self._header + max(height for _, height in self._sizes)
        self._abreast = min(max(int(CELL * PANEL_COLUMNS / self._panel_width), 1), len(panels))
        lines = -(-len(panels) // self._abreast)  # rounded up
        self._right = EDGE + self._abreast * (self._panel_width + GAP) - GAP
        self.width = max(self._right + EDGE + BAR, 3.6)
        self.height = max(TITLE + lines * (self._panel_height + GAP) - GAP + EDGE, 2.4)

    def boxes(self) -> list[tuple[float, float, float, float]]:
        """Left, bottom, width and height of every panel as shares of the figure."""
        boxes = []
        for number, (width, height) in enumerate(self._sizes):
            # Panels fill a line from the left; figures are measured from the bottom.
            line, place = divmod(number, self._abreast)
            top = self.height - TITLE - line * (self._panel_height + GAP) - self._header
            left = EDGE + place * (self._panel_width + GAP) + self._margin
            boxes.append(self._share(left, top - height, width, height))
        return boxes

    def bar_box(self) -> tuple[float, float, float, float]:
        """The place of the colour bar, beside the first line of panels."""
        top = self.height - TITLE - self._header
        height = min(2.0, top - EDGE)
        return self._share(self._right + EDGE, top - height, 0.12, height)

    def _share(
        self, left: float, bottom: float, width: float, height: float
    ) -> tuple[float, float, float, float]:
        return left / self.width, bottom / self.height, width / self.width, height / self.height


def _blocks(count: int, most: int) -> list[slice]:
    """The numbers below `count` in the fewest slices of at most `most`, as equal as can be."""
    # The number of slices is rounded up.
    borders = np.linspace(0, count, -(-count // most) + 1).round().astype(int).tolist()
    return [slice(start, stop) for start, stop in itertools.pairwise(borders)]


def label_of(token: str, font: Font) -> str:
    """What stands at a row or column: the token, cut where it is long.

    A character that would be an empty box or nothing is shown by its code point.
    """
    label = ""
    for character in token.replace(" ", "␣"):
        if font.shows(character) and character.isprintable():
            label += character
        else:
            label += f"U+{ord(character):X}"
    if len(label) > LONGEST_LABEL:
        return label[: LONGEST_LABEL - 1] + "…"
    return label


def _width(label: str) -> int:
    """The half-width columns that a label takes: two for a Chinese character."""
    wide = sum(unicodedata.east_asian_width(character) in "WFA" for character in label)
    return len(label) + wide


def _height(label: str) -> float:
    """The cells that a label takes above a column."""
    if _is_stacked(label):
        return len(label)
    return _width(label) / 2


def _is_stacked(label: str) -> bool:
    """Chinese is written downwards above a column; letters and digits are turned."""
    return _width(label) == 2 * len(label) or len(label) == 1


def _name_cells(axes: Axes, rows: list[str], columns: list[str], text: FontProperties) -> None:
    """Puts the labels at the cells, the source above, and the first row on top."""
    axes.set_ylim(len(rows), 0)  # downwards: the text is read from the top
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    # A tick stands in the middle of its cell.
    stacked = ["\n".join(label) if _is_stacked(label) else label for label in columns]
    axes.set_xticks(np.arange(len(columns)) + 0.5, stacked)
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows)
    axes.tick_params(length=0, pad=2)
    for tick, label in zip(axes.get_xticklabels(), columns, strict=True):
        tick.set(
            fontproperties=text,
            fontsize=FONT_SIZE,
            linespacing=1.0,
            rotation=0 if _is_stacked(label) else 90,
        )
    for tick in axes.get_yticklabels():
        tick.set(fontproperties=text, fontsize=FONT_SIZE)
    for spine in axes.spines.values():
        spine.set_linewidth(0.3)


def _name_axes(
    axes: Axes,
    panels: list[tuple[slice, slice]],
    across: slice,
    down: slice,
    text: FontProperties,
) -> None:
    """Says which way source and written text run and, of several panels, which part it is."""
    source = pgettext("axis of a figure", "source →")
    written = pgettext("axis of a figure", "← written")
    if len(panels) > 1:
        source = pgettext("axis of a figure", "source {first}–{last} →")
        source = source.format(first=across.start + 1, last=across.stop)
        written = pgettext("axis of a figure", "← written {first}–{last}")
        written = written.format(first=down.start + 1, last=down.stop)
    small: dict[str, Any] = {"fontproperties": text, "fontsize": FONT_SIZE, "color": GREY}
    axes.set_xlabel(source, loc="left", **small)
    axes.set_ylabel(written, loc="top", **small)
