"""The Chinese font of a PDF: the system's own, as TrueType outlines, with the glyphs it needs."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont as PdfFont

NAME = "novelgen"
# It warns of tables that it drops, which a PDF does not need.
logging.getLogger("fontTools.subset").setLevel(logging.ERROR)
# How far a quadratic curve may be from the cubic one that it stands for, in units of 1/1000 em.
_TOLERANCE = 1.0


def register_font(path: Path, characters: set[str]) -> str:
    """Makes a font file known to reportlab and returns its name there.

    Only `characters` keep their glyphs. reportlab embeds TrueType outlines alone, while fonts such
    as Noto Sans CJK have PostScript ones: those are approximated.
    """
    # Of a collection, the first face.
    font = TTFont(path, fontNumber=0, lazy=True)
    options = Options(glyph_names=False, layout_features=[], notdef_outline=True, hinting=False)
    subsetter = Subsetter(options)
    subsetter.populate(text="".join(characters))
    subsetter.subset(font)
    if "CFF " in font or "CFF2" in font:
        font = _with_quadratic_outlines(font)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "font.ttf"
        font.save(file)
        pdfmetrics.registerFont(PdfFont(NAME, str(file)))
    # Bold and italic text is drawn with the same glyphs.
    pdfmetrics.registerFontFamily(NAME, normal=NAME, bold=NAME, italic=NAME, boldItalic=NAME)
    return NAME


def _with_quadratic_outlines(font: TTFont) -> TTFont:
    """A TrueType font with the outlines, widths and characters of a PostScript one."""
    order = font.getGlyphOrder()
    outlines = font.getGlyphSet()
    units = font["head"].unitsPerEm
    glyphs = {}
    for name in order:
        pen = TTGlyphPen(None)
        # TrueType's contours turn the other way.
        outlines[name].draw(Cu2QuPen(pen, _TOLERANCE * units / 1000, reverse_direction=True))
        glyphs[name] = pen.glyph()
    builder = FontBuilder(units, isTTF=True)
    builder.setupGlyphOrder(order)
    builder.setupCharacterMap(font.getBestCmap())
    builder.setupGlyf(glyphs)
    metrics = font["hmtx"].metrics
    glyph_table = builder.font["glyf"]
    builder.setupHorizontalMetrics(
        {name: (metrics[name][0], getattr(glyph_table[name], "xMin", 0)) for name in order}
    )
    header = font["hhea"]
    builder.setupHorizontalHeader(ascent=header.ascent, descent=header.descent)
    builder.setupNameTable({"familyName": NAME, "styleName": "Regular", "psName": NAME})
    builder.setupOS2()
    builder.setupPost()
    return builder.font
