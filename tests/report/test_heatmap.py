import dataclasses
import struct

import numpy as np
import pytest
from matplotlib.font_manager import findSystemFonts

from novelgen.decoding.generator import Paragraph
from novelgen.errors import ConfigError
from novelgen.i18n import use_language
from novelgen.report import heatmap
from novelgen.report.fonts import find_font, require_font
from novelgen.report.heatmap import attention_figure, attention_heatmap

NEEDS_FONT = pytest.mark.skipif(find_font() is None, reason="no Chinese font on this system")
FEW = ["宝玉", "笑", "Chapter", "<E9>", "“", " ", "𠮷", "<EOS>"]


def paragraph(source, tokens):
    weights = (
        np.random.default_rng(0).dirichlet(np.ones(len(source)), len(tokens)).astype(np.float32)
    )
    return Paragraph(
        "",
        source,
        tokens,
        [-1.0] * len(tokens),
        weights,
        -1.0,
        True,
        [0] * len(source),
        [0] * len(tokens),
    )


def size(path):
    """Width and height of a PNG in pixels."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


@pytest.fixture
def no_chinese_font(monkeypatch):
    require_font.cache_clear()
    latin = [path for path in findSystemFonts() if "DejaVu" in path]
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", lambda: latin)
    yield
    require_font.cache_clear()


@pytest.mark.usefixtures("no_chinese_font")
def test_chinese_text_without_a_font_is_not_drawn(tmp_path):
    with pytest.raises(ConfigError, match=r"fonts-wqy-zenhei.*Noto Sans CJK"):
        attention_heatmap(paragraph(["宝"], ["玉"]), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_chinese_font")
@pytest.mark.parametrize("language", ["en", "zh"])
def test_text_without_chinese_is_drawn_without_a_font(tmp_path, language):
    """A missing glyph would be a warning, and warnings are errors in these tests."""
    with use_language(language):
        attention_heatmap(paragraph(["Tom", "😀", "…"], ["runs", "<EOS>"]), tmp_path / "a.png")
    assert size(tmp_path / "a.png")[0] > 0


def test_a_model_without_attention_has_no_heatmap(tmp_path):
    nothing = dataclasses.replace(
        paragraph(["宝"], ["玉"]), attention=np.zeros((1, 0), dtype=np.float32)
    )
    with pytest.raises(ConfigError, match="no attention"):
        attention_heatmap(nothing, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


@NEEDS_FONT
@pytest.mark.parametrize(
    ("source", "tokens"), [(["好"], ["<EOS>"]), (FEW, FEW), (FEW * 16, ["玉"]), (["宝"], FEW * 9)]
)
def test_every_token_has_its_cell(tmp_path, source, tokens):
    """Glyphs that the font lacks would be a warning, and warnings are errors in these tests."""
    path = tmp_path / "a.png"
    attention_heatmap(paragraph(source, tokens), path)
    width, height = size(path)
    cell = heatmap.CELL * heatmap.DPI
    assert width * height > len(tokens) * len(source) * cell**2
    assert width < (heatmap.PANEL_COLUMNS + 20) * cell


@NEEDS_FONT
def test_a_very_long_paragraph_is_cut_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(heatmap, "MOST_ROWS", 8)
    titles, write = [], heatmap.Figure.text

    def text(figure, x, y, title, **options):
        titles.append(title)
        return write(figure, x, y, title, **options)

    monkeypatch.setattr(heatmap.Figure, "text", text)
    attention_heatmap(paragraph(FEW, FEW * 20), tmp_path / "a.png")
    assert "the first 8 of 160" in titles[0]
    assert size(tmp_path / "a.png")[1] < 20 * heatmap.CELL * heatmap.DPI * 2


def row_labels(tokens, font=None):
    """The labels of the rows, panel by panel."""
    *panels, _scale = attention_figure(paragraph(["a"], tokens), font).axes
    return [[label.get_text() for label in panel.get_yticklabels()] for panel in panels]


@NEEDS_FONT
def test_labels_are_what_a_reader_can_see():
    font = find_font()
    tokens = ["宝玉", "\ue123", "\u0300", "Constantinople", " "]
    (labels,) = row_labels(tokens, font)
    assert labels[0] == "宝玉"
    assert "U+E123" in labels[1] or font.shows("\ue123")
    assert labels[2] in ("\u0300", "U+300")
    assert labels[3] == "Constan…"
    assert labels[4] in ("␣", "U+2423")


@pytest.mark.parametrize(
    ("count", "most", "sizes"), [(60, 60, [60]), (61, 60, [30, 31]), (5, 2, [1, 2, 2])]
)
def test_panels_are_few_and_even(count, most, sizes, monkeypatch):
    monkeypatch.setattr(heatmap, "PANEL_ROWS", most)
    tokens = [f"t{number}" for number in range(count)]
    panels = row_labels(tokens)
    assert sorted(map(len, panels)) == sizes
    assert [label for panel in panels for label in panel] == tokens
