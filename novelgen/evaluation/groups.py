"""BPC by groups of pairs: by novel, by chapter, by the length of the source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from novelgen.data.pairs import Pairs
from novelgen.data.store import Store
from novelgen.evaluation.pair_losses import Interval, PairLosses
from novelgen.i18n import _

# The longest source of each class, in characters; the last class is open.
_EDGES = (10, 20, 40, 60, 80, 100, 150, 200, 400)


class Group(NamedTuple):
    """Some of the pairs."""

    name: str
    pairs: int
    characters: int  # of the targets
    bits_per_character: float
    interval: Interval | None  # of the BPC; None of a single pair


class LengthClass(NamedTuple):
    """The test pairs with a source of `shortest` to `longest` characters; None: of any length."""

    shortest: int
    longest: int | None
    pairs: int
    characters: int  # of the targets
    bpc: float

    @property
    def label(self) -> str:
        """The class as a person reads it: "11–20", or "≥ 401" for the last."""
        return length_label(self.shortest, self.longest)


def length_label(shortest: int, longest: int | None) -> str:
    """A class of lengths as a person reads it: "11–20", or "≥ 401" for the last."""
    return f"{shortest}–{longest}" if longest else f"≥ {shortest}"


def by_length(losses: PairLosses, lengths: npt.NDArray[np.int64]) -> list[LengthClass]:
    """BPC by the length of the source, (n,) characters, in classes that hold a pair."""
    places = _class_places(lengths)
    classes = []
    for place, (shortest, longest) in enumerate(_classes()):
        chosen = losses.subset(places == place)
        if len(chosen):
            bpc = chosen.bits_per_character
            found = LengthClass(shortest, longest, chosen.pairs, chosen.characters, bpc)
            classes.append(found)
    return classes


def _classes() -> list[tuple[int, int | None]]:
    """The shortest and the longest source of each class."""
    return [
        (before + 1, longest) for before, longest in zip((0, *_EDGES), (*_EDGES, None), strict=True)
    ]


def _class_places(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The class of each length (n,)."""
    places: npt.NDArray[np.int64] = np.searchsorted(_EDGES, lengths)
    return places


def grouped(losses: PairLosses, places: npt.NDArray[np.int64], names: Sequence[str]) -> list[Group]:
    """The groups that hold a pair, in the order of `names`; places (n,) says where each pair is."""
    groups = []
    for place, name in enumerate(names):
        chosen = losses.subset(places == place)
        if not len(chosen):
            continue
        interval = chosen.bits_per_character_interval if len(chosen) > 1 else None
        figures = (chosen.pairs, chosen.characters, chosen.bits_per_character, interval)
        groups.append(Group(name, *figures))
    return groups


def length_places(lengths: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], list[str]]:
    """The class of each source's length (n,), in characters, and the names of all classes."""
    return _class_places(lengths), [length_label(*each) for each in _classes()]


def novel_places(store: Store, pairs: Pairs) -> tuple[npt.NDArray[np.int64], list[str]]:
    """The novel of each target (n,), and the names of all novels."""
    novels = store.meta.get("novels", [])
    ends = np.cumsum([novel["segments"] for novel in novels])
    places: npt.NDArray[np.int64] = np.searchsorted(ends, _segments(store, pairs), side="right")
    return places, [novel["name"] for novel in novels]


def chapter_places(store: Store, pairs: Pairs) -> tuple[npt.NDArray[np.int64], list[str]]:
    """The chapter of each target (n,), and the names of the chapters that there are."""
    novels, novel_names = novel_places(store, pairs)
    numbers = store.chapters[_segments(store, pairs)].astype(np.int64)
    titles = store.meta.get("import", {}).get("titles", [])
    # What stands before the first heading of each novel has the number of no chapter.
    found = np.stack([novels, numbers], axis=1)  # (n, 2)
    chapters, places = np.unique(found, axis=0, return_inverse=True)
    names = []
    for novel, number in chapters.tolist():
        name = _("before the first heading")
        if 0 < number <= len(titles):
            name = " ".join(titles[number - 1].split())
        elif number:
            name = _("chapter {number}").format(number=number)
        if len(novel_names) > 1:
            name = _("{novel}: {chapter}").format(novel=novel_names[novel], chapter=name)
        names.append(name)
    return places.reshape(-1), names


def _segments(store: Store, pairs: Pairs) -> npt.NDArray[np.int64]:
    """The segment of each target (n,)."""
    found: npt.NDArray[np.int64] = np.searchsorted(store.offsets, pairs.target_starts, side="right")
    return found - 1
