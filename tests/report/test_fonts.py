from pathlib import Path

import matplotlib
import pytest
from matplotlib import font_manager

from novelgen.errors import ConfigError
from novelgen.i18n import language, use_language
from novelgen.report import fonts
from novelgen.report.fonts import (
    Font,
    figure_language,
    find_font,
    font_for,
    font_properties,
    require_font,
)

LATIN = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
NEEDS_FONT = pytest.mark.skipif(find_font() is None, reason="no Chinese font on this system")


@pytest.fixture
def system(monkeypatch):
    """Puts chosen font files in place of the system's."""
    require_font.cache_clear()

    def put(*paths):
        monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [str(path) for path in paths])

    yield put
    require_font.cache_clear()


def test_fonts_without_chinese_and_broken_files_are_passed_over(tmp_path):
    broken = tmp_path / "NotoSansCJK-Regular.ttc"
    broken.write_bytes(b"no font at all")
    assert find_font([broken, LATIN, tmp_path / "absent.ttf"]) is None


def test_without_a_font_the_remedy_is_one_line(system):
    system(LATIN)
    with pytest.raises(ConfigError) as error:
        require_font()
    assert "fonts-wqy-zenhei" in str(error.value)
    assert "Noto Sans CJK" in str(error.value)
    assert "\n" not in str(error.value)


def language_of_a_figure():
    with figure_language():
        return language()


def test_figures_are_english_where_chinese_would_be_boxes(system):
    system(LATIN)
    with use_language("zh"):
        assert language_of_a_figure() == "en"
        assert language() == "zh"
    assert font_properties().get_file() is None


def test_text_without_chinese_needs_no_chinese_font(system):
    system(LATIN)
    assert font_for("Tom sees “é” 😀 …").path.name == "DejaVuSans.ttf"
    for text in ("的", "Tom 笑", "，", "ｗ"):
        with pytest.raises(ConfigError, match="fonts-wqy-zenhei"):
            font_for(text)


def test_a_font_is_what_its_glyphs_are():
    font = Font(LATIN, frozenset(map(ord, "Aa0")))
    assert font.shows("aA0")
    assert font.shows("")
    assert not font.shows("a的")


def test_text_weights_of_the_best_family_come_first(monkeypatch, tmp_path):
    names = [
        "zzz.ttf",
        "simhei.ttf",
        "NotoSansCJK-Black.ttc",
        "NotoSansCJK-Regular.ttc",
        "wqy-zenhei.ttc",
        "NotoSerifCJK-Regular.ttc",
        "NotoSansCJK-Bold.ttc",
        "Noto Sans SC Regular.otf",
    ]
    tried = []

    def no_glyphs(path):
        tried.append(Path(path).name)
        raise RuntimeError("unreadable")

    monkeypatch.setattr(fonts, "FT2Font", no_glyphs)
    assert find_font([tmp_path / name for name in names]) is None
    assert tried == [
        "NotoSansCJK-Regular.ttc",
        "NotoSansCJK-Black.ttc",
        "NotoSansCJK-Bold.ttc",
        "Noto Sans SC Regular.otf",
        "wqy-zenhei.ttc",
        "simhei.ttf",
        "NotoSerifCJK-Regular.ttc",
        "zzz.ttf",
    ]


@NEEDS_FONT
def test_a_font_that_is_installed_later_is_found(system):
    chinese = find_font()
    system(LATIN)
    with use_language("zh"):
        assert language_of_a_figure() == "en"
    system(LATIN, chinese.path)
    assert require_font() == font_for("Tom") == chinese
    with use_language("zh"):
        assert language_of_a_figure() == "zh"
    assert language_of_a_figure() == "en"
    assert font_properties().get_file() == str(chinese.path)
    assert chinese.shows("的龙龍，")
