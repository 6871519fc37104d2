"""One prompt continued by several runs with several settings, each text shown as it grows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from novelgen.config import DecodingConfig
from novelgen.config.effects import applies
from novelgen.data.passages import PassageIndex
from novelgen.decoding.generator import Generator
from novelgen.evaluation.sweep import Setting, product
from novelgen.evaluation.text import copied
from novelgen.evaluation.writing import Measures, measure


class Cell(NamedTuple):
    """One text of the grid."""

    run: str
    setting: Setting


class Row(NamedTuple):
    """A text, how it was written, and its measures, which are None until it is finished."""

    run: str
    prompt: str
    config: DecodingConfig
    text: str
    finished: bool
    measures: Measures | None = None

    @property
    def temperature(self) -> float | None:
        """The temperature of sampling; other decoders have none."""
        return self.config.temperature if applies("temperature", self.config.decoder) else None

    @property
    def seed(self) -> int | None:
        """The seed of sampling; other decoders have none."""
        return self.config.seed if applies("seed", self.config.decoder) else None


def cells(
    runs: Sequence[str], decoders: Sequence[str], temperatures: Sequence[float]
) -> list[Cell]:
    """The grid in the order in which it is written: run by run, sampling at every temperature."""
    settings = []
    if decoders:
        settings = product({"decoder": list(decoders), "temperature": list(temperatures)})
    return [Cell(run, setting) for run in runs for setting in settings]


def fill(
    grid: Iterable[Cell],
    prompt: str,
    seed: int,
    generator: Callable[[str], Generator],
    training: Callable[[str], PassageIndex | None],
) -> Iterator[Row]:
    """Writes the cells one after the other; yields each one as its text grows, at last finished.

    `generator` opens a run by its name; `training` gives what it was trained on, or None.
    Raises ConfigError for a prompt without text. Closing the iterator stops the writing.
    """
    for run, setting in grid:
        # 1. The text, as it grows.
        writer = generator(run)
        options = {**setting.options, "seed": seed}
        row = Row(run, prompt, writer.decoding_config(**options), text="", finished=False)
        for generation in writer.stream(prompt, **options):
            row = row._replace(text=generation.text)
            yield row

        # 2. Its measures.
        share = None
        passages = training(run)
        if passages is not None:
            share = copied([row.text], passages)
        measures = measure([generation], copied_8grams=share)
        yield row._replace(finished=True, measures=measures)
