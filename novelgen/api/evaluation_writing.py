"""What a run writes after held-out sources, with one or several settings, and its measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from novelgen.api.evaluation_data import copies_of
from novelgen.data.pairs import Pairs
from novelgen.decoding.generator import Generator
from novelgen.errors import CheckpointError
from novelgen.evaluation.sweep import (
    SEED,
    SweepRow,
    TextPair,
    held_out_texts,
    product,
    sweep,
)
from novelgen.training.checkpoint import Run
from novelgen.training.stores import data_of_run


@dataclass(frozen=True)
class Written:
    """Texts and their measures; the fields are those of Evaluation."""

    sweep: list[SweepRow] = field(default_factory=list)
    texts: list[TextPair] = field(default_factory=list)
    copies: list[dict[str, Any]] = field(default_factory=list)
    copying_unknown: str | None = None


def write_and_measure(
    run: Run,
    directory: Path,
    pairs: Pairs,
    count: int,
    options: Mapping[str, Any],
    on_text: Callable[[int, int], None] | None,
) -> Written:
    """Writes `count` texts with every setting that `options` make; see `evaluate`."""
    # In float32: what is reported and compared is the text of the model itself.
    generator = Generator.of(run, "float32")
    texts = held_out_texts(generator, pairs, count)
    chosen = dict(options)
    seed = chosen.pop("seed", SEED)
    settings = product(chosen, generator.decoding_config().decoder)
    training = None
    copying_unknown = None
    try:
        training = data_of_run(directory, run.info).passages()
    except CheckpointError as error:
        # The training text is gone, or never came along.
        copying_unknown = str(error)
    rows = list(sweep(generator, texts, settings, training, seed=seed, on_text=on_text))
    return Written(rows, texts, copies_of(directory, rows), copying_unknown)
