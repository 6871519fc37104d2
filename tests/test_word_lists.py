import pytest

from novelgen.config import DecodingConfig
from novelgen.errors import ConfigError
from novelgen.word_lists import FAVOUR_STRENGTH, word_list


@pytest.mark.parametrize(
    "text", ["月亮,长安", "月亮，长安", " 月亮、 长安 ", "月亮\n长安\n", "月亮,,长安,月亮,"]
)
def test_words_stand_between_the_commas_of_any_keyboard(text):
    assert list(word_list("--ban", text)) == ["月亮", "长安"]


def test_the_mark_between_words_is_a_word_alone():
    assert list(word_list("--ban", "、,月亮")) == ["、", "月亮"]


@pytest.mark.parametrize("text", ["月亮:2.5,长安", "月亮：2.5，长安"])
def test_a_word_may_have_a_strength(text):
    assert word_list("--favour", text, weighted=True) == {"月亮": 2.5, "长安": FAVOUR_STRENGTH}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ban": ", ，"}, "--ban ', ，': there is no word"),
        ({"cast": "宝" * 41}, "--cast '宝+': no word"),
        ({"ban": "宝\ud800"}, "--ban"),
        ({"ban": ",".join(f"{number:039}" for number in range(26))}, "more than 1,000"),
        ({"favour": "月亮:x"}, "--favour 月亮:x: the strength"),
        ({"favour": "月亮:-1"}, "--favour 月亮:-1: the strength"),
        ({"favour": "月亮:nan"}, "the strength"),
        ({"favour": ":2"}, "--favour '': no word"),
        ({"favour": "月亮", "ban": "月"}, "--favour 月亮: --ban 月"),
    ],
)
def test_a_list_that_is_wrong_is_refused_in_one_line(options, message):
    with pytest.raises(ConfigError, match=message) as error:
        DecodingConfig(**options)
    assert "\n" not in str(error.value)
