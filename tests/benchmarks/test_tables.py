"""The figures of docs/benchmarks.md are those that were measured."""

import re

import pytest

from benchmarks import tables

DOCUMENT = tables.DOCUMENT.read_text(encoding="utf-8")


def test_document_shows_what_the_files_hold():
    assert tables.updated(DOCUMENT) == DOCUMENT


@pytest.mark.parametrize("name", tables.TABLES)
def test_table_stands_in_the_document_and_follows_its_file(name):
    mark = f"<!-- {name}.json -->\n"
    assert mark in DOCUMENT
    assert tables.updated(DOCUMENT.replace(mark, f"{mark}| 1 |\n")) == DOCUMENT


@pytest.mark.parametrize("name", tables.TABLES)
def test_table_is_in_one_language(name):
    between_marks = DOCUMENT.partition(f"<!-- {name}.json -->")[2].partition("<!-- end -->")[0]
    assert not re.search(r"[一-鿿]", between_marks)
