"""The folder of a comparison: table.md, table.csv and table.json, curves.png, by_length.png."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from novelgen.errors import CheckpointError
from novelgen.evaluation.comparison import Result
from novelgen.i18n import N_, _, join_list
from novelgen.report.comparison_figures import draw_by_length, draw_validations
from novelgen.report.comparison_tables import (
    HEADING,
    PREDICTION_HEADING,
    difference_note,
    lengths_table,
    prediction_cells,
    row_cells,
    summary_rows,
)
from novelgen.report.tables import quoted, to_csv, to_markdown, translate
from novelgen.training.atomic_write import write_whole

FORMAT = 1
# The lists with a number for every pair: they are in a file of their own.
_LOSSES = ("pair_bits", "pair_characters")
DIFFERENT_TEXTS = N_(
    "these runs were measured on different held-out texts, so their BPC do not compare directly"
)


@dataclass
class Comparison:
    """What was asked for, by name, and the results so far."""

    request: dict[str, Any]
    # More than one where it went on elsewhere, or with other versions.
    machines: list[dict[str, Any]]
    prompts: list[str]
    results: list[Result] = field(default_factory=list)

    @property
    def same_texts(self) -> bool:
        """Whether all runs were measured on the same test part."""
        return len({result.held_out for result in self.results if result.held_out}) <= 1

    @property
    def test_pairs(self) -> int | None:
        """How many test pairs the first run was measured on; None before it."""
        first = next((result for result in self.results if result.by_length), None)
        if first is None:
            return None
        return sum(found.pairs for found in first.by_length)

    def save(self, folder: Path) -> None:
        """Writes all files, first those that a comparison goes on from, of them table.json last."""
        losses = {result.name: _losses(result) for result in self.results}
        _write(folder / "losses.json", json.dumps(losses, ensure_ascii=False) + "\n")
        data = json.dumps(self._to_dict(), ensure_ascii=False, indent=2)
        _write(folder / "table.json", data + "\n")
        best = self.best
        rows = [
            [*row_cells(result), *prediction_cells(result, best, str), *result.continuations]
            for result in self.results
        ]
        # The prompts themselves, of whole paragraphs, are in table.json and table.md.
        prompts = [f"after prompt {number}" for number in range(1, len(self.prompts) + 1)]
        _write(folder / "table.csv", to_csv([*HEADING, *PREDICTION_HEADING, *prompts], rows))
        _write(folder / "table.md", self._markdown())
        # Failed runs are in the tables, with the reason, and in no figure.
        measured = [result for result in self.results if not result.error]
        if measured:
            draw_validations(measured, folder / "curves.png")
            draw_by_length(measured, folder / "by_length.png", same_texts=self.same_texts)

    def _to_dict(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "request": self.request,
            "machines": self.machines,
            "prompts": self.prompts,
            "same_test_texts": self.same_texts,
            "runs": [_without_losses(result) for result in self.results],
        }

    @property
    def best(self) -> Result | None:
        """The run with the lowest test BPC."""
        measured = [result for result in self.results if result.test_bpc is not None]
        return min(measured, key=lambda result: result.test_bpc or 0.0, default=None)

    def summary(self) -> list[list[str]]:
        """How well the runs predict as rows of cells, the first one the heading, for a terminal."""
        return summary_rows(self.results, self.best)

    def _markdown(self) -> str:
        """The tables for a report, with what a reader must know about them."""
        title = _("Comparison")
        parts = [
            f"# {title}\n",
            "".join(f"- {line}\n" for line in self._notes()),
            to_markdown(translate(HEADING), [row_cells(result) for result in self.results]),
        ]
        measured = [result for result in self.results if not result.error]
        if measured:
            # Captions of the two figures, titles of the two further tables.
            curves = _("validation BPC")
            by_length = _("test BPC by source length")
            lengths_title = _("Test BPC by the number of characters of the source")
            prompts_title = _("The same prompts, continued by each run")
            prediction_title = _("How well the runs predict the held-out text")
            parts += [
                f"## {prediction_title}\n",
                to_markdown(
                    [_("run"), *translate(PREDICTION_HEADING)],
                    [[result.name, *prediction_cells(result, self.best)] for result in measured],
                ),
                difference_note() + "\n",
                f"![{curves}](curves.png)\n",
                f"## {lengths_title}\n",
                lengths_table(measured),
                f"![{by_length}](by_length.png)\n",
                f"## {prompts_title}\n",
            ]
            for number, prompt in enumerate(self.prompts):
                title = _("Prompt {number}").format(number=number + 1)
                rows = [[result.name, result.continuations[number]] for result in measured]
                parts += [
                    f"### {title}\n",
                    quoted(prompt) + "\n",
                    to_markdown([_("run"), _("text")], rows),
                ]
        return "\n".join(parts)

    def _notes(self) -> list[str]:
        """What a reader must know to read the tables, a sentence each."""
        # 1. What was asked for, and where it was done.
        options = [
            f"{name} {_shown(value)}"
            for name, value in self.request.items()
            if value and name != "content"
        ]
        # Semicolons: an option's own values have commas between them.
        notes = [_("request: {options}").format(options="; ".join(options))]
        notes += [self._machine_note(machine) for machine in self.machines]

        # 2. What the numbers are.
        notes.append(
            _(
                "BPC (lower is better) is measured on the held-out test chapters, with the weights "
                "that did best in validation; the speed leaves validations out"
            )
        )
        sampled = [result.name for result in self.results if result.validation_is_sample]
        if sampled:
            message = _("validation BPC is that of a sample of the validation part: {runs}")
            notes.append(message.format(runs=join_list(sampled)))
        if len(self.machines) > 1:
            notes.append(
                _(
                    "not all runs were trained on one machine with the same versions: speed and "
                    "minutes do not compare"
                )
            )
        measured = next((result for result in self.results if result.by_length), None)
        if not self.same_texts:
            notes.append(_(DIFFERENT_TEXTS))
        elif measured:
            notes.append(_test_part_note(measured))

        caution = unlike_starts(self.results)
        if caution is not None:
            notes.append(caution)

        # 3. The runs that failed.
        for result in self.results:
            if result.error:
                notes.append(_("{run}: {error}").format(run=result.name, error=result.error))
        return notes

    def _machine_note(self, machine: Mapping[str, Any]) -> str:
        facts = join_list(f"{name} {value}" for name, value in machine.items())
        # A comparison of runs that were there already does not know where they were trained.
        if "runs" in self.request:
            return _("measured on (perhaps trained elsewhere): {machine}").format(machine=facts)
        return _("machine: {machine}").format(machine=facts)


def unlike_starts(results: Iterable[Result]) -> str | None:
    """That some runs began with trained weights and others did not; None where all began alike."""
    measured = [result for result in results if not result.error]
    trained = [result.name for result in measured if result.began_trained]
    random = [result.name for result in measured if not result.began_trained]
    if not trained or not random:
        return None
    return _(
        "The runs did not begin alike: with trained weights {trained}, with random ones {random}. "
        "What was learned before is a part of the differences between them, which do not compare "
        "the models alone."
    ).format(trained=join_list(trained), random=join_list(random))


def _losses(result: Result) -> dict[str, Any]:
    """What losses.json has of a run."""
    return {name: getattr(result, name) for name in _LOSSES}


def _without_losses(result: Result) -> dict[str, Any]:
    """What table.json has of a run."""
    data = dataclasses.asdict(result)
    return {name: value for name, value in data.items() if name not in _LOSSES}


def _test_part_note(result: Result) -> str:
    pairs = sum(found.pairs for found in result.by_length)
    characters = sum(found.characters for found in result.by_length)
    message = _("test part: {pairs:,} pairs, {characters:,} characters")
    if result.test_is_sample:
        message = _("sample of the test part: {pairs:,} pairs, {characters:,} characters")
    return message.format(pairs=pairs, characters=characters)


def load_comparison(folder: Path) -> Comparison | None:
    """The comparison that a folder holds; None where there is none.

    Raises CheckpointError when its file is damaged.
    """
    path = folder / "table.json"
    if not path.exists():
        return None
    # Whatever the file lacks, it is no comparison of this version.
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        data = json.loads(path.read_text(encoding="utf-8"))
        losses = _saved_losses(folder / "losses.json")
        if data["format"] == FORMAT:
            return Comparison(
                data["request"],
                data["machines"],
                data["prompts"],
                [Result.from_dict({**run, **losses.get(run["name"], {})}) for run in data["runs"]],
            )
    raise CheckpointError(
        _("{path}: damaged, or no comparison of this version; choose another --output").format(
            path=path
        )
    )


def _saved_losses(path: Path) -> dict[str, Any]:
    """What losses.json holds; nothing where a comparison of before has none."""
    if not path.exists():
        return {}
    losses: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return losses


def _shown(value: Any) -> str:
    """An option's value in a sentence: names and numbers as they are written on a command line."""
    if isinstance(value, Mapping):
        return " ".join(f"{name}={each}" for name, each in value.items())
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value)


def _write(path: Path, text: str) -> None:
    write_whole(path, text.encode())
