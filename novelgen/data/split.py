"""Which segments are for training, validation and test: the same ones for the same corpus."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from novelgen.errors import CorpusError
from novelgen.i18n import N_, _

PARTS = ("train", "valid", "test")
# What `Split.parts` holds: places in PARTS.
TRAIN, VALID, TEST = range(3)

# The rules, as they stand in a store's meta.json.
CHAPTERS = "chapters"
TAIL = "tail"
NONE = "none"
DESCRIPTIONS = {
    CHAPTERS: N_("by chapter number (n % 20 == 10 for validation, n % 20 == 0 for test)"),
    TAIL: N_(
        "the last 10 % of all targets (half validation, half test), as there are few chapters"
    ),
    NONE: N_("each part is the whole corpus, which is too small to be split"),
}

# With fewer targets than this a corpus is not split.
_FEWEST_TARGETS = 6
_HELD_OUT_SHARE = 0.1

ChapterNumbers = npt.NDArray[np.int32]


class Split(NamedTuple):
    """The part of every segment, and the rule that decided it.

    Under NONE each part is the whole corpus.
    """

    parts: npt.NDArray[np.uint8]  # (segments,) TRAIN, VALID or TEST
    rule: str  # a key of DESCRIPTIONS


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


def split(chapters: ChapterNumbers) -> Split:
    """The part of every segment, from the chapter numbers (segments,) int32.

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
    if all(np.any(is_target & (parts == part)) for part in (TRAIN, VALID, TEST)):
        return Split(parts, CHAPTERS)

    # 3. Too few chapters for that: the end of the book, validation before test.
    targets = np.flatnonzero(is_target)
    held_out = max(2, round(pairs * _HELD_OUT_SHARE))
    parts[:] = TRAIN
    parts[targets[-held_out] :] = VALID
    parts[targets[-((held_out + 1) // 2)] :] = TEST
    return Split(parts, TAIL)
