"""One run of a comparison: how it was trained, how well it predicts, what it writes."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from novelgen.config import NO_INIT
from novelgen.decoding.generator import Generator
from novelgen.evaluation.groups import LengthClass, by_length
from novelgen.evaluation.pair_losses import Interval, PairLosses, bootstrap, pair_losses
from novelgen.evaluation.sweep import SEED, Setting, held_out_texts, sweep
from novelgen.evaluation.writing import spread
from novelgen.training.checkpoint import Run
from novelgen.training.journal import read_metrics
from novelgen.training.run_directory import RunDirectory
from novelgen.training.stores import Data, data_of_run
from novelgen.training.validation import affordable_characters, sample_size

_PROMPTS = 3
_DIGITS = 4  # of the bits of a pair that are kept


class ValidationPoint(NamedTuple):
    """A validation, and what had been spent by then."""

    minutes: float
    characters: int  # of targets, seen in training
    bpc: float


@dataclass(frozen=True)
class Result:
    """One row of the table; what is not known, or was not reached, is None or empty."""

    name: str
    model: str
    tokenizer: str
    seed: int
    error: str | None = None  # why there is nothing more
    began_trained: bool = False  # whether its first weights were those of another run
    parameters: int | None = None
    steps: int | None = None
    minutes: float | None = None  # of training, validations included
    characters_per_second: float | None = None  # of training, validations not included
    best_step: int | None = None  # of the weights that were kept and measured
    validation_bpc: float | None = None
    validation_is_sample: bool = False  # whether it is that of some of the pairs
    test_bpc: float | None = None
    test_is_sample: bool = False
    held_out: str | None = None  # a hash of the texts that test_bpc is about
    prediction: dict[str, Any] = field(default_factory=dict)  # of `PairLosses.figures`
    # −log₂ p of every measured pair, and the characters of its target, in the order of the text.
    pair_bits: list[float] = field(default_factory=list)
    pair_characters: list[int] = field(default_factory=list)
    writing: dict[str, float] = field(default_factory=dict)  # of `Measures.known`
    continuations: list[str] = field(default_factory=list)  # of the comparison's prompts
    by_length: list[LengthClass] = field(default_factory=list)
    curve: list[ValidationPoint] = field(default_factory=list)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Result:
        """The inverse of `dataclasses.asdict`, by way of JSON."""
        by_length = [LengthClass(*each) for each in data["by_length"]]
        points = [ValidationPoint(*each) for each in data["curve"]]
        return cls(**{**data, "by_length": by_length, "curve": points})


class Difference(NamedTuple):
    """How much more bits per character a run needs than another one, on the same held-out text."""

    bpc: float
    interval: Interval  # with 95 %, by a paired bootstrap over the pairs

    @property
    def is_shown(self) -> bool:
        """Whether the interval excludes 0."""
        return self.interval.low > 0 or self.interval.high < 0


def difference(result: Result, other: Result) -> Difference | None:
    """The BPC of a run less that of another; None where they have no held-out text in common.

    Both are resampled together: pairs that are hard for every model do not widen the interval.
    """
    if not result.pair_bits or result.held_out != other.held_out:
        return None
    if result.pair_characters != other.pair_characters:
        return None
    more = np.array(result.pair_bits) - np.array(other.pair_bits)
    characters = np.array(result.pair_characters)
    return Difference(float(more.sum() / characters.sum()), bootstrap(more, characters))


def prompts_of(data: Data) -> list[str]:
    """Three sources spread over the test part; the same texts whatever the tokenizer."""
    pairs = data.pairs("test")
    places = spread(pairs, _PROMPTS)
    texts = pairs.texts(places, data.tokenizer, data.source_tokenizer)
    return [source for source, _ in texts]


def affordable_pairs(directory: Path) -> int:
    """How many test pairs are worth measuring after the training that a run had."""
    pairs = data_of_run(directory, RunDirectory(directory).load_info()).pairs("test")
    records = read_metrics(RunDirectory(directory).metrics)
    trained = max((record.get("characters", 0) for record in records), default=0)
    characters = int(pairs.target_characters.sum())
    return sample_size(len(pairs), characters, affordable_characters(trained))


def result_of(
    run: Run,
    name: str,
    prompts: Sequence[str],
    paragraphs: int,
    test_pairs: int | None = None,
    losses: PairLosses | None = None,
) -> Result:
    """Measures an open run on the test part of its corpus, in its main task.

    With `test_pairs` on a sample of so many pairs, always the same ones; `losses` are theirs where
    they were measured before. So many `paragraphs` are written and measured, and the prompts
    continued. Raises CheckpointError when its data is gone.
    """
    # 1. How well it predicts, by the length of the source.
    data = data_of_run(run.directory.path, run.info)
    pairs = data.pairs("test")
    measured = pairs.sample(len(pairs) if test_pairs is None else test_pairs)
    texts = measured.texts(range(len(measured)), run.tokenizer, run.source_tokenizer)
    lengths = np.array([len(source.replace("\n", "")) for source, _ in texts])
    if losses is None:
        batch_tokens = run.config.training.evaluation_tokens
        losses = pair_losses(run.model, measured, batch_tokens=batch_tokens, device=run.device)

    # 2. What it writes.
    generator = Generator.of(run, "float32")
    writing = {}
    if paragraphs:
        prompted = held_out_texts(generator, pairs, paragraphs)
        [row] = sweep(generator, prompted, [Setting("", {})], data.passages())
        writing = row.measures.known()
    continuations = [generator.generate(prompt, seed=SEED).text for prompt in prompts]

    # 3. How it was trained.
    records = read_metrics(run.directory.metrics)
    spent = timed(records)
    steps = [record["step"] for record in records if "loss" in record]
    best = run.info.get("best") or {}
    return Result(
        name,
        run.config.model.model,
        run.config.data.tokenizer,
        run.config.training.seed,
        began_trained=run.config.training.init != NO_INIT,
        parameters=sum(parameter.numel() for parameter in run.model.parameters()),
        steps=steps[-1] if steps else None,
        minutes=spent[-1]["seconds"] / 60 if spent else None,
        characters_per_second=speed(records),
        best_step=best.get("step"),
        validation_bpc=best.get("validation_bpc"),
        validation_is_sample=best.get("is_sample", False),
        test_bpc=losses.bits_per_character,
        test_is_sample=len(measured) < len(pairs),
        held_out=_hash(target for _, target in texts),
        prediction=losses.figures(),
        pair_bits=np.round(losses.nll / math.log(2), _DIGITS).tolist(),
        pair_characters=losses.character_counts.tolist(),
        writing=writing,
        continuations=continuations,
        by_length=by_length(losses, lengths),
        curve=curve(records),
    )


def timed(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records of steps and validations: that of an alarm has no time."""
    return [record for record in records if "seconds" in record]


