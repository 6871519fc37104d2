"""The font of a PDF: only what is needed of it, also of one with PostScript outlines."""

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen
from reportlab.pdfbase import pdfmetrics

from novelgen.report.document.pdf_font import registered_font
from novelgen.report.fonts import require_font


@pytest.fixture
def postscript_font(tmp_path):
    """A font of two characters with curves of the third degree, as Noto Sans CJK has them."""
    pen = T2CharStringPen(600, None)
    pen.moveTo((0, 0))
    pen.curveTo((0, 300), (200, 500), (500, 500))
    pen.lineTo((500, 0))
    pen.closePath()
    glyph = pen.getCharString()
    builder = FontBuilder(1000, isTTF=False)
    names = [".notdef", "one", "two"]
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord("一"): "one", ord("二"): "two"})
    builder.setupCFF("Test", {}, dict.fromkeys(names, glyph), {})
    builder.setupHorizontalMetrics({".notdef": (600, 0), "one": (600, 0), "two": (700, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Test", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    path = tmp_path / "test.otf"
    builder.save(path)
    return path


def test_postscript_outlines_keep_their_widths(postscript_font):
    with registered_font(postscript_font, set("一二")) as name:
        assert pdfmetrics.stringWidth("一二", name, 10) == pytest.approx(13)


def test_system_font_is_cut_down_to_the_characters():
    with registered_font(require_font().path, set("小满")) as name:
        assert pdfmetrics.stringWidth("小满", name, 10) == pytest.approx(20, abs=1)


def test_what_a_chinese_font_lacks_comes_from_a_latin_one(postscript_font):
    with registered_font(postscript_font, set("一ć")) as name:
        alone = pdfmetrics.stringWidth("ć", name, 10)
        assert 4 < alone < 7
        assert pdfmetrics.stringWidth("一ć", name, 10) == pytest.approx(6 + alone)
        face = pdfmetrics.getFont(name).face
        assert face.charToGlyph[ord("一")] != face.charToGlyph[ord("ć")]
    with registered_font(require_font().path, set("小ć")) as name:
        assert 4 < pdfmetrics.stringWidth("ć", name, 10) < 7


def test_two_fonts_at_once_have_their_own_characters(postscript_font):
    with (
        registered_font(postscript_font, set("一")) as one,
        registered_font(postscript_font, set("二")) as two,
    ):
        assert pdfmetrics.stringWidth("一", one, 10) == pytest.approx(6)
        assert pdfmetrics.stringWidth("二", two, 10) == pytest.approx(7)
