"""A small task: a book of sums that a tiny model learns in a second."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from novelgen.config import Config
from novelgen.data.pairs import Pairs
from novelgen.text.tokenizers import Tokenizer
from novelgen.training.checkpoint import build_model
from novelgen.training.distributed import SINGLE_PROCESS, Ranks
from novelgen.training.epochs import EpochPlan, plan_epoch
from novelgen.training.gradient_step import GradientStep
from novelgen.training.gradient_sum import BUCKET_BYTES
from novelgen.training.loss import LossStats
from novelgen.training.prefetch import BatchPrefetcher
from novelgen.training.run_directory import RunDirectory
from novelgen.training.trainer import Trainer

DIGITS = "零一二三四五六七八九"
TEXTS = [
    (f"{DIGITS[a]}加{DIGITS[b]}得几", f"得{DIGITS[(a + b) % 10]}。" * (1 + a % 3))
    for a in range(10)
    for b in range(10)
]


@dataclass
class Workshop:
    """Makes trainers of the same task, all alike but for what is changed."""

    directory: Path
    tokenizer: Tokenizer
    train: Pairs
    valid: Pairs

    def config(self, **changes) -> Config:
        defaults = {
            "embedding_size": 8,
            "encoder_size": 8,
            "decoder_size": 16,
            "attention_size": 8,
            "dropout": 0.2,
            "batch_tokens": 200,
            "learning_rate": 3e-3,
            "max_steps": 12,
            "validate_every": 5,
            "save_every": 4,
            "warmup_steps": 2,
            "precision": "float32",
            "device": "cpu",
            "seed": 3,
        }
        return Config().replace(**{**defaults, **changes})

    def model(self, **changes) -> nn.Module:
        """A model in training mode, always with the same weights."""
        config = self.config(**changes)
        torch.manual_seed(config.training.seed)
        return build_model(config, self.tokenizer).train()

    def plan(self, epoch: int = 0, **changes) -> EpochPlan:
        """What a trainer trains in an epoch."""
        return plan_epoch(self.train, self.config(**changes).training, epoch)

    def gradients(
        self,
        model: nn.Module,
        ranks: Ranks = SINGLE_PROCESS,
        bucket_bytes: int = BUCKET_BYTES,
        **changes,
    ) -> GradientStep:
        """What fills the gradients of the model, as in a trainer."""
        config, prefetcher = self.config(**changes).training, BatchPrefetcher(torch.device("cpu"))
        return GradientStep(model, config, prefetcher, ranks=ranks, bucket_bytes=bucket_bytes)

    def trainer(
        self,
        name: str = "run",
        observe=None,
        trials=(),
        choose=None,
        resume: bool = False,
        clock: Callable[[], float] = time.perf_counter,
        baselines=None,
        start=None,
        watch=None,
        alarms=(),
        **changes,
    ) -> Trainer:
        config, run = self.config(**changes), RunDirectory(self.directory / name)
        info = {"config": config.to_dict(), "tokenizer": self.tokenizer.fingerprint}
        if not resume:
            run.create(overwrite=True)
            run.save_info(info, self.tokenizer)
        trainer = Trainer(
            self.model(**changes),
            config.training,
            self.train,
            {"next": self.valid},
            run,
            observe=observe,
            trials=trials,
            choose=choose,
            clock=clock,
            baselines=baselines,
            start=start,
            watch=watch,
            alarms=alarms,
        )
        if resume:
            trainer.resume()
        return trainer


def sums(directory: Path) -> Workshop:
    """The workshop of the book of sums."""
    tokenizer = Tokenizer(
        sorted({character for pair in TEXTS for text in pair for character in text})
    )
    train, valid = (Pairs.from_texts(texts, tokenizer) for texts in (TEXTS[:80], TEXTS[80:]))
    return Workshop(directory, tokenizer, train, valid)


def of_batch(gradients: GradientStep, pairs: Pairs, indices: np.ndarray) -> LossStats:
    """Fills the gradients of a first batch; returns its loss."""
    return gradients.compute(pairs, indices, np.empty(0, dtype=np.int64), step=0)


def in_step(trainer: Trainer, number: int, act: Callable[[], object]) -> None:
    """Lets `act` happen in the forward pass of the step after `number` of them."""
    start = trainer.model.start

    def acting_start(source, lengths):
        if trainer.model.training and trainer.position.step == number:
            act()
        return start(source, lengths)

    trainer.model.start = acting_start


@pytest.fixture
def workshop(tmp_path) -> Workshop:
    return sums(tmp_path)
