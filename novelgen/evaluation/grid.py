"""One prompt continued by several runs and decoders, and the measures that compare the texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from novelgen.decoding.generator import Generation, Generator
from novelgen.evaluation.text import copying, distinct, repeated

SAMPLE = "sample"
# For the decoders that do not sample: what narrows the choice of sampling must not act on them.
_NEUTRAL = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}


class Cell(NamedTuple):
    """One text of the grid."""

    run: str
    decoder: str
    temperature: float | None  # of sampling; other decoders have none

    def options(self, seed: int) -> dict[str, Any]:
        """Fields of DecodingConfig; all that does not belong to the cell stays at its default."""
        chosen = _NEUTRAL
        if self.temperature is not None:
            chosen = {"temperature": self.temperature}
        return {"decoder": self.decoder, "seed": seed, **chosen}


class Row(NamedTuple):
    """A text and its measures, which are None until it is finished, and where they are unknown."""

    run: str
    decoder: str
    temperature: float | None
    seed: int | None  # of sampling; other decoders have none
    text: str
    finished: bool
    # Natural, per character, of the model itself (temperature 1, no rules); EOS counts too.
    log_probability: float | None = None
    distinct_2: float | None = None
    repeated_4grams: float | None = None
    copied_8grams: float | None = None  # None as well where the training text is not there


def cells(
    runs: Sequence[str], decoders: Sequence[str], temperatures: Sequence[float]
) -> list[Cell]:
    """The grid in the order in which it is written: run by run, sampling at every temperature."""
    grid = []
    for run in runs:
        for decoder in decoders:
            if decoder == SAMPLE:
                grid += [Cell(run, decoder, temperature) for temperature in temperatures]
            else:
                grid.append(Cell(run, decoder, None))
    return grid


def fill(
    grid: Iterable[Cell],
    prompt: str,
    seed: int,
    generator: Callable[[str], Generator],
    training: Callable[[str], Iterable[str] | None],
) -> Iterator[Row]:
    """Writes the cells one after the other; yields each one as its text grows, at last finished.

    `generator` opens a run by its name; `training` gives the lines that it was trained on, or None.
    Raises ConfigError for a prompt without text. Closing the iterator stops the writing.
    """
    for cell in grid:
        # 1. The text, as it grows.
        row_seed = seed if cell.decoder == SAMPLE else None
        row = Row(*cell, seed=row_seed, text="", finished=False)
        for generation in generator(cell.run).stream(prompt, **cell.options(seed)):
            row = row._replace(text=generation.text)
            yield row

        # 2. What it copied. A large training text takes a while: the caller may stop in between.
        copied = None
        lines = training(cell.run)
        if lines is not None:
            for share in copying([row.text], lines):
                copied = share
                yield row

        # 3. The other measures.
        yield _measured(row, generation, copied)


def _measured(row: Row, generation: Generation, copied: float | None) -> Row:
    """The finished row of a text."""
    text = generation.text
    log_probability = None
    if text:
        total = sum(sum(paragraph.log_probabilities) for paragraph in generation.paragraphs)
        log_probability = total / len(text)
    return row._replace(
        text=text,
        finished=True,
        log_probability=log_probability,
        distinct_2=distinct([text], 2),
        repeated_4grams=repeated([text]),
        copied_8grams=copied,
    )
