import numpy as np

from novelgen.data.novels import novel_lines
from novelgen.data.split import NONE
from novelgen.data.statistics import CharacterCounts
from novelgen.text.report import MOST_FILES


def counts_of(*texts):
    counts = CharacterCounts()
    for text in texts:
        counts.add(np.bincount([ord(character) for character in text]))
    return counts


def test_a_character_that_occurs_once_is_one_of_the_different_ones():
    assert counts_of("船来船", "水船").different == 3
    assert CharacterCounts().different == 0


def test_the_commonest_come_first_and_equal_ones_by_their_code_point():
    assert counts_of("船来船", "水船").commonest(2) == [("船", 3), ("来", 1)]
    assert counts_of("aab", "b").commonest(9) == [("a", 2), ("b", 2)]


def novel(number):
    return {
        "name": f"novel-{number}",
        "chapters": 2,
        "paragraphs": 30,
        "characters": 400,
        "vocabulary": 50,
        "longest_paragraph": 60,
        "rule": NONE,  # nothing is held out
    }


def test_a_long_list_of_novels_ends_with_how_many_there_are():
    few = list(novel_lines({"novels": [novel(number) for number in range(MOST_FILES)]}))
    assert len(few) == MOST_FILES
    many = list(novel_lines({"novels": [novel(number) for number in range(MOST_FILES + 5)]}))
    assert len(many) == MOST_FILES + 1
    assert many[-1].strip() == f"… {MOST_FILES + 5} novels in all"
