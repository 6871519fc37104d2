import pytest

from novelgen.text.junk import is_picture, without_pictures


@pytest.mark.parametrize("mark", ["[插图]", "【插图3】", "〔图12〕"])
def test_the_mark_of_a_picture_is_taken_out_of_a_line(mark):
    assert without_pictures(f"他走上桥去，{mark}桥下有一只空船。") == "他走上桥去，桥下有一只空船。"
    assert is_picture(mark)


def test_a_tag_goes_with_the_address_in_it():
    line = "他走上桥去，[img]a.jpg[/img]桥下有一只[img=9x9]b.png[/img]空船。"
    assert without_pictures(line) == "他走上桥去，桥下有一只空船。"


@pytest.mark.parametrize("aside", ["（插图）", "【图穷匕见】", "［注］"])
def test_what_a_person_puts_in_brackets_stays(aside):
    line = f"他走上桥去，{aside}桥下有一只空船。"
    assert without_pictures(line) == line
