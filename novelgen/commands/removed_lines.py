"""`prepare --show-removed`: what cleaning took away, in a form that a person can check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from novelgen.config import TextConfig
from novelgen.data.novel_files import find_duplicates
from novelgen.i18n import _, join_list
from novelgen.text import report as text_report
from novelgen.text.importing import CorpusImport
from novelgen.text.report import Removal

WORDS = "words"
ALL = "all"
CHOICES = (WORDS, ALL)
# Rules that change the form of a line and none of its words: nearly all that is changed.
_FORM_RULES = frozenset(
    (
        "entities",
        "hidden_breaks",
        "inner_spaces",
        "invisible",
        "narrow_punctuation",
        "newlines",
        "odd_stops",
        "outer_spaces",
        "rulers",
        "stray_spaces",
        "tags",
        "unusual_spaces",
    )
)


def import_removals(
    paths: Sequence[Path], text: TextConfig, which: str, *, print_them: bool
) -> list[dict[str, Any]]:
    """What cleaning removes from the words of a corpus, or with `which` ALL everything, as data.

    It is printed even when too little is left to go on. Raises CorpusError.
    """
    leave_out = [duplicate.path for duplicate in find_duplicates(paths, text)]
    corpus = CorpusImport(paths, text, list_removals=True, leave_out=leave_out)
    try:
        # The paragraphs themselves are of no use here.
        for _paragraph in corpus:
            pass
    finally:
        removals = [
            removal
            for removal in corpus.report.removals
            if which == ALL or removal.rule not in _FORM_RULES
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
        # What an import of this version tells of a removal beside the line itself.
        told = removal._asdict()
        file, chapter = told.get("file", ""), told.get("chapter", 0)
        if file and (file, chapter) != last_place:
            last_place = (file, chapter)
            yield _place_line(file, chapter, imported)
        remarks = []
        if told.get("is_doubtful"):
            # The line stays as it is, which need not be shown twice.
            removal = removal._replace(after="")
            remarks.append(_("in doubt, kept"))
        if told.get("reason"):
            remarks.append(_describe_reason(told["reason"]))
        line = str(removal)
        if remarks:
            line = f"{line} ({join_list(remarks)})"
        if file:
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


def _describe_reason(reason: str) -> str:
    """Why a line was removed, in words where the import has them."""
    describe: Callable[[str], str] = getattr(text_report, "describe_reason", str)
    return describe(reason)
