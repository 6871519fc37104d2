"""`prepare --show-removed`: what cleaning took away, in a form that a person can check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from novelgen.config import TextConfig
from novelgen.data.removals import changes_words, listing_import
from novelgen.i18n import _, join_list
from novelgen.text.report import Removal, describe_reason

WORDS = "words"
ALL = "all"
CHOICES = (WORDS, ALL)


def import_removals(
    paths: Sequence[Path], text: TextConfig, which: str, *, print_them: bool
) -> list[dict[str, Any]]:
    """What cleaning removes from the words of a corpus, or with `which` ALL everything, as data.

    It is printed even when too little is left to go on. Raises CorpusError.
    """
    corpus = listing_import(paths, text)
    try:
        # The paragraphs themselves are of no use here.
        for _paragraph in corpus:
            pass
    finally:
        removals = [
            removal for removal in corpus.report.removals if which == ALL or changes_words(removal)
        ]
        if print_them:
            for line in removal_lines(removals, corpus.report.to_dict()):
                print(line)
    return [removal._asdict() for removal in removals]


def removal_lines(removals: Sequence[Removal], imported: Mapping[str, Any]) -> Iterator[str]:
    """The removals as lines, below the file and the chapter in which they stood.

    `imported` is the report of the import as data, with the chapters' titles and places where it
    tells them.
    """
    last_place = None
    for removal in removals:
        place = (removal.file, removal.chapter)
        if removal.file and place != last_place:
            last_place = place
            yield _place_line(removal.file, removal.chapter, imported)
        line = str(removal)
        remarks = []
        if removal.is_doubtful:
            # The line stays as it is, which need not be shown twice.
            line = str(removal._replace(after=""))
            remarks.append(_("in doubt, kept"))
        if removal.reason:
            remarks.append(describe_reason(removal.reason))
        if remarks:
            line = f"{line} ({join_list(remarks)})"
        if removal.file:
            line = f"  {line}"
        yield line


def _place_line(file: str, chapter: int, imported: Mapping[str, Any]) -> str:
    """Where the removals below it stood."""
    titles = imported.get("titles", [])
    title = ""
    if 1 <= chapter <= len(titles):
        title = titles[chapter - 1]
    number = _number_in_file(chapter, imported)
    if number < 1:
        return _("{file}, before the first chapter:").format(file=file)
    if not title:
        return _("{file}, chapter {chapter}:").format(file=file, chapter=number)
    return _("{file}, chapter {chapter} ({title}):").format(file=file, chapter=number, title=title)


def _number_in_file(chapter: int, imported: Mapping[str, Any]) -> int:
    """A chapter's number in its file, 0 before the first heading, from that in the corpus."""
    files = [place["file"] for place in imported.get("places", [])]
    if not 1 <= chapter <= len(files):
        return chapter
    before = files.index(files[chapter - 1])
    # What stands before the first heading of a file is a chapter without a title.
    if not imported["titles"][before]:
        before += 1
    return chapter - before
