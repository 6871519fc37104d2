"""What a run shows of itself after a validation: a sample of its writing, and its curves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from novelgen.config import Config
from novelgen.data.pairs import Pairs
from novelgen.decoding.generator import Generator
from novelgen.report.curves import draw_curves
from novelgen.training.checkpoint import RunDirectory, load_run
from novelgen.training.journal import read_metrics
from novelgen.training.stores import Data
from novelgen.training.trainer import Validation

_SEED = 1


class Observer:
    """Writes samples.md and loss.png of a run; called after every validation."""

    def __init__(
        self, run: RunDirectory, config: Config, data: Data, valid: Pairs, device: torch.device
    ) -> None:
        self._run, self._config, self._data, self._device = run, config, data, device
        self._valid = valid
        self.from_pairs = config.from_pairs

    def __call__(self, model: nn.Module, validation: Validation) -> None:
        prompt = self._prompts(1)[0]
        generator = Generator(
            model, self._data.tokenizer, self._config, self._device, self._data.source_tokenizer
        )
        tasks = self._config.data.task_weights
        texts = [
            (f"**{task}** " if len(tasks) > 1 else "")
            + generator.generate(prompt, seed=_SEED, task=task).text
            for task in tasks
        ]
        with self._run.samples.open("a", encoding="utf-8") as file:
            file.write(
                f"## 第 {validation.step} 步 step {validation.step} · BPC {validation.bits_per_character:.3f}\n\n"
                f"> {prompt}\n\n" + "".join(f"{text}\n\n" for text in texts)
            )
        draw_curves(read_metrics(self._run.metrics), self._run.path / "loss.png")

    def samples(self, count: int) -> Iterator[tuple[str, str]]:
        """Prompts of the validation part, and what the weights that were kept write after them."""
        generator = Generator.of(load_run(self._run.path, self._device.type))
        for number, prompt in enumerate(self._prompts(count)):
            yield prompt, generator.generate(prompt, seed=_SEED + number).text

    def _prompts(self, count: int) -> list[str]:
        """Sources spread over the validation part, the same ones every time."""
        places = np.linspace(0, len(self._valid) - 1, min(count, len(self._valid)), dtype=np.int64)
        return [
            source
            for source, _ in self._valid.texts(
                places, self._data.tokenizer, self._data.source_tokenizer
            )
        ]
