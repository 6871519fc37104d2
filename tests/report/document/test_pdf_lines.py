"""Where lines of Chinese text end, with a font that reportlab has of itself."""

import pytest
from reportlab.lib.textsplit import getCharWidths

from novelgen.report.document import pdf_lines
from novelgen.report.document.pdf_lines import split_lines


@pytest.fixture(autouse=True)
def monospaced(monkeypatch):
    """A Chinese character is two points wide, any other one."""
    monkeypatch.setattr(
        pdf_lines,
        "getCharWidths",
        lambda text, font, size: [2.0 if ord(each) >= 0x2000 else 1.0 for each in text],
    )


def lines(text, width):
    return [line for _room, line in split_lines(text, width, "Helvetica", 1)]


def test_a_line_is_filled():
    assert lines("一二三四五六七", 6) == ["一二三", "四五六", "七"]
    assert split_lines("一二三四", [6, 4], "Helvetica", 1) == [[0, "一二三"], [2, "四"]]


def test_no_line_begins_with_a_closing_mark_even_behind_another_one():
    assert lines("他说不对。”她笑了", 10) == ["他说不", "对。”她笑", "了"]
    assert lines("一二三四五（a）。六", 13) == ["一二三四五", "（a）。六"]


def test_no_line_ends_with_an_opening_mark():
    assert lines("一二三“四五六”", 8) == ["一二三", "“四五", "六”"]


def test_a_word_is_not_cut_where_it_fits_on_a_line():
    assert lines("二元组 JSD 好", 8) == ["二元组", "JSD 好"]
    assert lines("看 ../w_student/base 里", 18) == ["看 ../w_student/", "base 里"]


def test_a_word_that_is_longer_than_its_line_is_cut():
    assert lines("abcdefgh", 3) == ["abc", "def", "gh"]
    assert lines("汉", 1) == ["汉"]


def test_the_widths_are_those_of_the_font(monkeypatch):
    monkeypatch.setattr(pdf_lines, "getCharWidths", getCharWidths)
    (first, second) = split_lines("WWW iii", 30, "Helvetica", 10)
    assert first[1] == "WWW"
    assert second[1] == "iii"
