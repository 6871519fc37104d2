"""A small task: a book of sums that a tiny model learns in a second."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from novelgen.config import Config
from novelgen.data.pairs import Pairs
from novelgen.text.tokenizers import Tokenizer
from novelgen.training.checkpoint import RunDirectory, build_model
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
            "max_steps": 12,
            "validate_every": 5,
            "save_every": 4,
            "warmup_steps": 2,
            "precision": "float32",
            "device": "cpu",
            "seed": 3,
        }
        return Config().replace(**{**defaults, **changes})

    def trainer(self, name: str = "run", observe=None, resume: bool = False, **changes) -> Trainer:
        config, run = self.config(**changes), RunDirectory(self.directory / name)
        info = {"config": config.to_dict(), "tokenizer": self.tokenizer.fingerprint}
        if not resume:
            run.create(overwrite=True)
            run.save_info(info, self.tokenizer)
        torch.manual_seed(config.training.seed)
        trainer = Trainer(
            build_model(config, self.tokenizer),
            config.training,
            self.train,
            self.valid,
            run,
            info,
            torch.device("cpu"),
            observe,
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


@pytest.fixture
def workshop(tmp_path) -> Workshop:
    return sums(tmp_path)
