"""What a store tells of each novel and of the whole corpus, as data and as lines for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from novelgen.data.split import (
    ALTERNATING,
    CHAPTERS,
    NONE,
    PARTS,
    ChapterNumbers,
    NovelsSplit,
    find_targets,
    novel_slices,
)
from novelgen.data.statistics import NovelFigures, shown_name
from novelgen.i18n import _, join_list
from novelgen.text.report import MOST_FILES, ImportReport

FEWEST_PAIRS = 200
"""With fewer pairs a part measures luck more than the model."""

# How many chapters and characters a line for a person lists; a program gets all of them.
_MOST_CHAPTERS = 6
_MOST_CHARACTERS = 20
# Rules that hold out whole chapters; after the others a part ends inside one.
_WHOLE_CHAPTERS = (CHAPTERS, ALTERNATING)


def describe_novels(
    novels: Sequence[NovelFigures],
    report: ImportReport,
    chapters: ChapterNumbers,
    own_numbers: ChapterNumbers,
    divided: NovelsSplit,
) -> list[dict[str, Any]]:
    """The figures of every novel and what of it is held out, as plain data.

    `held_out` has, for validation and test, the numbers of the chapters within the novel; 0 is
    what stands before the first heading. They are whole chapters where `rule` is by chapters.
    `chapters_before` more is a chapter's number in the corpus.
    """
    paths = [file.path for file in report.files]
    is_target = find_targets(chapters)
    slices = novel_slices([novel.start for novel in novels], len(chapters))
    described = []
    for novel, file, place, rule in zip(
        novels, report.files, slices, divided.novel_rules, strict=True
    ):
        targets = own_numbers[place][is_target[place]]
        parts = divided.parts[place][is_target[place]]
        # Of a corpus that is too small to be split, each part is all of it, and none is held out.
        by_part = dict.fromkeys(PARTS, targets)
        if rule != NONE:
            by_part = {part: targets[parts == number] for number, part in enumerate(PARTS)}
        held_out = {
            part: np.unique(by_part[part]).tolist() if rule != NONE else []
            for part in ("valid", "test")
        }
        described.append(
            {
                "name": shown_name(file.path, paths),
                "path": file.path,
                "encoding": file.encoding,
                "chapters": int(np.count_nonzero(np.unique(own_numbers[place]) > 0)),
                "chapters_before": _chapters_before(chapters, own_numbers, place),
                **novel.to_dict(),
                "removed": dict(file.removed),
                "rule": rule,
                "held_out": held_out,
                "pairs": {part: len(own) for part, own in by_part.items()},
            }
        )
    return described


def _chapters_before(chapters: ChapterNumbers, own_numbers: ChapterNumbers, novel: slice) -> int:
    """How many chapters of the corpus stand before a novel's first one."""
    if novel.start == novel.stop:
        return 0
    return int(chapters[novel.start] - own_numbers[novel.start])


def find_warnings(meta: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What may be wrong with a split, as plain data: parts that are too small to be trusted."""
    return [
        {"warning": "few_pairs", "part": part, "pairs": meta["pairs"][part], "enough": FEWEST_PAIRS}
        for part in ("valid", "test")
        if meta["pairs"][part] < FEWEST_PAIRS
    ]


def novel_lines(meta: Mapping[str, Any]) -> Iterator[str]:
    """Lines for a person about the novels of a store and what is held out of each.

    `meta` is the store's; one of an older version tells nothing of its novels.
    """
    novels = meta.get("novels", [])
    for each in meta.get("duplicate_files", []):
        yield _("read once: {path} has the same text as {other}").format(
            path=each["path"], other=each["same_as"]
        )
    if len(novels) == 1:
        yield _("different characters: {count:,}").format(count=novels[0]["vocabulary"])
        yield from _held_out_lines(novels[0])
        return
    for novel in novels[:MOST_FILES]:
        line = _(
            "novel {name}: chapters {chapters:,}, paragraphs {paragraphs:,}, characters "
            "{characters:,} ({vocabulary:,} different), longest paragraph {longest:,}"
        ).format(
            name=novel["name"],
            chapters=novel["chapters"],
            paragraphs=novel["paragraphs"],
            characters=novel["characters"],
            vocabulary=novel["vocabulary"],
            longest=novel["longest_paragraph"],
        )
        for held_out in _held_out_lines(novel):
            line = _("{novel}; {held_out}").format(novel=line, held_out=held_out)
        yield line
    if len(novels) > MOST_FILES:
        # Always more than twenty, so that no singular is needed.
        total = _("… {count:,} novels in all").format(count=len(novels))
        yield f"  {total}"


def statistics_lines(meta: Mapping[str, Any]) -> Iterator[str]:
    """Lines for a person about the corpus as a whole, and what may be wrong with its split."""
    figures = meta.get("statistics")
    if figures is not None:
        lengths = figures["paragraph_lengths"]
        yield _(
            "paragraph lengths: half up to {p50:,} characters, 90 % up to {p90:,}, 99 % up to "
            "{p99:,}, the longest {max:,}"
        ).format(**lengths)
        # A person looks for words, not for commas.
        characters = [each for each, _count in figures["frequent_characters"] if each.isalnum()]
        yield _("most frequent characters: {characters}").format(
            characters=" ".join(characters[:_MOST_CHARACTERS])
        )
        words = [each for each, _count in figures.get("frequent_words", [])]
        if words:
            yield _("most frequent words (training part): {words}").format(
                words=" ".join(words[:_MOST_CHARACTERS])
            )
    for warning in find_warnings(meta):
        yield describe_warning(warning)


def describe_warning(warning: Mapping[str, Any]) -> str:
    """A warning of `find_warnings` as a sentence in the language that is shown."""
    if warning["part"] == "valid":
        message = _(
            "warning: only {pairs:,} validation pairs, fewer than {enough}: which weights are kept "
            "is a matter of luck; add text"
        )
    else:
        message = _(
            "warning: only {pairs:,} test pairs, fewer than {enough}: what is measured on them is "
            "a matter of luck; add text"
        )
    return message.format(enough=warning["enough"], pairs=warning["pairs"])


def _held_out_lines(novel: Mapping[str, Any]) -> Iterator[str]:
    """What of a novel is held out, short."""
    if novel["rule"] == NONE:
        return
    held_out = novel["held_out"]
    if not (held_out["valid"] or held_out["test"]):
        yield _("nothing held out")
    elif novel["rule"] in _WHOLE_CHAPTERS:
        yield _("validation: chapters {valid}; test: chapters {test}").format(
            valid=_short_list(held_out["valid"]), test=_short_list(held_out["test"])
        )
    elif not novel["chapters"]:
        yield _("pairs for validation: {valid:,} near the end; for test: the last {test:,}").format(
            **novel["pairs"]
        )
    else:
        # A part of a chapter: how many paragraphs it has tells more than its number.
        yield _(
            "pairs for validation: {valid:,} (chapters {valid_chapters}); for test: {test:,} "
            "(chapters {test_chapters})"
        ).format(
            valid=novel["pairs"]["valid"],
            valid_chapters=_short_list(held_out["valid"]),
            test=novel["pairs"]["test"],
            test_chapters=_short_list(held_out["test"]),
        )


def _short_list(numbers: Sequence[int]) -> str:
    """The first of some numbers, with how many there are where not all are listed."""
    shown = [str(number) for number in numbers[:_MOST_CHAPTERS]]
    if len(numbers) > _MOST_CHAPTERS:
        more = _("… ({count:,} in all)").format(count=len(numbers))
        return f"{join_list(shown)} {more}"
    return join_list(shown)
