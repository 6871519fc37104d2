import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.text.private_use import KNOWN, MARK, private_use


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # What old converters made of GBK's rows, of its pinyin and of vertical marks.
        ("门\ue828得紧紧的", "门㧟得紧紧的"),
        ("\ue816又写在碑上", "𠂇又写在碑上"),
        ("\ue7c7", "ḿ"),
        ("灯灭了\ue78e", "灯灭了。"),
        ("\uf0b7 一盏灯", "• 一盏灯"),
        # What no table knows leaves a mark.
        ("碑上刻着\ue001字", f"碑上刻着{MARK}字"),
        ("\U000f1234和\U00100001", f"{MARK}和{MARK}"),
        # The buttons of a page.
        ("\ue600 \ue601", ""),
        ("灯\n\ue600\n雪", "灯\n\n雪"),
    ],
)
def test_private_characters_are_known_or_marked(before, after):
    assert private_use(before) == after


def test_the_table_maps_private_characters_to_others():
    assert len(KNOWN) > 80 + 11 + 6
    assert all(private_use(private) == character for private, character in KNOWN.items())


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_no_private_character_is_left_and_no_other_changed(text):
    done = private_use(text)
    assert private_use(done) == done
    if not any("\ue000" <= mark <= "\uf8ff" or mark >= "\U000f0000" for mark in text):
        assert done == text
