"""What an import found and what it took away, for people and for programs.

A report is stored with the corpus, so it holds names and numbers; they become sentences, in the
language of the reader, when they are shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from novelgen.i18n import N_, _, language, ngettext
from novelgen.text.chapterlist import ChapterStart, describe_odd_places, to_data
from novelgen.text.folders import Skipped, describe_skipped
from novelgen.text.remarks import describe_remark

MOST_FILES = 20
"""How many files the report lists for a person; a program gets all of them."""

# What a person calls the rules, by the names that counts and JSON have for them.
RULE_NAMES = {
    "entities": N_("HTML entities"),
    "tags": N_("HTML tags"),
    "newlines": N_("line ends"),
    "invisible": N_("invisible characters"),
    "private_use": N_("characters of a private font"),
    "replacement_marks": N_("replacement marks"),
    "stray_spaces": N_("stray spaces between Chinese characters"),
    "unusual_spaces": N_("unusual spaces"),
    "outer_spaces": N_("spaces around lines"),
    "hidden_breaks": N_("hidden paragraph breaks"),
    "inner_spaces": N_("runs of spaces"),
    "odd_stops": N_("odd full stops"),
    "narrow_punctuation": N_("half-width punctuation"),
    "rulers": N_("rulers"),
    "adverts": N_("adverts"),
    "author_notes": N_("authors' notes to the readers"),
    "book_data": N_("a book's data"),
    "forum_headers": N_("forum headers"),
    "page_marks": N_("page numbers and page breaks"),
    "pictures": N_("marks of pictures"),
    "end_marks": N_("end marks"),
    "duplicates": N_("repeated paragraphs"),
    "gutenberg": N_("Project Gutenberg's header and licence"),
    "contents": N_("tables of contents"),
    "repeated_headings": N_("repeated headings"),
}

# Why a line was taken out, or is in doubt.
REASONS = {
    "site_talk": N_("all of it is what sites say"),
    "some_site_talk": N_("part of it is what sites say"),
    "recurs": N_("it stands several times in the file"),
    "address": N_("an address, and little else"),
    "insert": N_("a bracket within a line"),
    "chapter_edge": N_("what it says, and its place at the edge of a chapter"),
    "file_head": N_("its form, and its place at the head of the file"),
    "title_above_data": N_("it stands above the book's data"),
    "behind_note": N_("it goes on with an author's note"),
    "form": N_("its form"),
    "page_numbers": N_("the numbers in the file run on like those of pages"),
    "cuts_sentence": N_("it cuts a sentence in two"),
    "introduced": N_("the line before introduces it, so it may be quoted"),
}

# A remark about the form of a file, as plain data: its name under "note", and its numbers.
# Stores of older versions hold sentences, the Chinese and the English one side by side.
Note = dict[str, Any] | str
WRAPPED_LINES = "wrapped_lines"
BARE_TITLES = "bare_titles"
LONG_LINES = "long_lines"


def wrapped_lines(columns: int) -> Note:
    """The remark that lines were cut at so many columns and joined into paragraphs."""
    return {"note": WRAPPED_LINES, "columns": columns}


def bare_titles() -> Note:
    """The remark that chapter titles were recognised by the blank lines before them."""
    return {"note": BARE_TITLES}


def long_lines(count: int) -> Note:
    """The remark that so many lines, too long for a paragraph, were split at sentence ends."""
    return {"note": LONG_LINES, "lines": count}


def describe_note(note: Note) -> str:
    """A remark as a sentence in the language that is shown."""
    if isinstance(note, str):
        return _one_language(note)
    remark = describe_remark(note)
    if remark is not None:
        return remark
    name = note.get("note")
    if name == WRAPPED_LINES:
        return _("lines were cut at {columns} columns; joined into paragraphs").format(
            columns=note.get("columns")
        )
    if name == BARE_TITLES:
        return _("chapter titles were recognised by the blank lines before them")
    if name == LONG_LINES:
        count = int(note.get("lines", 0))
        return ngettext(
            "{count} line too long for a paragraph (a whole book on one line?),"
            " split at sentence ends",
            "{count} lines too long for a paragraph (a whole book on one line?),"
            " split at sentence ends",
            count,
        ).format(count=count)
    # A newer version wrote it: its name says more than nothing.
    return str(name)


def _one_language(note: str) -> str:
    """The half of an older version's remark, `Chinese | English`, that is to be shown."""
    chinese, separator, english = note.partition(" | ")
    if separator and language() == "en":
        return english
    return chinese


class Removal(NamedTuple):
    """One line that a rule changed; `after` is empty when the whole line went.

    `reason` is a key of `REASONS`, "" for a rule that needs none. `file` and `chapter` (its number
    in the corpus, 0 before the first) say where the line stood. A doubtful line looked like
    something to take out, and stays.
    """

    rule: str
    before: str
    after: str
    reason: str = ""
    is_doubtful: bool = False
    file: str = ""
    chapter: int = 0

    def __str__(self) -> str:
        removed = f"[{describe_rule(self.rule)}] {self.before!r}"
        if not self.after:
            return removed
        return f"{removed} → {self.after!r}"


