"""Which segments are for training, validation and test: always the same ones for the same corpus."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from novelgen.errors import CorpusError

PARTS = ("train", "valid", "test")
TRAIN, VALID, TEST = range(3)
_FEWEST_TARGETS = 6
_HELD_OUT_SHARE = 0.1

CHAPTERS = "chapters"
TAIL = "tail"
NONE = "none"
DESCRIPTIONS = {
    CHAPTERS: "按章：章号除以 20 余 10 的验证，能整除的测试 | by chapter: n % 20 == 10 valid, n % 20 == 0 test",
    TAIL: "章数不够，留最后一成的目标段，验证、测试各半 | too few chapters: the last 10 % of targets, half and half",
    NONE: "语料太小，不划分，三部分都是全书 | too small a corpus to split: each part is the whole of it",
}


class Split(NamedTuple):
    """parts (segments,) uint8: TRAIN, VALID or TEST; rule: a key of DESCRIPTIONS, with NONE each part is everything."""

    parts: np.ndarray
    rule: str


def find_targets(chapters: np.ndarray) -> np.ndarray:
    """(segments,) bool: which segments have one before them in their chapter, and so are the target of a pair."""
    is_target = np.zeros(len(chapters), dtype=bool)
    np.equal(chapters[1:], chapters[:-1], out=is_target[1:])
    return is_target


def split(chapters: np.ndarray) -> Split:
    """The part of every segment, from the chapter numbers (segments,) int32, where 0 stands before the first heading.

    A pair belongs to the part of its target. Raises CorpusError when there is no pair.
    """
    is_target = find_targets(chapters)
    pairs = int(np.count_nonzero(is_target))
    if pairs == 0:
        raise CorpusError(
            "每章只有一段，没有相邻的两段可学；请检查章节标题 | no chapter has two paragraphs, so "
            "there is no pair to learn from; check the headings"
        )
    parts = np.zeros(len(chapters), dtype=np.uint8)
    if pairs < _FEWEST_TARGETS:
        return Split(parts, NONE)
    place = chapters % 20
    parts[place == 10] = VALID
    parts[(place == 0) & (chapters > 0)] = TEST
    if all(np.any(is_target & (parts == part)) for part in (TRAIN, VALID, TEST)):
        return Split(parts, CHAPTERS)
    targets = np.flatnonzero(is_target)
    held_out = max(2, round(pairs * _HELD_OUT_SHARE))
    parts[:] = TRAIN
    parts[targets[-held_out] :] = VALID
    parts[targets[-((held_out + 1) // 2)] :] = TEST
    return Split(parts, TAIL)
