"""What cleaning takes out of a corpus, line by line: for the command line and for the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from novelgen.config import TextConfig
from novelgen.data.novel_files import find_duplicates
from novelgen.text.importing import CorpusImport
from novelgen.text.report import Removal

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


def changes_words(removal: Removal) -> bool:
    """Whether words of the text went, or are in doubt, and not only spaces, marks and markup."""
    return removal.is_doubtful or removal.rule not in _FORM_RULES


def listing_import(
    paths: Sequence[Path], text: TextConfig, workers: int | None = None
) -> CorpusImport:
    """An import that lists its removals in its report, of the files that a store is made of.

    Raises CorpusError.
    """
    leave_out = [duplicate.path for duplicate in find_duplicates(paths, text)]
    return CorpusImport(paths, text, workers, list_removals=True, leave_out=leave_out)
