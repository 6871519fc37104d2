"""A novel as what a run learns from; `novelgen.data.pair_files` is the other kind."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from novelgen.config import Config
from novelgen.data.pairs import Pairs
from novelgen.data.store import Store
from novelgen.text.tokenizers import Tokenizer


@dataclass(frozen=True)
class Novel:
    """The store of a novel, how many of its segments form a source, and the files that it was made from."""

    store: Store
    context_paragraphs: int = 1
    corpus: Sequence[Path] = ()

    @property
    def tokenizer(self) -> Tokenizer:
        """Of source and target."""
        return self.store.tokenizer

    source_tokenizer = tokenizer

    def pairs(self, part: str) -> Pairs:
        """The pairs of "train", "valid" or "test"."""
        return Pairs.from_store(self.store, part, self.context_paragraphs)

    def targets(self, part: str) -> Iterator[str]:
        """The texts of a part that a model learns to write."""
        return self.store.texts(part)

    def summary(self) -> str:
        """What it is, as lines for a person."""
        return self.store.summary()

    def configured(self, config: Config, directory: Path) -> Config:
        """The configuration of a run in `directory`: a store that `prepare` made brings its own options along."""
        data = dataclasses.replace(self.store.data_config, context_paragraphs=config.data.context_paragraphs)
        return dataclasses.replace(config, text=self.store.text_config, data=data)

    def info(self, directory: Path) -> dict[str, Any]:
        """What config.json says of it, by which `novelgen.training.stores` finds it again."""
        return {"corpus": [os.path.relpath(path, directory) for path in self.corpus],
                "store": os.path.relpath(self.store.directory, directory), "content": self.store.meta["content"]}
