"""The papers that a report cites."""

import pytest

from novelgen.report.paper.references import REFERENCES, Citations


def test_papers_are_numbered_as_they_are_first_cited():
    citations = Citations()
    assert citations.cite("luong2015") == "[1]"
    assert citations.cite("cho2014", "luong2015") == "[2, 1]"
    assert citations.listed() == [
        ("[1]", REFERENCES["luong2015"]),
        ("[2]", REFERENCES["cho2014"]),
    ]


def test_unknown_paper_is_an_error():
    with pytest.raises(KeyError):
        Citations().cite("nobody1900")