def speed(records: Sequence[dict[str, Any]]) -> float | None:
    """Target characters a second over all training steps; None without any.

    `records` are those of metrics.jsonl.
    """
    characters = 0
    seconds = 0.0
    seen = 0  # characters of all steps so far
    # A record's time is when its step began: the step took until the record behind it, which is
    # the validation's where there was one.
    for record, following in itertools.pairwise(timed(records)):
        if "loss" in record:
            seconds += following["seconds"] - record["seconds"]
            characters += record["characters"] - seen
            seen = record["characters"]
    if seconds <= 0:
        return None
    return characters / seconds


def curve(records: Sequence[dict[str, Any]]) -> list[ValidationPoint]:
    """The validations of a metrics.jsonl; those that are no finite number are left out."""
    characters = {record["step"]: record["characters"] for record in records if "loss" in record}
    points = []
    for record in records:
        bpc = record.get("validation_bpc", np.nan)
        if np.isfinite(bpc) and record["step"] in characters:
            minutes = record["seconds"] / 60
            points.append(ValidationPoint(minutes, characters[record["step"]], bpc))
    return points


def _hash(texts: Iterable[str]) -> str:
    """Tells whether two runs were measured on the same texts."""
    return hashlib.blake2b("\n".join(texts).encode(), digest_size=10).hexdigest()
