import pytest

from novelgen.text.candidates import find_candidate, is_unit


@pytest.mark.parametrize(
    ("line", "form", "number"),
    [
        ("第十二章 风起", "章", 12),
        ("第三章他走了", "章", 3),
        ("夜航船 第五章 风起", "name 章", 5),
    ],
)
def test_headings_are_candidates(line, form, number):
    candidate = find_candidate(line, 7)
    assert (candidate.place, candidate.form, candidate.number) == (7, form, number)
    assert is_unit(candidate.form)


@pytest.mark.parametrize(
    "line",
    [
        "楔子",  # without a number
        "第一章 风起…………12",  # of a table of contents
        "他读到第三章，便睡了",
        "夜已经深了。他说第三章 风起",  # no name of a book
        "船来了。",
    ],
)
def test_other_lines_are_none(line):
    assert find_candidate(line) is None


def test_a_title_that_is_glued_to_its_unit_is_not_sure():
    assert find_candidate("第三章 风起").is_sure
    glued = find_candidate("第三章风起")
    assert not glued.is_sure
    assert glued.is_glued
