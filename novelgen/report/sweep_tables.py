"""A decoding sweep as tables and files: its measures, and source, truth and text side by side."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from novelgen.config import DecodingConfig
from novelgen.i18n import N_, _
from novelgen.report.tables import (
    MEASURES,
    Value,
    setting_name,
    setting_values,
    to_csv,
    to_markdown,
    translate,
)
from novelgen.training.atomic_write import write_whole

if TYPE_CHECKING:
    from novelgen.evaluation.sweep import SweepRow, TextPair

# What a file of a sweep may be, by its suffix.
FORMATS = (".csv", ".md", ".json")
SIDE_BY_SIDE = (N_("source"), N_("true next paragraph"), N_("generated"))
# The columns of a text in a CSV file, before its settings.
_TEXT = (
    N_("setting"),
    *SIDE_BY_SIDE,
    MEASURES["log_probability"],
    MEASURES["finished"],
    N_("seed"),
)
_SETTINGS = [spec.name for spec in dataclasses.fields(DecodingConfig) if spec.name != "seed"]


def measures_heading(rows: Sequence[SweepRow]) -> list[str]:
    """The columns of `measures_table`, in English: the setting, and what is known of any row."""
    return [_TEXT[0], *(MEASURES[name] for name in _known(rows))]


def measures_table(rows: Sequence[SweepRow]) -> list[list[Value]]:
    """A line for each setting of a sweep, under `measures_heading`."""
    names = _known(rows)
    return [[row.label, *(getattr(row.measures, name) for name in names)] for row in rows]


def _known(rows: Sequence[SweepRow]) -> list[str]:
    """The measures that some row has."""
    known = {name for row in rows for name in row.measures.known()}
    return [name for name in MEASURES if name in known]


def side_by_side(texts: Sequence[TextPair], row: SweepRow) -> list[list[Value]]:
    """The texts of one setting under SIDE_BY_SIDE."""
    return [[*texts[text.prompt], text.text] for text in row.texts]


def save_sweep(path: str | Path, texts: Sequence[TextPair], rows: Sequence[SweepRow]) -> None:
    """Writes all texts of a sweep with their prompts, the true paragraphs and all settings.

    By its suffix the file is one of FORMATS. Raises OSError.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".json":
        content = {
            "texts": [{"source": source, "target": target} for source, target in texts],
            "rows": [row.to_dict() for row in rows],
        }
        found = json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    elif suffix == ".csv":
        found = to_csv([*_TEXT, *map(setting_name, _SETTINGS)], _text_lines(texts, rows))
    else:
        found = _markdown(texts, rows)
    write_whole(path, found.encode())


def _text_lines(texts: Sequence[TextPair], rows: Sequence[SweepRow]) -> list[list[Value]]:
    """A line for each text."""
    lines: list[list[Value]] = []
    for row in rows:
        settings = setting_values(row.options, _SETTINGS)
        for text in row.texts:
            words = [row.label, *texts[text.prompt], text.text]
            # What is the same for every decoder: the seed of a beam search has no effect.
            seed = text.seed if row.options["decoder"] == "sample" else None
            lines.append([*words, text.log_probability, int(text.finished), seed, *settings])
    return lines


def _markdown(texts: Sequence[TextPair], rows: Sequence[SweepRow]) -> str:
    """The measures of all settings, then source, truth and text of each."""
    parts = [
        to_markdown(translate(measures_heading(rows)), measures_table(rows)),
        log_probability_note() + "\n",
    ]
    for row in rows:
        cells = zip(
            map(setting_name, _SETTINGS), setting_values(row.options, _SETTINGS), strict=True
        )
        settings = "; ".join(f"{name} {value}" for name, value in cells if value not in (None, ""))
        first = min((text.seed for text in row.texts), default=None)
        if row.options["decoder"] == "sample":
            settings += "; " + _("seeds from {first}").format(first=first)
        parts += [
            f"## {row.label}\n",
            settings + "\n",
            to_markdown(translate(SIDE_BY_SIDE), side_by_side(texts, row)),
        ]
    return "\n".join(parts)


def log_probability_note() -> str:
    """What the log-probability of a text is."""
    return _(
        "log p per character: natural, the mean over all characters written, the end of the "
        "paragraph included, of the model itself (temperature 1, no rules), whatever the setting"
    )
