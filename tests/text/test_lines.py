import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novelgen.errors import CorpusError
from novelgen.text.lines import LONGEST_LINE, LongLines


def whole_lines(chunks):
    long_lines = LongLines(lambda: CorpusError("no sentence"))
    lines = list(long_lines.whole_lines(chunks))
    assert all(chunk.endswith("\n") for chunk in lines)
    return "".join(lines), long_lines.broken


def pieces(text, size):
    return [text[start : start + size] for start in range(0, len(text), size)]


@settings(max_examples=40)
@given(st.text(alphabet="一。\n", max_size=80), st.integers(1, 9))
def test_ordinary_text_stays(text, size):
    got, broken = whole_lines(pieces(text, size))
    assert got.rstrip("\n") == text.rstrip("\n")
    assert broken == 0


BOOK = "".join(
    f"“你来了？”他在第{number}天问道，“天黑了没有？”她说没有。于是{'又' * (number % 90)}等了一夜。"
    for number in range(400)
)


@settings(max_examples=25)
@given(st.integers(50, 6000))
def test_a_book_on_one_line_is_broken_the_same_however_it_comes(size):
    assert whole_lines(pieces(BOOK, size)) == whole_lines([BOOK])


def test_a_book_on_one_line_becomes_paragraphs_that_end_with_sentences():
    assert len(BOOK) > LONGEST_LINE
    got, broken = whole_lines([BOOK])
    lines = got.removesuffix("\n").split("\n")
    assert "".join(lines) == BOOK
    assert broken == 1
    assert max(map(len, lines)) <= 200
    assert min(map(len, lines[:-1])) >= 90
    assert all(line[-1] in "。！？”" and line[0] not in "”。" for line in lines)


def test_a_short_text_on_one_line_is_broken_too_but_not_one_of_many_lines():
    line = "他来了，又走了。" * 100
    assert whole_lines([line])[1] == 1
    assert whole_lines([line + "\n"]) == whole_lines([line])
    assert whole_lines([f"{line}\n她走了。\n"]) == (f"{line}\n她走了。\n", 0)


@pytest.mark.parametrize("mark", ["　　", "<br>", "<br />", "</p><p>"])
@pytest.mark.parametrize("size", [2999, 3000, 3001, 3002])
def test_hidden_breaks_come_before_sentence_ends(mark, size):
    paragraphs = [f"他第{number}次来了。她走了。" for number in range(800)]
    got, broken = whole_lines(pieces(mark.join(paragraphs), size))
    assert [line for line in got.split("\n") if line] == paragraphs
    assert broken == 0


def test_a_million_characters_without_a_sentence_end_are_refused():
    with pytest.raises(CorpusError, match="no sentence"):
        whole_lines(["一" * 100_000] * 12)
    with pytest.raises(CorpusError, match="no sentence"):
        whole_lines(["一" * 1_200_000 + "\n他来了。\n"])


@pytest.mark.parametrize("length", [398, 399, 400, 798, 799])
def test_a_closing_quote_stays_with_a_sentence_of_any_length(length):
    got, _ = whole_lines(["“" + "一" * (length - 1) + "？”" + "他来了。" * 2_000])
    assert "\n”" not in got


def test_a_long_sentence_stays_whole():
    text = "他来了。" + "一" * 9_000 + "。" + "她走了。" * 300
    got, _ = whole_lines(pieces(text, 700))
    assert "一" * 9_000 in got
