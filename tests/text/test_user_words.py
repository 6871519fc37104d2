import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.errors import ConfigError
from novelgen.text.user_words import is_chinese, keeping_whole
from novelgen.text.words import UserWord, read_user_dict, spaced_word_cutter, word_cutter

NAMES = ("伊莎·柯尔", "M先生", "老K", "Red Lamp客栈", "C++", "ens", "x底")


def cut(text):
    return word_cutter(tuple(map(UserWord, NAMES)))(text)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("伊莎·柯尔推开了门。", "伊莎·柯尔"),
        ("门外站着伊莎·柯尔和M先生。", "M先生"),
        ("老K把灯递过去。", "老K"),
        ("Red Lamp客栈关了门。", "Red Lamp客栈"),
        ("用C++写的。", "C++"),
    ],
)
def test_a_name_with_other_marks_than_chinese_is_one_word(text, word):
    words = cut(text)
    assert word in words
    assert "".join(words) == text


@pytest.mark.parametrize(
    ("text", "whole"),
    [("桌上放着license。", "license"), ("孩子喊了声box底下便静了。", "box"), ("老KT走了。", "KT")],
)
def test_a_word_does_not_cut_a_longer_latin_word(text, whole):
    assert whole in cut(text)


def test_the_longest_of_several_words_is_kept():
    words = keeping_whole(["M先", "M先生", "M"], list)("M先生和M先")
    assert words == ["M先生", "和", "M先"]


def test_names_in_latin_text_are_kept_with_the_space_before_them():
    cut_spaced = spaced_word_cutter((UserWord("Red Lamp"),))
    assert cut_spaced("In the Red Lamp, Red Lamps.\n") == [
        "In",
        " the",
        " Red Lamp",
        ",",
        " Red",
        " Lamps",
        ".",
        "\n",
    ]


def test_a_name_of_latin_words_is_read_whole_and_a_tag_is_none_of_it(tmp_path):
    path = tmp_path / "words.dict"
    path.write_text("Red lamp\nMoon river 5\n灯塔 3 n\n老K nr\n", encoding="utf-8")
    assert read_user_dict(path) == [
        UserWord("Red lamp"),
        UserWord("Moon river", 5),
        UserWord("灯塔", 3),
        UserWord("老K"),
    ]


def test_only_chinese_characters_go_to_the_segmenter():
    assert is_chinese("守塔人")
    assert not any(map(is_chinese, NAMES))


WORDS = st.lists(st.text(alphabet="一二aB1· +.*([", min_size=1, max_size=5), max_size=6)


@given(WORDS, st.text(alphabet="一二三aBc1· +.*([\n", max_size=40), st.booleans())
def test_the_pieces_are_the_text(words, text, space):
    assert "".join(keeping_whole(words, list, space)(text)) == text


@pytest.mark.slow
def test_thousands_of_names_stay_fast():
    names = [f"{chr(0x4E00 + number % 500)}·{number}" for number in range(5_000)]
    cut_text = keeping_whole(names, list)
    start = time.process_time()
    cut_text("守塔人把灯点亮了。" * 10_000)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("segmenter", ["rjieba", "jieba"])
@pytest.mark.parametrize(
    ("frequency", "pieces"), [(1, ["石头记", "里"]), (100_000, ["石", "头记里"])]
)
def test_the_frequency_of_a_user_word_decides(monkeypatch, segmenter, frequency, pieces):
    pytest.importorskip(segmenter)
    if segmenter == "jieba":
        monkeypatch.setitem(sys.modules, "rjieba", None)
    word_cutter.cache_clear()  # the other segmenter's
    assert word_cutter((UserWord("头记里", frequency),))("石头记里") == pieces
    word_cutter.cache_clear()


def test_a_frequency_of_zero_is_refused_with_its_line(tmp_path):
    path = tmp_path / "words.dict"
    path.write_text("灯塔 3\n船家 0\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="line 2"):
        read_user_dict(path)
