"""What the page writes: requests to a Generator as a stream of snapshots, at the pace of the eye."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from novelgen.config import DecodingConfig
from novelgen.data.tasks import trained_task
from novelgen.decoding.generator import Generation, Generator, Paragraph
from novelgen.errors import CheckpointError, ConfigError
from novelgen.web import limits
from novelgen.web.model_registry import ModelRegistry

_FURTHER = 100  # tokens that a paragraph may at least go on for when it is written on from one of its characters
_SILENCE = 0.5  # seconds between snapshots without text: who is gone or has pressed stop is noticed at a snapshot only


@dataclass(frozen=True)
class GenerationResult:
    """What was last written in a session, complete or as far as it has come."""

    run: str  # by whom
    weights: int  # and by which of its weights, as ModelRegistry.weights tells
    manuscript: str  # after what
    options: Mapping[
        str, Any
    ]  # fields of DecodingConfig, as asked for; the seed that was used is in the generations
    generations: tuple[Generation, ...]  # one, or the candidates
    seconds: float  # since the request was begun
    device: str
    finished: bool
    given: int = (
        0  # characters of all candidates that were there before: paragraphs that stayed, openings
    )

    @property
    def characters(self) -> int:
        """Written so far, all candidates together."""
        return sum(
            len(paragraph.text)
            for generation in self.generations
            for paragraph in generation.paragraphs
        )

    @property
    def speed(self) -> float:
        """Characters a second that the model has written; 0 where it has written none."""
        return max(self.characters - self.given, 0) / self.seconds if self.seconds else 0.0


def write(
    shelf: ModelRegistry, run: str | None, manuscript: str, options: Mapping[str, Any]
) -> Iterator[GenerationResult]:
    """Writes on from the end of `manuscript` and yields what there is: the first character at once, then at most
    `limits.UPDATES_A_SECOND`, and the whole at the end.

    Raises NovelgenError as Generator.stream and ModelRegistry.generator do, and for an opening that is too long. Closing the iterator
    stops the writing.
    """
    opening = options.get("prefix", "")
    if len(opening) > limits.OPENING:
        raise ConfigError(
            f"--prefix 有 {len(opening):,} 字，至多 {limits.OPENING:,}；请缩短 | it has {len(opening):,} characters, at most "
            f"{limits.OPENING:,} are allowed; shorten it"
        )
    return _write(shelf, run, manuscript, options, ())


def writer(shelf: ModelRegistry, written: GenerationResult) -> Generator:
    """The model that has written it. Raises CheckpointError when it is gone, or another one goes by its name now."""
    generator = shelf.generator(written.run)
    if shelf.weights(written.run) != written.weights:
        raise CheckpointError(
            f"{written.run}：模型在这段写好之后换过了；请重写一段 | the model has changed since this paragraph was "
            "written; write another one"
        )
    return generator


def write_from(
    shelf: ModelRegistry, written: GenerationResult, candidate: int, paragraph: int, opening: str
) -> Iterator[GenerationResult]:
    """Writes a paragraph of a candidate anew, so that it begins with `opening`; what stood before it stays.

    A paragraph that was as long as it may be goes on for a while nevertheless. Raises ConfigError when the opening itself is as
    long as any paragraph may be.
    """
    kept, seed = (
        written.generations[candidate].paragraphs[:paragraph],
        written.generations[candidate].seed,
    )
    tokens = len(writer(shelf, written).tokenizer.encode(opening))
    if tokens >= limits.LENGTH:
        raise ConfigError(
            f"这一段到这里已有 {tokens:,} 个词元，而一段最多 {limits.LENGTH:,} 个；请从更前面的字接着写 | the paragraph has "
            f"{tokens:,} tokens up to here, and {limits.LENGTH:,} is the most; go on from an earlier character"
        )
    longest = max(
        written.options.get("max_length", DecodingConfig.max_length),
        min(tokens + _FURTHER, limits.LENGTH),
    )
    options = {
        **written.options,
        "prefix": opening,
        "paragraphs": 1,
        "num_samples": 1,
        "seed": seed,
        "max_length": longest,
    }
    return _write(shelf, written.run, written.manuscript, options, kept)


def _write(
    shelf: ModelRegistry,
    run: str | None,
    manuscript: str,
    options: Mapping[str, Any],
    kept: Sequence[Paragraph],
) -> Iterator[GenerationResult]:
    began = time.monotonic()
    generator, weights = shelf.generator(run), shelf.weights(run)
    is_backwards = trained_task(generator.config.data, options.get("task")) == "previous"
    prompt, notes = _prompt(manuscript, [paragraph.text for paragraph in kept], is_backwards)
    given, shown = (
        sum(len(paragraph.text) for paragraph in kept) + len(options.get("prefix", "")),
        -1.0,
    )
    with closing(
        generator.stream_candidates(prompt, pause=1 / limits.UPDATES_A_SECOND, **options)
    ) as stream:
        for generations in stream:
            seconds, finished = time.monotonic() - began, generations[0].finished
            if finished or any(each.text for each in generations) or seconds - shown >= _SILENCE:
                shown = seconds
                whole = tuple(
                    dataclasses.replace(
                        each, paragraphs=[*kept, *each.paragraphs], notes=[*notes, *each.notes]
                    )
                    for each in generations
                )
                yield GenerationResult(
                    run,
                    weights,
                    manuscript,
                    options,
                    whole,
                    seconds,
                    generator.device.type,
                    finished,
                    given * len(whole),
                )


def _prompt(manuscript: str, kept: Sequence[str], is_backwards: bool) -> tuple[str, list[str]]:
    """The text to write on from, as much of it as may be used, and a note where that is not all; backwards its beginning counts."""
    paragraphs = [*reversed(kept), manuscript] if is_backwards else [manuscript, *kept]
    prompt = "\n".join(paragraphs)
    if len(prompt) <= limits.PROMPT:
        return prompt, []
    if is_backwards:
        return prompt[: limits.PROMPT], [
            f"只用最前 {limits.PROMPT:,} 字 | only the first {limits.PROMPT:,} characters are used"
        ]
    return prompt[-limits.PROMPT :], [
        f"只用最后 {limits.PROMPT:,} 字 | only the last {limits.PROMPT:,} characters are used"
    ]
