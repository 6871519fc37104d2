"""Where the model looked: attention weights as a picture, tokens written down, source tokens across."""

from __future__ import annotations

import itertools
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from novelgen.errors import ConfigError
from novelgen.models.variants import NO_ATTENTION
from novelgen.report.fonts import Font, require_font

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from novelgen.decoding.generator import Paragraph

DPI = 150
CELL = 0.17  # inches: 25 pixels, in which a character of 8.5 points is easy to read
FONT_SIZE = 8.5
PANEL_ROWS, PANEL_COLUMNS = 60, 120
# A picture of more rows than this is 17,000 pixels high and of no use to anyone; what is left out is said.
MOST_ROWS = 640
LONGEST_LABEL = 8
GREY = "#555555"
TITLE, GAP, EDGE, BAR = 0.6, 0.35, 0.25, 0.9  # inches


def attention_heatmap(paragraph: Paragraph, path: str | Path, font: Font | None = None) -> None:
    """Draws the attention of a paragraph as a PNG file.

    Rows are the written tokens, columns the source tokens; what is too large for one panel goes on in the next one,
    with the labels repeated. Raises ConfigError where no Chinese font is installed or the model has no attention, and then writes
    no file.
    """
    if not paragraph.attention.size:
        raise ConfigError(NO_ATTENTION)
    font = font or require_font()
    columns = [_label(token, font) for token in paragraph.source_tokens]
    rows = [_label(token, font) for token in paragraph.tokens]
    column_blocks = _blocks(len(columns), PANEL_COLUMNS)
    shown = min(len(rows), max(MOST_ROWS // len(column_blocks), 1))
    panels = [(across, down) for down in _blocks(shown, PANEL_ROWS) for across in column_blocks]
    cells = _Layout(rows, columns, panels)
    figure = Figure(figsize=(cells.width, cells.height), dpi=DPI, facecolor="white")
    title = "注意力热图 Attention"
    if shown < len(rows):
        title += f"（前 {shown} 个词元，共 {len(rows)} | the first {shown} of {len(rows)} tokens）"
    text = FontProperties(fname=str(font.path))
    figure.text(
        EDGE / cells.width,
        1 - EDGE / cells.height,
        title,
        fontproperties=text,
        fontsize=12,
        va="top",
    )
    largest = float(paragraph.attention.max())
    for (across, down), box in zip(panels, cells.boxes(), strict=True):
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
        places = [
            f" {part.start + 1}–{part.stop}" if len(panels) > 1 else "" for part in (across, down)
        ]
        axes.set_xlabel(
            f"源 source{places[0]} →",
            fontproperties=text,
            fontsize=FONT_SIZE,
            color=GREY,
            loc="left",
        )
        axes.set_ylabel(
            f"← 写出 written{places[1]}",
            fontproperties=text,
            fontsize=FONT_SIZE,
            color=GREY,
            loc="top",
        )
    bar = figure.colorbar(image, cax=figure.add_axes(cells.bar_box()))
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_linewidth(0.3)
    bar.set_label("权重 weight", fontproperties=text, fontsize=FONT_SIZE)
    FigureCanvasAgg(figure).print_png(path)


class _Layout:
    """Sizes of the figure in inches and the places of its panels: in lines, as many side by side as are wide enough."""

    def __init__(
        self, rows: list[str], columns: list[str], panels: list[tuple[slice, slice]]
    ) -> None:
        self._sizes = [
            (CELL * (across.stop - across.start), CELL * (down.stop - down.start))
            for across, down in panels
        ]
        self._margin = 0.3 + CELL * max(map(_width, rows)) / 2
        self._header = 0.3 + CELL * max(
            len(label) if _is_stacked(label) else _width(label) / 2 for label in columns
        )
        self._panel_width = self._margin + max(width for width, _ in self._sizes)
        self._panel_height = self._header + max(height for _, height in self._sizes)
        self._abreast = min(max(int(CELL * PANEL_COLUMNS / self._panel_width), 1), len(panels))
        lines = -(-len(panels) // self._abreast)
        self._right = EDGE + self._abreast * (self._panel_width + GAP) - GAP
        self.width = max(self._right + EDGE + BAR, 3.6)
        self.height = max(TITLE + lines * (self._panel_height + GAP) - GAP + EDGE, 2.4)

    def boxes(self) -> list[tuple[float, float, float, float]]:
        """Left, bottom, width and height of every panel as shares of the figure."""
        found = []
        for number, (width, height) in enumerate(self._sizes):
            line, place = divmod(number, self._abreast)
            top = self.height - TITLE - line * (self._panel_height + GAP) - self._header
            left = EDGE + place * (self._panel_width + GAP) + self._margin
            found.append(self._share(left, top - height, width, height))
        return found

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
    """0 … count - 1 in the fewest slices of at most `most`, as equal as can be."""
    borders = np.linspace(0, count, -(-count // most) + 1).round().astype(int).tolist()
    return [slice(start, stop) for start, stop in itertools.pairwise(borders)]


def _label(token: str, font: Font) -> str:
    """What stands at a row or column: the token, or its code points where it would be an empty box or nothing."""
    token = token.replace(" ", "␣")
    token = "".join(
        character if font.shows(character) and character.isprintable() else f"U+{ord(character):X}"
        for character in token
    )
    return token if len(token) <= LONGEST_LABEL else token[: LONGEST_LABEL - 1] + "…"


def _width(label: str) -> int:
    """Half-width columns that a label takes."""
    return sum(2 if unicodedata.east_asian_width(character) in "WFA" else 1 for character in label)


def _is_stacked(label: str) -> bool:
    """Chinese is written downwards above a column; letters and digits are turned."""
    return _width(label) == 2 * len(label) or len(label) == 1


def _name_cells(axes: Axes, rows: list[str], columns: list[str], text: FontProperties) -> None:
    """Puts the labels at the cells, the source above, and the first row on top."""
    axes.set_ylim(len(rows), 0)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xticks(
        np.arange(len(columns)) + 0.5, ["\n".join(c) if _is_stacked(c) else c for c in columns]
    )
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
