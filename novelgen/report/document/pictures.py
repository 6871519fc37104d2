"""Figures and formulas as pictures for a document."""

from __future__ import annotations

import io

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import math_to_image

from novelgen.report.document.elements import CENTIMETRES_PER_INCH, Picture

DPI = 200
_POINTS_PER_INCH = 72
_FORMULA_SIZE = 11  # points, that of the text
_FORMULA_FONT = "stix"  # looks like Times, as papers do


def picture_of(figure: Figure) -> Picture:
    """A matplotlib figure as a picture, in the size that it has."""
    FigureCanvasAgg(figure)
    width, height = figure.get_size_inches()
    files = []
    # Without its date, the same figure is the same file.
    for suffix, metadata in (("png", {}), ("svg", {"Date": None})):
        file = io.BytesIO()
        figure.savefig(file, format=suffix, dpi=DPI, metadata=metadata)
        files.append(file.getvalue())
    png, svg = files
    return Picture(png, svg, width * CENTIMETRES_PER_INCH, height * CENTIMETRES_PER_INCH)


def formula_picture(latex: str) -> Picture:
    """A formula as a picture. Raises ValueError for LaTeX that mathtext does not know."""
    font = FontProperties(size=_FORMULA_SIZE, math_fontfamily=_FORMULA_FONT)
    files = []
    with mpl.rc_context({"font.family": "STIXGeneral"}):
        for suffix, dpi in (("png", 2 * DPI), ("svg", _POINTS_PER_INCH)):
            file = io.BytesIO()
            math_to_image(f"${latex}$", file, prop=font, dpi=dpi, format=suffix)
            files.append(file.getvalue())
    png, svg = files
    width, height = _size_of(png)
    scale = CENTIMETRES_PER_INCH / (2 * DPI)
    return Picture(png, svg, width * scale, height * scale)


def _size_of(png: bytes) -> tuple[int, int]:
    """Width and height in pixels, which stand at the front of a PNG file."""
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
