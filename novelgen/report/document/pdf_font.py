"""The Chinese font of a PDF: the system's own, as TrueType outlines, with the glyphs it needs."""

from __future__ import annotations

import itertools
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont as PdfFont

_numbers = itertools.count(1)
# It warns of tables that it drops, which a PDF does not need.
logging.getLogger("fontTools.subset").setLevel(logging.ERROR)
# How far a quadratic curve may be from the cubic one that it stands for, in units of 1/1000 em.
_TOLERANCE = 1.0
# What Chinese fonts lack, such as the ć of a name, comes from a font with TrueType outlines that
# matplotlib brings along.
_LATIN = Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")


@contextmanager
def registered_font(path: Path, characters: set[str]) -> Iterator[str]:
    """Makes a font file known to reportlab within the block, by the name that it yields.

    Only `characters` keep their glyphs, and those that it lacks come from a Latin font. reportlab
    embeds TrueType outlines alone, while fonts such as Noto Sans CJK have PostScript ones: those
    are approximated.
    """
    # reportlab knows fonts by the name in the file too: two reports at once need two.
    name = f"novelgen{next(_numbers)}"
    options = Options(glyph_names=False, layout_features=[], notdef_outline=True, hinting=False)
    options.drop_tables += ["vhea", "vmtx"]  # of vertical writing
    subsetter = Subsetter(options)
    subsetter.populate(text="".join(characters))
    # Of a collection, the first face.
    with TTFont(path, fontNumber=0, lazy=True) as font, tempfile.TemporaryDirectory() as folder:
        subsetter.subset(font)
        chosen = font
        if "CFF " in font or "CFF2" in font:
            chosen = _with_quadratic_outlines(font)
        _add_missing(chosen, characters)
        for record in list(chosen["name"].names):
            record.string = name
        file = Path(folder) / "font.ttf"
        chosen.save(file)
        registered = PdfFont(name, str(file))
    pdfmetrics.registerFont(registered)
    # Bold and italic text is drawn with the same glyphs.
    pdfmetrics.registerFontFamily(name, normal=name, bold=name, italic=name, boldItalic=name)
    try:
        yield name
    finally:
        registered.unregister()


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
    builder.setupNameTable({"familyName": "novelgen", "styleName": "Regular", "psName": "novelgen"})
    builder.setupOS2()
    builder.setupPost()
    return builder.font


def _add_missing(font: TTFont, characters: set[str]) -> None:
    """Gives a TrueType font the glyphs of characters that it lacks, as far as _LATIN has them."""
    own = font.getBestCmap()
    with TTFont(_LATIN, lazy=True) as latin:
        outlines = latin.getGlyphSet()
        names = latin.getBestCmap()
        scale = font["head"].unitsPerEm / latin["head"].unitsPerEm
        for code in sorted(({ord(each) for each in characters} - own.keys()) & names.keys()):
            recording = DecomposingRecordingPen(outlines)
            outlines[names[code]].draw(recording)
            pen = TTGlyphPen(None)
            recording.replay(TransformPen(pen, (scale, 0, 0, scale, 0, 0)))
            name = f"latin{code:04X}"
            glyph = pen.glyph()
            font["glyf"][name] = glyph
            glyph.recalcBounds(font["glyf"])
            width = round(scale * outlines[names[code]].width)
            font["hmtx"][name] = (width, getattr(glyph, "xMin", 0))
            for table in font["cmap"].tables:
                table.cmap[code] = name
