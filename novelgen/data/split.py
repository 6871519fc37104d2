"""Which segments are for training, validation and test: the same ones for the same corpus.

Every novel of a corpus is split by itself, so that all of enough text stand in every part. What is
held out of a novel depends neither on the others nor on the order of their files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from novelgen.errors import ConfigError, CorpusError
from novelgen.i18n import N_, _

PARTS = ("train", "valid", "test")
# What `Split.parts` holds: places in PARTS.
TRAIN, VALID, TEST = range(3)

# The rules, as they stand in a store's meta.json: of a novel, or of a corpus that is one.
CHAPTERS = "chapters"
TAIL = "tail"
NONE = "none"
# Of a corpus of several novels.
EACH_NOVEL = "each_novel"
WHOLE_NOVEL = "whole_novel"
# Of one novel among several.
TRAINING_ONLY = "training_only"
ALTERNATING = "alternating"
HALVES = "halves"
DESCRIPTIONS = {
    CHAPTERS: N_("by chapter number (n % 20 == 10 for validation, n % 20 == 0 for test)"),
    TAIL: N_(
        "the last 10 % of all targets (half validation, half test), as there are few chapters"
    ),
    NONE: N_("each part is the whole corpus, which is too small to be split"),
    EACH_NOVEL: N_(
        "each novel by itself: by chapter number (n % 20 == 10 for validation, n % 20 == 0 for "
        "test), or the last 10 % of its targets where it has few chapters"
    ),
    WHOLE_NOVEL: N_(
        "one whole novel is held out, its chapters in turn for validation and test; all others "
        "are for training"
    ),
}

# With fewer targets than this a corpus is not split, and a novel is for training alone.
_FEWEST_TARGETS = 6
_HELD_OUT_SHARE = 0.1

ChapterNumbers = npt.NDArray[np.int32]
Parts = npt.NDArray[np.uint8]


class Split(NamedTuple):
    """The part of every segment, and the rule that decided it.

    Under NONE each part is the whole corpus.
    """

    parts: Parts  # (segments,) TRAIN, VALID or TEST
    rule: str  # a key of DESCRIPTIONS


class NovelsSplit(NamedTuple):
    """The split of a corpus, with the rule of each novel: the corpus's own where it has one rule.

    `novel_rules` is CHAPTERS, TAIL, TRAINING_ONLY, ALTERNATING, HALVES or NONE for each.
    """

    parts: Parts
    rule: str
    novel_rules: tuple[str, ...]


def describe_split(rule: str) -> str:
    """What a rule of DESCRIPTIONS does, for a person; an unknown rule is shown by its name."""
    return _(DESCRIPTIONS.get(rule, rule))


def find_targets(chapters: ChapterNumbers) -> npt.NDArray[np.bool_]:
    """(segments,) bool: the segments that are the target of a pair.

    These are the segments that have another one before them in their chapter.
    """
    is_target = np.zeros(len(chapters), dtype=bool)
    np.equal(chapters[1:], chapters[:-1], out=is_target[1:])
    return is_target


def number_within(
    chapters: ChapterNumbers, starts: Sequence[int], first_numbers: Sequence[int]
) -> ChapterNumbers:
    """(segments,) chapters numbered within their novel, from their numbers in the corpus.

    The novels begin at the segments `starts`, with the chapters `first_numbers`: 0 where text
    stands before the first heading, else 1.
    """
    own: ChapterNumbers = chapters.copy()
    for novel, first_number in zip(novel_slices(starts, len(chapters)), first_numbers, strict=True):
        # A file of which nothing is left is a novel without a segment.
        if novel.start < novel.stop:
            own[novel] += first_number - chapters[novel.start]
    return own


def split(chapters: ChapterNumbers) -> Split:
    """The part of every segment of one novel, from the chapter numbers (segments,) int32.

    Chapter 0 is what stands before the first heading. A pair belongs to the part of its target.
    Raises CorpusError when there is no pair.
    """
    is_target = find_targets(chapters)
    pairs = int(np.count_nonzero(is_target))
    if pairs == 0:
        raise CorpusError(
            _(
                "no chapter has two paragraphs, so there is no pair to learn from; "
                "check the chapter headings"
            )
        )

    # 1. A tiny corpus stays whole.
    parts = np.zeros(len(chapters), dtype=np.uint8)
    if pairs < _FEWEST_TARGETS:
        return Split(parts, NONE)

    # 2. Whole chapters are held out: no source of a held-out pair is known from training.
    place = chapters % 20
    parts[place == 10] = VALID
    parts[(place == 0) & (chapters > 0)] = TEST
    if _has_all_parts(parts, is_target):
        return Split(parts, CHAPTERS)

    # 3. Too few chapters for that: the end of the book, validation before test.
    targets = np.flatnonzero(is_target)
    held_out = max(2, round(pairs * _HELD_OUT_SHARE))
    parts[:] = TRAIN
    parts[targets[-held_out] :] = VALID
    parts[targets[-((held_out + 1) // 2)] :] = TEST
    return Split(parts, TAIL)


def split_novels(
    chapters: ChapterNumbers,
    own_numbers: ChapterNumbers,
    starts: Sequence[int],
    held_out: int | None = None,
) -> NovelsSplit:
    """The part of every segment of a corpus whose novels begin at the segments `starts`.

    chapters, own_numbers: (segments,) int32, the chapters numbered in the corpus and in each novel.
    A corpus of one novel is split by `split`. With `held_out`, the place of a novel in `starts`,
    this one is held out whole instead. Raises CorpusError when there is no pair, ConfigError for a
    novel that cannot be held out.
    """
    if held_out is not None:
        return _hold_out(chapters, starts, held_out)
    whole = split(chapters)
    if len(starts) == 1 or whole.rule == NONE:
        return NovelsSplit(whole.parts, whole.rule, (whole.rule,) * len(starts))

    # 1. Each novel by itself. One that has next to nothing is for training.
    parts = np.zeros(len(chapters), dtype=np.uint8)
    rules = []
    for novel in novel_slices(starts, len(chapters)):
        rule = TRAINING_ONLY
        if np.count_nonzero(find_targets(own_numbers[novel])) >= _FEWEST_TARGETS:
            parts[novel], rule = split(own_numbers[novel])
        rules.append(rule)
    if _has_all_parts(parts, find_targets(chapters)):
        return NovelsSplit(parts, EACH_NOVEL, tuple(rules))

    # 2. Files of a few paragraphs each: only together are they enough to be split.
    return NovelsSplit(whole.parts, whole.rule, (whole.rule,) * len(starts))


def novel_slices(starts: Sequence[int], segments: int) -> list[slice]:
    """The segments of each novel."""
    ends = [*starts[1:], segments]
    return [slice(start, end) for start, end in zip(starts, ends, strict=True)]


def _hold_out(chapters: ChapterNumbers, starts: Sequence[int], held_out: int) -> NovelsSplit:
    """One novel for validation and test, the others for training."""
    is_target = find_targets(chapters)
    parts = np.zeros(len(chapters), dtype=np.uint8)
    novel = novel_slices(starts, len(chapters))[held_out]
    own, own_targets = chapters[novel], np.flatnonzero(is_target[novel])
    if len(own_targets) < 2:
        raise ConfigError(
            _("--hold-out: this novel has fewer than two pairs; hold out one with more text")
        )

    # Chapters that have pairs take turns, so that both parts see the whole of the book.
    with_pairs = np.unique(own[own_targets])
    rule = ALTERNATING
    parts[novel] = np.where(np.searchsorted(with_pairs, own) % 2 == 0, VALID, TEST)
    if len(with_pairs) == 1:
        # One chapter cannot take turns: its first half validates, its second one tests.
        rule = HALVES
        parts[novel] = VALID
        parts[novel][own_targets[len(own_targets) // 2] :] = TEST
    if not _has_all_parts(parts, is_target):
        raise ConfigError(
            _(
                "--hold-out: without this novel there is no pair to train on; name more novels "
                "with --corpus"
            )
        )
    rules = [TRAINING_ONLY] * len(starts)
    rules[held_out] = rule
    return NovelsSplit(parts, WHOLE_NOVEL, tuple(rules))


def _has_all_parts(parts: Parts, is_target: npt.NDArray[np.bool_]) -> bool:
    """Whether every part has a target."""
    return all(np.any(is_target & (parts == part)) for part in (TRAIN, VALID, TEST))
