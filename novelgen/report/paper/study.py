"""What a report is about: runs, what their files say, and what was measured for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from novelgen.config import Config, ModelConfig
from novelgen.decoding.results import Paragraph
from novelgen.evaluation.comparison import Result
from novelgen.evaluation.failures import Failure, WrittenText
from novelgen.evaluation.sweep import SweepRow
from novelgen.evaluation.writing import Measures
from novelgen.models.zoo import resolve
from novelgen.report.samples import TrainingSample


class CopiedSpan(NamedTuple):
    """A span of a written text that stands in the training text, and where."""

    text: str
    novel: str
    chapter: str
    paragraph: int


class CorpusStudy(NamedTuple):
    """A corpus in figures: what its store holds."""

    meta: Mapping[str, Any]
    segment_lengths: npt.NDArray[np.int32]  # (n,) in characters
    chapters: npt.NDArray[np.int32]  # (n,) the chapter of each segment
    coverage: npt.NDArray[np.float64]  # (V,) share of the tokens, by the k most frequent symbols


@dataclass(frozen=True)
class RunStudy:
    """A run, and what was measured of it; parts that a run cannot have are empty."""

    name: str
    info: Mapping[str, Any]  # of config.json
    records: Sequence[dict[str, Any]]  # of metrics.jsonl
    samples: Sequence[TrainingSample]
    # "shuffled": of the test part with exchanged sources; "train": of training text; where there
    # is an n-gram model, "interpolated": of both together.
    bpc: Mapping[str, float]
    result: Result
    measures: Measures  # of the texts that failures are counted in
    sweep: Sequence[SweepRow] = ()
    prompts: Sequence[str] = ()  # the sources of the sweep
    # What failures are counted in, how it was written, and what of it the training text has.
    written: Sequence[WrittenText] = ()
    written_options: Mapping[str, Any] = field(default_factory=dict)
    failures: Sequence[Failure] = ()
    true_failures: Mapping[str, float] = field(default_factory=dict)  # shares, of the true texts
    copying_texts: int = 0
    copied: Sequence[CopiedSpan] = ()  # longest first
    # Paragraphs for the heatmaps; the figures are of so many test pairs.
    attention: Sequence[Paragraph] = ()
    attention_pairs: int = 0
    heaviest_share: float | None = None
    entropy: float | None = None

    @property
    def config(self) -> Config:
        """The configuration that it was trained with."""
        config: Config = self.info["config"]
        return config

    @property
    def model(self) -> ModelConfig:
        """The model with all its parts."""
        return resolve(self.config.model)

    @property
    def first_weights(self) -> str | None:
        """Where the first weights came from, as a path that can be shown; None: random ones."""
        path: str | None = self.info.get("first_weights")
        return path

    @property
    def test_bpc(self) -> float:
        """Bits per character of the test part."""
        return float(self.result.prediction["bits_per_character"])

    @property
    def validations(self) -> list[dict[str, Any]]:
        """The validations, in order."""
        return [record for record in self.records if "validation_bpc" in record]

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The steps of training, in order."""
        return [record for record in self.records if "loss" in record]


@dataclass(frozen=True)
class Report:
    """All that a report is made of; the first run is the one that it is about.

    `machine` is the one that measured; `commands` are what makes the same figures again.
    """

    runs: Sequence[RunStudy]
    corpus: CorpusStudy | None
    machine: Mapping[str, Any]
    commands: Sequence[str]
    versions: Mapping[str, str]
    quick: bool = False
    title: str | None = None
    details: Sequence[tuple[str, str]] = field(default_factory=list)

    @property
    def main(self) -> RunStudy:
        """The run that the report is about."""
        return self.runs[0]
