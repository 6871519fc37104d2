from hypothesis import given
from hypothesis import strategies as st

from novelgen.terminal import aligned_lines, display_width, table_lines, wrapped_lines

TEXTS = st.text("ab -中文，。（）", max_size=80)


def test_a_chinese_character_takes_two_columns():
    assert display_width("BPC") == 3
    assert display_width("每字（BPC）") == 11


def test_values_begin_in_one_column():
    lines = aligned_lines([("BLEU", "1"), ("文本对", "2"), ("每字比特数", "3")])
    assert [display_width(line[:-1]) for line in lines] == [12, 12, 12]


def test_english_is_broken_at_spaces():
    assert wrapped_lines("the  quick\nbrown fox", 10) == ["the quick", "brown fox"]
    assert wrapped_lines("a log-probability", 8) == ["a", "log-probability"]


def test_chinese_is_broken_between_characters_but_not_before_a_mark():
    assert wrapped_lines("按字切分，或按词", 8) == ["按字切", "分，或按", "词"]
    assert wrapped_lines("用（默认）", 6) == ["用（默", "认）"]
    assert wrapped_lines("", 10) == [""]


@given(TEXTS, st.integers(6, 40))
def test_nothing_but_spaces_is_lost_and_no_breakable_line_is_too_long(text, columns):
    lines = wrapped_lines(text, columns)
    assert "".join(lines).replace(" ", "") == "".join(text.split())
    for line in lines:
        assert display_width(line) <= columns or len(wrapped_lines(line, columns)) == 1


def test_a_table_ends_its_columns_in_line_whatever_the_width_of_its_characters():
    lines = table_lines([["设置", "每字", "x"], ["a", "1.5", "10"]])
    assert lines == ["设置  每字   x", "a      1.5  10"]
