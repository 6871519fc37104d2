import json

import pytest

from novelgen.text.folders import Skipped, describe_skipped
from novelgen.text.remarks import (
    describe_remark,
    garbled_places,
    lost_bytes,
    not_read,
    private_use,
    repaired,
    scrambled,
    two_encodings,
)


@pytest.mark.parametrize(
    ("remark", "words"),
    [
        (repaired("windows-1252", "gb18030", 2, 0), "2 lines in the encoding gb18030"),
        (repaired("windows-1252", "gb18030", 1, 3), "3 lines could not be restored"),
        (two_encodings("utf-8", "gb18030", 1234, 1), "gb18030 from byte 1,234 on"),
        (two_encodings("utf-8", "gb18030", 1234, 3), "change 3 times"),
        (private_use(1, 2), "2 unknown ones by □"),
        (scrambled(0.12), "only 12% of the characters"),
        (garbled_places(1), "1 place was garbled"),
        (lost_bytes(5, 0.001), "5 places that could not be decoded were dropped (0.10%"),
        (not_read(["a", "b"]), "2 parts of the book were not read: a, b"),
        (not_read([str(index) for index in range(12)]), "9, …"),
    ],
)
def test_a_remark_is_data_and_a_sentence(remark, words):
    assert words in describe_remark(json.loads(json.dumps(remark)))


def test_another_kind_of_remark_is_left_to_others():
    assert describe_remark({"note": "wrapped_lines", "columns": 72}) is None


@pytest.mark.parametrize(
    ("skipped", "words"),
    [
        (Skipped("a/b.azw3", "foreign_format"), "a/b.azw3 (a file of the kind Kindle; convert it"),
        (Skipped(".DS_Store", "system"), "operating system"),
        (Skipped("inf.txt", "about"), "a note about other files"),
        (Skipped("a.txt", "empty"), "(empty)"),
        (Skipped("a.jpg", "other"), "(no text)"),
        (Skipped("a.jpg", "of a newer version"), "(no text)"),
        (Skipped("a.txt", "failed", "a.txt: too bad"), "not read: a.txt: too bad"),
    ],
)
def test_a_skipped_file_is_data_and_a_sentence(skipped, words):
    assert words in describe_skipped(Skipped(**json.loads(json.dumps(skipped.to_dict()))))
