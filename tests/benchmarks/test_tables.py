"""The README's figures are those that were measured."""

from benchmarks import tables

README = (tables.PROJECT / "README.md").read_text(encoding="utf-8")


def test_the_readme_shows_what_the_files_hold():
    assert tables.updated(README) == README


def test_every_table_stands_in_the_readme_and_follows_its_file():
    for name in tables.TABLES:
        mark = f"<!-- {name}.json -->\n"
        assert mark in README
        assert tables.updated(README.replace(mark, f"{mark}| 1 |\n")) == README
