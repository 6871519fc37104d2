"""What goes wrong in written texts, counted by rules that are told beside the counts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from novelgen.evaluation.text import repeated
from novelgen.text.marks import ends_a_sentence, has_unpaired_marks

# A text with a larger share of repeated 4-grams turns in circles.
LOOP_SHARE = 0.2
# A text is short when it has fewer characters than this share of the true paragraph, and few.
SHORT_SHARE = 0.25
SHORT_LENGTH = 15


class WrittenText(NamedTuple):
    """A text that a model wrote from a source, and the paragraph that truly follows it."""

    source: str
    target: str
    text: str
    finished: bool  # ended by itself


@dataclass(frozen=True)
class Failure:
    """A kind of failure: how many texts have it, and which ones, by their places."""

    name: str
    places: Sequence[int]


def is_looping(text: WrittenText) -> bool:
    """More than LOOP_SHARE of its 4-grams stood in it before."""
    return repeated([text.text]) > LOOP_SHARE


def has_broken_quotation(text: WrittenText) -> bool:
    """A quotation mark or a bracket that is never closed, never opened, or crossed."""
    return has_unpaired_marks(text.text)


def ends_early(text: WrittenText) -> bool:
    """It ended by itself, with less than SHORT_LENGTH characters and a SHORT_SHARE of the truth."""
    short = min(SHORT_LENGTH, SHORT_SHARE * len(text.target))
    return text.finished and len(text.text) < short


def breaks_off(text: WrittenText) -> bool:
    """It did not end by itself, or not with the end of a sentence."""
    return not text.finished or not ends_a_sentence(text.text)


RULES: Mapping[str, Callable[[WrittenText], bool]] = {
    "loop": is_looping,
    "quotation": has_broken_quotation,
    "early": ends_early,
    "broken_off": breaks_off,
}


def count_failures(
    texts: Sequence[WrittenText], vocabulary: Collection[str] = (), names: Collection[str] = ()
) -> list[Failure]:
    """Every kind of failure with the places of its texts, in the order of RULES.

    With the characters of a `vocabulary`, "bytes" follows: a text with a character that is not in
    it, so that the model spelled it. With `names`, those of the novel's people, "names" comes last:
    a text that names somebody, but nobody of those whom its source names.
    """
    rules = dict(RULES)
    if vocabulary:
        rules["bytes"] = lambda text: any(character not in vocabulary for character in text.text)
    if names:
        rules["names"] = lambda text: _changes_names(text, names)
    return [
        Failure(name, [place for place, text in enumerate(texts) if rule(text)])
        for name, rule in rules.items()
    ]


def _changes_names(text: WrittenText, names: Collection[str]) -> bool:
    before = {name for name in names if name in text.source}
    now = {name for name in names if name in text.text}
    return bool(before and now) and not before & now
