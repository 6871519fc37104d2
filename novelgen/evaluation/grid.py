"""One prompt written on by several runs and decoders, with the measures by which the texts compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from novelgen.decoding.generator import Generation, Generator
from novelgen.evaluation.text import copying, distinct, repeated

SAMPLE = "sample"
# Of the decoders that draw nothing: what sampling alone is to choose from must not act on them.
_NEUTRAL = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}


class Cell(NamedTuple):
    """One text of the grid."""

    run: str
    decoder: str
    temperature: float | None  # of sampling; other decoders have none

    def options(self, seed: int) -> dict[str, Any]:
        """Fields of DecodingConfig; all that is not of the cell stays at its default."""
        chosen = _NEUTRAL if self.temperature is None else {"temperature": self.temperature}
        return {"decoder": self.decoder, "seed": seed, **chosen}


class Row(NamedTuple):
    """A text and its measures, which are None until it is finished, and where they cannot be told."""

    run: str
    decoder: str
    temperature: float | None
    seed: int | None  # of sampling; other decoders have none
    text: str
    finished: bool
    log_probability: float | None = (
        None  # natural, per character, of the model itself: temperature 1, no rules; the end counts too
    )
    distinct_2: float | None = None
    repeated_4grams: float | None = None
    copied_8grams: float | None = None  # None as well where the training text is not there


def cells(
    runs: Sequence[str], decoders: Sequence[str], temperatures: Sequence[float]
) -> list[Cell]:
    """The grid in the order in which it is written: run by run, sampling at every temperature."""
    return [
        Cell(run, decoder, temperature)
        for run in runs
        for decoder in decoders
        for temperature in (temperatures if decoder == SAMPLE else (None,))
    ]


def fill(
    grid: Iterable[Cell],
    prompt: str,
    seed: int,
    generator: Callable[[str], Generator],
    training: Callable[[str], Iterable[str] | None],
) -> Iterator[Row]:
    """Writes the cells one after the other; yields each again and again as its text grows, at last finished.

    `generator` opens a run by its name; `training` gives the lines that it was trained on, or None. Raises ConfigError for
    a prompt without text. Closing the iterator stops the writing.
    """
    for cell in grid:
        row = Row(*cell, seed if cell.decoder == SAMPLE else None, "", False)
        snapshot = None
        for snapshot in generator(cell.run).stream(prompt, **cell.options(seed)):
            yield row._replace(text=snapshot.text)
        row = row._replace(text=snapshot.text)
        share, lines = None, training(cell.run)
        for found in copying([row.text], lines) if lines is not None else ():
            share = found
            yield row  # a large training text takes its time
        yield _measured(row, snapshot, share)


def _measured(row: Row, written: Generation, copied: float | None) -> Row:
    text = written.text
    total = sum(sum(paragraph.log_probabilities) for paragraph in written.paragraphs)
    return row._replace(
        text=text,
        finished=True,
        log_probability=total / len(text) if text else None,
        distinct_2=distinct([text], 2),
        repeated_4grams=repeated([text]),
        copied_8grams=copied,
    )
