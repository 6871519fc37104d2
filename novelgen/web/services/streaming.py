"""Runs the model for the page: a request becomes a stream of snapshots of the growing text.

Nothing here knows of Gradio. The snapshots come at a rate that the eye can follow.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeAlias

from novelgen.attribution.pinned import with_pinned_attention
from novelgen.config import DecodingConfig
from novelgen.data.tasks import trained_task
from novelgen.decoding.generator import Generation, Generator, Paragraph
from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.web import limits
from novelgen.web.services.model_registry import LoadedModel, ModelRegistry

# Tokens that a paragraph may at least grow by when it is continued from one of its characters.
_MIN_CONTINUATION = 100
# Seconds between two snapshots without text. That a visitor has left or pressed Stop is noticed
# only at a snapshot.
_MAX_SILENCE = 0.5

# The snapshots of one request. Closing it stops the model, so it is no mere iterator.
ResultStream: TypeAlias = "collections.abc.Generator[GenerationResult, None, None]"
# Returns seconds since any moment.
Clock: TypeAlias = Callable[[], float]


@dataclass(frozen=True)
class GenerationResult:
    """What a request has generated, complete or as far as it has come."""

    run: str
    # Which weights of the run: the number of a LoadedModel.
    weights: int
    # The text that it continues.
    manuscript: str
    # Fields of DecodingConfig, as asked for. The seeds that were used are in the generations.
    options: Mapping[str, Any]
    # One, or all candidates.
    generations: tuple[Generation, ...]
    # Since the request was started.
    seconds: float
    device: str
    finished: bool
    # Characters of all candidates that this request did not generate: kept paragraphs, openings.
    given_characters: int = 0

    @property
    def characters(self) -> int:
        """Number of characters so far, all candidates together."""
        return sum(
            len(paragraph.text)
            for generation in self.generations
            for paragraph in generation.paragraphs
        )

    @property
    def speed(self) -> float:
        """Generated characters a second; 0 where the model has generated none."""
        if not self.seconds:
            return 0.0
        return max(self.characters - self.given_characters, 0) / self.seconds


def write(
    registry: ModelRegistry,
    run: str | None,
    manuscript: str,
    options: Mapping[str, Any],
    clock: Clock = time.monotonic,
) -> ResultStream:
    """Continues `manuscript` and yields snapshots; closing the stream stops the model.

    The first comes with the first character, then at most `limits.UPDATES_A_SECOND` by `clock`, and
    the complete result at the end. Raises NovelgenError as Generator.stream and
    ModelRegistry.generator do, and ConfigError for an opening that is too long.
    """
    opening = options.get("prefix", "")
    if len(opening) > limits.OPENING:
        raise ConfigError(
            _(
                "--prefix has {count:,} characters, at most {limit:,} are allowed; shorten it"
            ).format(count=len(opening), limit=limits.OPENING)
        )
    return _stream(registry, run, manuscript, options, (), clock)


def generator_of(registry: ModelRegistry, result: GenerationResult) -> Generator:
    """The model that generated `result`, with the weights that it had then.

    Raises CheckpointError when the run is gone, or its weights were replaced and forgotten.
    """
    return registry.generator_with(result.run, result.weights)


def write_instead(
    registry: ModelRegistry,
    result: GenerationResult,
    manuscript: str,
    options: Mapping[str, Any],
    clock: Clock = time.monotonic,
) -> ResultStream:
    """Continues another manuscript with the weights that wrote `result`; as `write` else."""
    model = LoadedModel(result.weights, generator_of(registry, result))
    return _stream(registry, result.run, manuscript, options, (), clock, model)


def write_from(
    registry: ModelRegistry,
    result: GenerationResult,
    candidate: int,
    paragraph: int,
    opening: str,
    clock: Clock = time.monotonic,
    pins: Mapping[int, Sequence[float]] | None = None,
) -> ResultStream:
    """Writes a paragraph of a candidate again, beginning with `opening`, with the same weights.

    The candidate's paragraphs before it are kept. A paragraph that has reached its maximum length
    is allowed to grow further. `pins` are rows of attention that are given, by step. Raises
    ConfigError when `opening` alone is longer than any paragraph may be, or for pins that do not
    fit, and CheckpointError as `generator_of` does.
    """
    generation = result.generations[candidate]
    generator = generator_of(registry, result)
    tokens = len(generator.tokenizer.encode(opening))
    if tokens >= limits.LENGTH:
        raise ConfigError(
            _(
                "the paragraph already has {count:,} tokens up to here, and {limit:,} is the "
                "limit; go on from an earlier character"
            ).format(count=tokens, limit=limits.LENGTH)
        )
    asked_length = result.options.get("max_length", DecodingConfig.max_length)
    needed_length = min(tokens + _MIN_CONTINUATION, limits.LENGTH)
    options = {
        **result.options,
        "prefix": opening,
        "paragraphs": 1,
        "num_samples": 1,
        "seed": generation.seed,
        "max_length": max(asked_length, needed_length),
    }
    if pins:
        generator = with_pinned_attention(generator, pins)
    model = LoadedModel(result.weights, generator)
    kept = generation.paragraphs[:paragraph]
    return _stream(registry, result.run, result.manuscript, options, kept, clock, model)


def _stream(
    registry: ModelRegistry,
    run: str | None,
    manuscript: str,
    options: Mapping[str, Any],
    kept: Sequence[Paragraph],
    clock: Clock,
    model: LoadedModel | None = None,
) -> ResultStream:
    """Snapshots of what continues the manuscript and the paragraphs `kept`.

    By `model`, or the newest weights of the run.
    """
    # 1. The model, and the text that it reads.
    began = clock()
    if model is None:
        model = registry.newest_model(run)
    generator, weights = model.generator, model.weights
    assert run is not None  # which the registry has refused
    is_backwards = trained_task(generator.config.data, options.get("task")) == "previous"
    texts = [paragraph.text for paragraph in kept]
    prompt, notes = _prompt(manuscript, texts, is_backwards)
    if not registry.is_validated(run):
        notes.append(
            _(
                "this model was never validated, so it may write noise; train it longer, or choose"
                " another one"
            )
        )
    given_characters = sum(map(len, texts)) + len(options.get("prefix", ""))
    # 2. A snapshot when there is text, and now and then while there is none.
    last_snapshot = -1.0
    pause = 1 / limits.UPDATES_A_SECOND
    candidates = generator.stream_candidates(prompt, pause=pause, clock=clock, **options)
    with closing(candidates) as stream:
        for generations in stream:
            seconds = clock() - began
            finished = generations[0].finished
            has_text = any(generation.text for generation in generations)
            if not (finished or has_text or seconds - last_snapshot >= _MAX_SILENCE):
                continue
            last_snapshot = seconds
            yield GenerationResult(
                run=run,
                weights=weights,
                manuscript=manuscript,
                options=options,
                generations=tuple(_with_kept(each, kept, notes) for each in generations),
                seconds=seconds,
                device=generator.device.type,
                finished=finished,
                given_characters=given_characters * len(generations),
            )


def _with_kept(
    generation: Generation, kept: Sequence[Paragraph], notes: Sequence[str]
) -> Generation:
    """The generation with the kept paragraphs and the notes of the request before its own."""
    return dataclasses.replace(
        generation,
        paragraphs=[*kept, *generation.paragraphs],
        notes=[*notes, *generation.notes],
    )


def _prompt(manuscript: str, kept: Sequence[str], is_backwards: bool) -> tuple[str, list[str]]:
    """The text for the model, at most `limits.PROMPT` characters, and a note where it was cut.

    Of a longer text the end is used; its beginning where the model writes backwards.
    """
    paragraphs = [manuscript, *kept]
    if is_backwards:
        paragraphs = [*reversed(kept), manuscript]
    text = "\n".join(paragraphs)
    if len(text) <= limits.PROMPT:
        return text, []
    if is_backwards:
        note = _("only the first {count:,} characters are used").format(count=limits.PROMPT)
        return text[: limits.PROMPT], [note]
    note = _("only the last {count:,} characters are used").format(count=limits.PROMPT)
    return text[-limits.PROMPT :], [note]
