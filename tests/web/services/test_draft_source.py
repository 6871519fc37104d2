import pytest
from hypothesis import given
from hypothesis import strategies as st

from novelgen.web.services.draft_source import DraftSource, source_from_text

SOURCE = DraftSource(3, 5, "previous", "run", (7, 8))


def test_a_source_is_read_from_its_text():
    assert source_from_text(SOURCE.as_text()) == SOURCE


@pytest.mark.parametrize("text", [None, "", "{", "[]", "5", '{"size": 3}', '{"size": "x"}'])
def test_what_is_no_source_is_none(text):
    assert source_from_text(text) is None


@given(st.text(), st.text())
def test_a_manuscript_is_known_again(one, other):
    # The figures that static/buttons.js has as well: bytes of UTF-8, and their CRC-32.
    size, known = len(one.encode()), crc(one)
    assert DraftSource(size, known).is_of(one)
    assert DraftSource(size, known).is_of(other) is (one == other)


def crc(text):
    """CRC-32, bit by bit."""
    value = 0xFFFFFFFF
    for byte in text.encode():
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xEDB88320 * (value & 1))
    return value ^ 0xFFFFFFFF
