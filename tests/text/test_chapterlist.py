from novelgen.text.chapterlist import (
    ChapterStart,
    describe_odd_places,
    find_odd_places,
    from_data,
    to_data,
)


def chapters(*numbers, unit="章", file=0):
    return [ChapterStart(f"第{n}章", file, n, unit, n) for n in numbers]


def odd(*numbers):
    return [tuple(place) for place in find_odd_places(chapters(*numbers))]


def test_numbers_that_run_on_are_not_odd():
    assert odd(1, 2, 3) == []
    assert odd(31, 32, 33) == []
    assert odd(5) == []


def test_missing_numbers():
    assert odd(1, 2, 4, 5) == [("missing", 3, 3, 3)]
    assert odd(1, 5) == [("missing", 2, 2, 4)]


def test_doubled_numbers():
    assert odd(1, 2, 2, 3) == [("doubled", 3, 2, 2)]
    assert odd(1, 1, 2) == [("doubled", 2, 1, 1)]


def test_a_number_that_comes_too_early_does_not_make_the_others_odd():
    assert odd(1, 2, 5, 3, 4, 6) == [("out_of_order", 3, 5, 5)]


def test_a_number_that_comes_too_late():
    assert odd(1, 3, 4, 2, 5)[-1][0] == "out_of_order"


def test_the_next_volume_begins_again():
    assert odd(1, 2, 3, 1, 2, 4) == [("missing", 6, 3, 3)]


def test_each_file_and_each_unit_counts_for_itself():
    volumes = [ChapterStart("第一卷", 0, 1, "卷", 1), *chapters(1, 2), *chapters(1, 2, file=1)]
    assert find_odd_places(volumes) == []
    assert find_odd_places([ChapterStart("楔子", 0, 1, "楔子"), *chapters(1, 2)]) == []


def test_a_huge_number_is_described_without_counting_up_to_it():
    assert odd(1, 2, 99_999) == [("missing", 3, 3, 99_998)]


def test_data_of_the_chapters_and_its_inverse():
    starts = [ChapterStart("", 0), *chapters(1, 3)]
    data = to_data(starts)
    assert data["titles"] == ["", "第1章", "第3章"]
    assert data["odd_numbers"] == [{"kind": "missing", "chapter": 3, "first": 2, "last": 2}]
    assert from_data(data) == starts
    assert from_data({}) == []


def test_odd_places_as_sentences():
    lines = list(describe_odd_places(chapters(1, 2, 2, 5)))
    assert lines[0] == "chapter numbers that are odd: 2"
    assert "number 2 is there twice, again at “第2章” (line 2)" in lines[1]
    assert "numbers 3 to 4 are missing before “第5章” (line 5)" in lines[2]
    assert list(describe_odd_places(chapters(1, 2))) == []
    many = list(describe_odd_places(chapters(*range(1, 60, 2))))
    assert len(many) == 12
