"""What the page writes: requests to a Generator as a stream of snapshots, at the pace of the eye."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from novelgen.decoding.generator import Generation, Paragraph
from novelgen.web import limits
from novelgen.web.runs import Shelf

_SILENCE = 0.5  # seconds between snapshots without text: who is gone or has pressed stop is noticed at a snapshot only


@dataclass(frozen=True)
class Written:
    """What was last written in a session, complete or as far as it has come."""

    run: str  # by whom
    manuscript: str  # after what
    options: Mapping[str, Any]  # fields of DecodingConfig, as asked for; the seed that was used is in the generations
    generations: tuple[Generation, ...]  # one, or the candidates
    seconds: float  # since the request was begun
    device: str
    finished: bool

    @property
    def characters(self) -> int:
        """Written so far, all candidates together."""
        return sum(len(paragraph.text) for generation in self.generations for paragraph in generation.paragraphs)


def write(shelf: Shelf, run: str | None, manuscript: str, options: Mapping[str, Any]) -> Iterator[Written]:
    """Writes on from the end of `manuscript` and yields what there is: the first character at once, then at most
    `limits.UPDATES_A_SECOND`, and the whole at the end.

    Raises NovelgenError as Generator.stream and Shelf.generator do. Closing the iterator stops the writing.
    """
    return _write(shelf, run, manuscript, options, ())


def write_from(shelf: Shelf, written: Written, candidate: int, paragraph: int, opening: str) -> Iterator[Written]:
    """Writes a paragraph of a candidate anew, so that it begins with `opening`; what stood before it stays."""
    kept = written.generations[candidate].paragraphs[:paragraph]
    seed = written.generations[candidate].seed
    options = {**written.options, "prefix": opening, "paragraphs": 1, "num_samples": 1, "seed": seed}
    return _write(shelf, written.run, written.manuscript, options, kept)


def _write(shelf: Shelf, run: str | None, manuscript: str, options: Mapping[str, Any], kept: Sequence[Paragraph],
           ) -> Iterator[Written]:
    began = time.monotonic()
    generator = shelf.generator(run)
    prompt = "\n".join([manuscript, *(paragraph.text for paragraph in kept)])
    cut = len(prompt) - limits.PROMPT
    notes = [f"只用最后 {limits.PROMPT:,} 字 | only the last {limits.PROMPT:,} characters are used"] if cut > 0 else []
    shown = -1.0
    with closing(generator.stream_candidates(prompt[max(cut, 0):], pause=1 / limits.UPDATES_A_SECOND, **options)) as stream:
        for generations in stream:
            seconds, finished = time.monotonic() - began, generations[0].finished
            if finished or any(each.text for each in generations) or seconds - shown >= _SILENCE:
                shown = seconds
                whole = tuple(dataclasses.replace(each, paragraphs=[*kept, *each.paragraphs], notes=[*notes, *each.notes])
                              for each in generations)
                yield Written(run, manuscript, options, whole, seconds, generator.device.type, finished)
