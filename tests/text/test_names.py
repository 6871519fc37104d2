"""Names and new words, of a text that is put together from invented sentences."""

import random

from novelgen.text.names import find_names, to_user_dict
from novelgen.text.words import UserWord, read_user_dict

NAMES = ("鲍绫舟", "沈砚", "瑶铃")
PLACE = "篙竹湾"
DEEDS = "道说笑听见忙便因问"
FILLER = "风雨山水花草云雪月灯船桥路窗书酒茶饭衣鞋刀剑马牛羊鸡犬鱼鸟虫石沙土木金银铜铁"


def story_of_people(seed=1):
    """Sentences in which people act, something is far away, and all else is chance."""
    rng = random.Random(seed)

    def chance(low, high):
        return "".join(rng.choices(FILLER, k=rng.randint(low, high)))

    lines = []
    for number in range(600):
        name = NAMES[number % len(NAMES)]
        place = PLACE if number % 4 == 0 else ""
        lines.append(
            f"{chance(2, 5)}{name}{rng.choice(DEEDS)}{chance(2, 5)}{place}{chance(1, 4)}。"
        )
    return lines


def one_by_one(text):
    """A segmenter that knows nothing."""
    return [(character, "x") for character in text]


def test_people_and_places_are_found_and_their_parts_are_not():
    found = {
        name.word: name for name in find_names(story_of_people(), one_by_one, lambda word: False)
    }
    assert set(found) == {*NAMES, PLACE}
    assert {found[name].tag for name in NAMES} == {"nr"}
    assert found[PLACE].tag == "nz"
    assert [found[name].times for name in NAMES] == [200, 200, 200]


def test_words_of_the_dictionary_are_names_where_they_are_tagged_and_act():
    def tag(text):
        return [("沈砚", "nr")] * text.count("沈砚")

    found = [name.word for name in find_names(story_of_people(), tag, lambda word: True)]
    assert found == ["沈砚"]


def test_what_is_written_is_read_as_a_user_dictionary(tmp_path):
    names = find_names(story_of_people(), one_by_one, lambda word: False)
    path = tmp_path / "names.txt"
    path.write_text(to_user_dict(names, "two lines\nof a heading"), encoding="utf-8")
    assert read_user_dict(path) == [UserWord(name.word) for name in names]
    assert f"{names[0].word} nr\t# 200" in path.read_text(encoding="utf-8")


def test_texts_without_words_have_none():
    for lines in ([], [""], ["abc 123"], ["一"]):
        assert find_names(lines, one_by_one, lambda word: False) == []
