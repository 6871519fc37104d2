import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from novelgen.text.duplicates import RepeatedRun, SeenHashes


@given(st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=25))
def test_seen_hashes_agree_with_a_set(blocks):
    seen, known = SeenHashes(), set()
    for block in blocks:
        expected = []
        for value in block:
            expected.append(value in known)
            known.add(value)
        assert seen.add(np.array(block, dtype=np.uint64)).tolist() == expected
    assert len(seen) == len(known)


def test_hashes_of_all_64_bits_are_told_apart():
    seen = SeenHashes()
    seen.add(np.array([2**64 - 1, 2**63], dtype=np.uint64))
    assert seen.add(np.array([2**64 - 2, 2**63, 2**64 - 1], dtype=np.uint64)).tolist() == [
        False,
        True,
        True,
    ]


def test_a_short_repeat_alone_stays():
    run = RepeatedRun()
    assert run.add(["“是。”"]) == []
    assert run.end() == [["“是。”"]]
    assert run.end() == []


def test_a_long_repeat_is_a_copy():
    run = RepeatedRun()
    assert run.add(["一" * 20]) == [["一" * 20]]
    assert run.end() == []


def test_short_repeats_in_a_row_are_a_copied_block():
    run = RepeatedRun()
    assert run.add(["一" * 12]) == []
    assert run.add(["二" * 7, "三"]) == [["一" * 12], ["二" * 7, "三"]]
    assert run.add(["“是。”"]) == [["“是。”"]]
    assert run.end() == []
    assert run.add(["“是。”"]) == []
