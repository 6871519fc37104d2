import csv
import dataclasses
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.config import DecodingConfig, flag
from novelgen.evaluation.grid import Row
from novelgen.evaluation.writing import Measures
from novelgen.i18n import use_language
from novelgen.report.tables import (
    COMPARISON,
    comparison,
    shown,
    to_csv,
    to_markdown,
    translate,
    with_settings,
)

MEASURES = Measures(-1.5, 0.5, 1.0, 0.25, length=4.0, finished=1.0)

# Without NUL, which csv cannot write in Python 3.10. No text of this program has one: it is removed
# from what is read, and never generated.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


def read(text):
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_rows_of_a_grid_come_under_their_headings():
    rows = [
        Row("红楼梦", "她", DecodingConfig(seed=7), "他来了。", True, MEASURES),
        Row("红楼梦", "她", DecodingConfig(decoder="beam", seed=7), "他", False),
    ]
    assert comparison(rows) == [["红楼梦", "sample", "0.8", "他来了。", -1.5, 1.0, 0.25, None, 7]]
    assert len(comparison(rows)[0]) == len(COMPARISON)


def test_a_file_of_a_grid_has_the_prompt_and_every_setting_that_has_an_effect():
    row = Row("红楼梦", "她", DecodingConfig(decoder="beam", seed=7), "他", True, MEASURES)
    heading, [line] = with_settings([row])
    found = dict(zip(heading, line, strict=True))
    assert (found["prompt"], found["text"], found["beam-size"]) == ("她", "他", 5)
    assert (found["temperature"], found["top-p"], found["seed"]) == (None, None, None)
    assert {flag(spec.name)[2:] for spec in dataclasses.fields(DecodingConfig)} <= set(heading)


def test_names_of_columns_are_translated_for_a_person_alone():
    assert translate(COMPARISON) == list(COMPARISON)
    assert all(name.isascii() for name in COMPARISON)
    with use_language("zh"):
        assert to_csv(COMPARISON, []).startswith("\ufeffrun,decoder,temperature")
        assert len(translate(COMPARISON)) == len(COMPARISON)


def test_csv_is_known_by_a_spreadsheet_as_utf8_and_keeps_its_numbers():
    text = to_csv(["文本", "数"], [["他说：“来，”\n走了", -1.23456], ["", None]])
    assert text.encode().startswith(b"\xef\xbb\xbf")
    assert read(text) == [["文本", "数"], ["他说：“来，”\n走了", "-1.235"], ["", ""]]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "－1"])
def test_a_text_is_no_formula(text):
    assert read(to_csv(["a"], [[text]]))[1] == ["'" + text]


@given(st.lists(st.lists(texts, min_size=2, max_size=2), min_size=1, max_size=4))
def test_csv_gives_every_text_back(rows):
    for written, found in zip(rows, read(to_csv(["a", "b"], rows))[1:], strict=True):
        assert [cell.removeprefix("'") for cell in found] == [
            cell.removeprefix("'") for cell in written
        ]


def test_markdown_is_a_table_in_which_texts_stay_texts():
    text = to_markdown(["文本 text", "数"], [["a|b\n*c* <img src=x> [d](e) `f`", 0.5], ["—", None]])
    assert text.splitlines() == [
        "| 文本 text | 数 |",
        "| --- | --- |",
        r"| a\|b<br>\*c\* \<img src=x\> \[d\](e) \`f\` | 0.500 |",
        "| — | — |",
    ]


@given(st.lists(st.lists(texts, min_size=2, max_size=2), min_size=1, max_size=3))
def test_a_markdown_table_keeps_its_shape(rows):
    lines = to_markdown(["a", "b"], rows).removesuffix("\n").split("\n")
    assert len(lines) == len(rows) + 2
    for line in lines:
        assert line.replace("\\\\", "").replace("\\|", "").count("|") == 3


def test_numbers_are_read_with_three_decimals():
    assert [shown(value) for value in (None, 0.12345, -2.0, 7, "文")] == [
        "—",
        "0.123",
        "-2.000",
        "7",
        "文",
    ]
