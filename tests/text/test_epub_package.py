import pytest

from novelgen.text.epub_package import read_package

ITEMS = '<item id="a" href="a.xhtml"/><item id="b" href="b.xhtml"/>'


def package(spine, meta=""):
    references = "".join(f'<itemref idref="{name}"/>' for name in spine)
    return (
        f"<package><metadata>{meta}</metadata><manifest>{ITEMS}</manifest>"
        f"<spine>{references}</spine></package>"
    )


def test_files_by_id_and_documents_in_their_order():
    found = read_package(package("ba"))
    assert {key: item["href"] for key, item in found.manifest.items()} == {
        "a": "a.xhtml",
        "b": "b.xhtml",
    }
    assert found.spine == ["b", "a"]


def test_a_document_that_the_spine_lists_twice_counts_once():
    assert read_package(package("aba")).spine == ["a", "b"]


@pytest.mark.parametrize(
    ("meta", "is_fixed"),
    [
        ('<meta property="rendition:layout">pre-paginated</meta>', True),
        ('<meta name="fixed-layout" content="true"/>', True),
        ('<meta property="rendition:layout">reflowable</meta>', False),
        ('<meta name="cover" content="true"/>', False),
        ("", False),
    ],
)
def test_fixed_pages_are_known(meta, is_fixed):
    assert read_package(package("a", meta)).is_fixed is is_fixed
