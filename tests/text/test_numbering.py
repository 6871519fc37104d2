import pytest

from novelgen.text.numbering import find_numbered_title, running_numbers


@pytest.mark.parametrize(
    ("line", "number", "title"),
    [
        ("001 雨落", 1, "雨落"),
        ("001雨落", 1, "雨落"),
        ("12.雨落", 12, "雨落"),
        ("１２、雨落", 12, "雨落"),
        ("【3】雨落", 3, "雨落"),
        ("No.3 雨落", 3, "雨落"),
        ("三、雨落", 3, "雨落"),
        ("三十章 雨落", 30, "雨落"),
        ("3", 3, ""),
        ("3.", 3, ""),
        ("（三）", 3, ""),
    ],
)
def test_titles_with_a_bare_number(line, number, title):
    found = find_numbered_title(line)
    assert (found.number, found.title) == (number, title)


@pytest.mark.parametrize(
    "line",
    [
        "40多岁的人",
        "3比2",
        "10:30 开船",
        "5.6亿年",
        "2、3两个人",
        "一个人",
        "1 他走了。",
        "3 雨落，",
        "雨落",
        "",
        "第三章",
    ],
)
def test_lines_that_begin_with_a_number_and_are_no_titles(line):
    assert find_numbered_title(line) is None


def test_the_form_tells_how_a_title_is_written():
    forms = [find_numbered_title(line).form for line in ("1.雨", "2.雪", "3、雨", "4", "五.雨")]
    assert forms[0] == forms[1]
    assert len(set(forms)) == 4


def test_numbers_that_run_on():
    assert running_numbers([1, 2, 3]) == [0, 1, 2]
    assert running_numbers([7, 1, 2, 40, 3, 4]) == [1, 2, 4, 5]
    assert running_numbers([1, 2, 4, 5]) == [0, 1, 2, 3]
    assert running_numbers([1, 2, 3, 1, 2]) == [0, 1, 2, 3, 4]
    assert running_numbers([]) == []