def describe_rule(rule: str) -> str:
    """What a rule removes, in the language that is shown."""
    name = RULE_NAMES.get(rule)
    if name is None:
        return rule
    return _(name)


def describe_reason(reason: str) -> str:
    """Why a line was taken out, in the language that is shown."""
    sentence = REASONS.get(reason)
    if sentence is None:
        return reason
    return _(sentence)


@dataclass
class FileReport:
    """One file: `size` in bytes, remarks about its form, and how often each rule changed it."""

    path: str
    encoding: str
    size: int
    notes: list[Note] = field(default_factory=list)
    removed: Counter[str] = field(default_factory=Counter)


@dataclass
class ImportReport:
    """Totals of an import.

    `removed` counts the places that each rule changed, `removed_characters` what they lost,
    `doubtful` the lines that a rule was not sure of, which stay. `removals` lists all of them when
    that was asked for. `chapter_starts` are the chapters 1, 2, ….
    """

    files: list[FileReport] = field(default_factory=list)
    chapters: int = 0
    paragraphs: int = 0
    segments: int = 0
    characters: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    removed_characters: Counter[str] = field(default_factory=Counter)
    removals: list[Removal] = field(default_factory=list)
    doubtful: Counter[str] = field(default_factory=Counter)
    skipped: list[Skipped] = field(default_factory=list)
    chapter_starts: list[ChapterStart] = field(default_factory=list)

    @property
    def encoding(self) -> str:
        """The encodings of the files, each named once, in the order met."""
        return ", ".join(dict.fromkeys(file.encoding for file in self.files))

    def count(
        self, rule: str, occurrences: int, characters: int, file: FileReport | None = None
    ) -> None:
        """Counts `occurrences` places where `rule` removed `characters` characters in all.

        They are counted for `file` too, by default for the one that is being read.
        """
        if file is None and self.files:
            file = self.files[-1]
        if file is not None:
            file.removed[rule] += occurrences
        self.removed[rule] += occurrences
        self.removed_characters[rule] += characters

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, the same in every language."""
        return {
            "encoding": self.encoding,
            "chapters": self.chapters,
            "paragraphs": self.paragraphs,
            "segments": self.segments,
            "characters": self.characters,
            "removed": dict(self.removed),
            "removed_characters": dict(self.removed_characters),
            "doubtful": dict(self.doubtful),
            "files": [
                {
                    "path": file.path,
                    "encoding": file.encoding,
                    "bytes": file.size,
                    "notes": list(file.notes),
                }
                for file in self.files
            ],
            "skipped": [skipped.to_dict() for skipped in self.skipped],
            **to_data(self.chapter_starts),
        }

    def to_text(self) -> str:
        """The report as lines for a person, in the language that is shown."""
        lines = [
            *self._file_lines(),
            _("encoding: {encoding}").format(encoding=self.encoding),
            _("chapters: {count:,}").format(count=self.chapters),
            *describe_odd_places(self.chapter_starts),
            _("paragraphs: {count:,} (cut into {segments:,} segments)").format(
                count=self.paragraphs, segments=self.segments
            ),
            _("characters: {count:,}").format(count=self.characters),
            *self._cleaning_lines(),
        ]
        return "\n".join(lines)

    def _file_lines(self) -> Iterator[str]:
        for file in self.files[:MOST_FILES]:
            yield _("file: {path} ({encoding}, {size:,} bytes)").format(
                path=file.path, encoding=file.encoding, size=file.size
            )
            for note in file.notes:
                yield f"  · {describe_note(note)}"
        if len(self.files) > MOST_FILES:
            # Always more than twenty, so that no singular is needed.
            total = _("… {count:,} files in all").format(count=len(self.files))
            yield f"  {total}"
        yield from map(describe_skipped, self.skipped[:MOST_FILES])
        if len(self.skipped) > MOST_FILES:
            total = _("… {count:,} files not read in all").format(count=len(self.skipped))
            yield f"  {total}"

    def _cleaning_lines(self) -> Iterator[str]:
        yield from self._removed_lines()
        doubtful = sum(self.doubtful.values())
        if doubtful:
            yield ngettext(
                "{count:,} doubtful line was kept; --show-removed lists it",
                "{count:,} doubtful lines were kept; --show-removed lists them",
                doubtful,
            ).format(count=doubtful)

    def _removed_lines(self) -> Iterator[str]:
        if not self.removed:
            return
        yield _("cleaning (rule: places changed, characters removed)")
        for rule, places in self.removed.items():
            row = _("{rule}: {places:,}, {characters:,}").format(
                rule=describe_rule(rule),
                places=places,
                characters=self.removed_characters[rule],
            )
            yield f"  {row}"
