"""A trained model, opened from its run directory with all that is needed to use it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from novelgen.config import Config
from novelgen.data.tasks import first_tokens
from novelgen.models import build
from novelgen.models.ngram import NgramModel
from novelgen.text.tokenizers import Tokenizer
from novelgen.training.hardware import choose_device
from novelgen.training.run_directory import RunDirectory


@dataclass(frozen=True)
class Run:
    """A trained model with all that is needed to use it."""

    config: Config
    tokenizer: Tokenizer
    model: nn.Module  # in evaluation mode, on `device`
    info: dict[str, Any]
    device: torch.device
    source_tokenizer: Tokenizer  # the same object where source and target share one
    directory: RunDirectory

    @cached_property
    def ngram(self) -> NgramModel | None:
        """The n-gram model, read when it is first asked for; None where there is none."""
        if "ngram" not in self.info:
            return None
        return self.directory.load_ngram(self.tokenizer.size)


def build_model(
    config: Config, tokenizer: Tokenizer, source_tokenizer: Tokenizer | None = None
) -> nn.Module:
    """A freshly initialised model, on the CPU; torch's global generator decides its first values.

    `source_tokenizer` is the source's own; None, or the same object, is one vocabulary for both.
    """
    source_size = None
    if source_tokenizer is not None and source_tokenizer is not tokenizer:
        source_size = source_tokenizer.size
    # Tasks other than the plain one begin with a token of their own, behind the vocabulary.
    firsts = first_tokens(config.data, tokenizer.size).values()
    first_rows = sum(first >= tokenizer.size for first in firsts)
    return build.build_model(config.model, tokenizer.size, source_size, first_rows)


def load_run(directory: Path | str, device: str = "auto") -> Run:
    """Opens a run directory.

    Raises CheckpointError when it is missing, damaged, too new, or its parts do not fit.
    """
    run = RunDirectory(Path(directory))
    info = run.load_info()
    config = info["config"]
    tokenizer = run.load_tokenizer(info)
    source_tokenizer = run.load_source_tokenizer(info)
    model = build_model(config, tokenizer, source_tokenizer)
    run.load_weights(model)
    chosen = choose_device(device)
    model = model.to(chosen).eval()
    return Run(config, tokenizer, model, info, chosen, source_tokenizer or tokenizer, run)
