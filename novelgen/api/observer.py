"""What a run shows of itself after a validation: a sample of its writing, and its curves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import cast

import torch
from torch import nn

from novelgen.attribution.forced import teacher_forced
from novelgen.config import Config
from novelgen.data.pairs import Pairs
from novelgen.decoding.generator import Generator
from novelgen.decoding.protocol import ReadoutModel
from novelgen.evaluation.attention import heaviest_share
from novelgen.evaluation.writing import spread
from novelgen.i18n import _
from novelgen.report.curves import draw_curves
from novelgen.training.alarms import Alarm, stuck_attention
from novelgen.training.checkpoint import load_run
from novelgen.training.journal import read_metrics
from novelgen.training.results import Validation
from novelgen.training.run_directory import RunDirectory
from novelgen.training.stores import Data, data_of_run

# The same for every validation, so that samples differ by the weights alone.
_SEED = 1
# Pairs whose attention is looked at, and tokens in the shortest source of one.
_ATTENTION_PAIRS = 8
_SHORTEST_SOURCE = 10


class Observer:
    """Writes samples.md and loss.png of a run; called after every validation."""

    def __init__(
        self, run: RunDirectory, config: Config, data: Data, valid: Pairs, device: torch.device
    ) -> None:
        self._run = run
        self._config = config
        self._data = data
        self._valid = valid
        self._device = device

    def __call__(self, model: nn.Module, validation: Validation) -> list[Alarm]:
        """Adds a sample of each task to samples.md and draws the curves; returns alarms."""
        # 1. A text for each task; where there are several, its name stands before it.
        prompt = _prompts(self._data, self._valid, 1)[0]
        generator = Generator(
            # A module's attributes are untyped: mypy cannot see that start and step are there.
            cast(ReadoutModel, model),
            self._data.tokenizer,
            self._config,
            self._device,
            self._data.source_tokenizer,
        )
        tasks = self._config.data.task_weights
        texts = []
        for task in tasks:
            text = generator.generate(prompt, seed=_SEED, task=task).text
            texts.append(f"**{task}** {text}" if len(tasks) > 1 else text)
        # 2. The files. samples.md grows, so that one can read how the writing improves.
        heading = _("Step {step}, {bpc:.3f} BPC").format(
            step=validation.step, bpc=validation.bits_per_character
        )
        blocks = [f"## {heading}", f"> {prompt}", *texts]
        with self._run.samples.open("a", encoding="utf-8") as file:
            file.write("".join(f"{block}\n\n" for block in blocks))
        draw_curves(read_metrics(self._run.metrics), self._run.path / "loss.png")
        # 3. What attention looks at.
        share = attention_share(model, self._valid, self._device)
        alarm = stuck_attention(share, validation.step)
        return [] if alarm is None else [alarm]


def attention_share(model: nn.Module, pairs: Pairs, device: torch.device) -> float:
    """The mean weight of the source position that gets most, of some pairs; NaN without attention.

    `model` is in evaluation mode.
    """
    # A short source has hardly another place to look at.
    long_enough = pairs.subset(pairs.source_lengths >= _SHORTEST_SOURCE)
    shares = []
    for place in spread(long_enough, _ATTENTION_PAIRS):
        _log_probs, weights = teacher_forced(model, long_enough.batch([place]), device)
        if weights.shape[2] < _SHORTEST_SOURCE:
            return math.nan
        shares.append(heaviest_share(weights[0]))
    return fmean(shares) if shares else math.nan


def sample_texts(directory: Path, count: int, device: str) -> Iterator[tuple[str, str]]:
    """Prompts of the validation part, and what the weights that a run kept write after them."""
    run = load_run(directory, device)
    data = data_of_run(directory, run.info)
    generator = Generator.of(run)
    for number, prompt in enumerate(_prompts(data, data.pairs("valid"), count)):
        yield prompt, generator.generate(prompt, seed=_SEED + number).text


def _prompts(data: Data, pairs: Pairs, count: int) -> list[str]:
    """Sources spread over the pairs, the same ones every time."""
    texts = pairs.texts(spread(pairs, count), data.tokenizer, data.source_tokenizer)
    return [source for source, _target in texts]
