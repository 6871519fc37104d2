"""A novel as what a run learns from; `novelgen.data.pair_files` is the other kind."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from novelgen.config import Config, DataConfig
from novelgen.data.pairs import Pairs
from novelgen.data.passages import PassageIndex
from novelgen.data.split import NONE
from novelgen.data.store import PAIRING, Store
from novelgen.data.tasks import TaskPairs, pairs_by_task, pairs_of, training_pairs
from novelgen.text.tokenizers import Tokenizer


@dataclass(frozen=True)
class Novel:
    """The store of a novel, how its segments become pairs, and the files that it was made from."""

    store: Store
    config: DataConfig = field(default_factory=DataConfig)
    corpus: Sequence[Path] = ()

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of source and target."""
        return self.store.tokenizer

    # Files of pairs may have two.
    source_tokenizer = tokenizer

    @property
    def holds_out(self) -> bool:
        """Whether validation and test are other text than training, as all but the smallest's."""
        return bool(self.store.meta["split"]["rule"] != NONE)

    def pairs(self, part: str) -> Pairs:
        """The main task's pairs of "train", "valid" or "test"; raises CorpusError for none."""
        return pairs_of(self.store, part, self.config)

    def by_task(self, part: str) -> dict[str, Pairs]:
        """The pairs of a part for every task, the main one first; raises as `pairs`."""
        return pairs_by_task(self.store, part, self.config)

    def training(self) -> Pairs | TaskPairs:
        """What a model is trained on."""
        return training_pairs(self.store, self.config)

    def targets(self, part: str) -> Iterator[str]:
        """The texts of a part that a model learns to write."""
        return self.store.texts(part)

    def passages(self) -> PassageIndex:
        """Where each passage of the training text stands."""
        return self.store.passages()

    def summary(self) -> str:
        """The corpus in figures, as lines for a person."""
        return self.store.summary()

    def configured(
        self,
        config: Config,
        directory: Path,  # noqa: ARG002 - PairFiles, the other kind of data, needs it
    ) -> Config:
        """The configuration of a run, with the options that the store was made with."""
        # The store fixes its text and tokens; how pairs are made of them is the run's choice.
        pairing = {name: getattr(config.data, name) for name in PAIRING}
        data = dataclasses.replace(self.store.data_config, **pairing)
        return dataclasses.replace(config, text=self.store.text_config, data=data)

    def info(self, directory: Path) -> dict[str, Any]:
        """What config.json says of it, by which `novelgen.training.stores` finds it again."""
        return {
            "corpus": [os.path.relpath(path, directory) for path in self.corpus],
            "store": os.path.relpath(self.store.directory, directory),
            "content": self.store.meta["content"],
            # None where the vocabulary is of this corpus alone.
            "vocabulary_of": self.store.meta.get("vocabulary_of"),
        }
