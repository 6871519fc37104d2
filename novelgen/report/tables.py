"""Tables as files: CSV for a spreadsheet, Markdown for a report."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from novelgen.config import DecodingConfig, flag
from novelgen.config.effects import applies
from novelgen.i18n import N_, _

if TYPE_CHECKING:
    from novelgen.evaluation.grid import Row

Value = str | int | float | None
EMPTY = "—"
INTERVAL = N_("95 % interval")
# How well a model predicts; fields of `PairLosses`. What is said of ends is of those of paragraphs.
PREDICTION = {
    "bits_per_character": N_("BPC (bits per character, ends counted)"),
    "bits_per_character_interval": N_("95 % interval of the BPC"),
    "bits_per_character_without_end": N_("BPC, ends not counted"),
    "character_perplexity": N_("perplexity per character, ends counted"),
    "character_perplexity_without_end": N_("perplexity per character, ends not counted"),
    "perplexity": N_("perplexity per token, ends counted (not comparable across tokenizers)"),
    "perplexity_without_end": N_(
        "perplexity per token, ends not counted (not comparable across tokenizers)"
    ),
}
# The columns of the fields of `Measures`.
MEASURES = {
    "log_probability": N_("log p per character"),
    "distinct_1": "distinct-1",
    "distinct_2": "distinct-2",
    "repeated_4grams": N_("repeated 4-grams"),
    "copied_8grams": N_("copied 8-grams"),
    "length": N_("mean length"),
    "finished": N_("ended by itself"),
    "bleu": "BLEU",
    "chrf": "chrF",
    "divergence": N_("JSD of bigrams"),
}
# Of these in a grid; they come when a text is finished.
_GRID_MEASURES = ("log_probability", "distinct_2", "repeated_4grams", "copied_8grams")
# The columns of a grid's rows; CSV keeps these names, for a person `translate` them.
COMPARISON = (
    N_("run"),
    N_("decoder"),
    N_("temperature"),
    N_("text"),
    *(MEASURES[name] for name in _GRID_MEASURES),
    N_("seed"),
)
_DECIMALS = 3
# A spreadsheet takes a text that begins so for a formula; in some languages also in full width.
_SIGNS = "=+-@"
_TO_FULL_WIDTH = 0xFEE0  # between the code points of a sign and of its full-width form
_FORMULA = (*_SIGNS, "\t", "\r", *(chr(ord(sign) + _TO_FULL_WIDTH) for sign in _SIGNS))
# What means something in Markdown. Chinese punctuation does not.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>|~#&!$])")


def comparison(rows: Iterable[Row]) -> list[list[Value]]:
    """The finished rows of a grid under the headings of COMPARISON."""
    table: list[list[Value]] = []
    for row in rows:
        if not row.finished:
            continue
        table.append(
            [
                row.run,
                row.config.decoder,
                _plain(row.temperature),
                row.text,
                *(getattr(row.measures, name, None) for name in _GRID_MEASURES),
                row.seed,
            ]
        )
    return table


def with_settings(rows: Iterable[Row]) -> tuple[list[str], list[list[Value]]]:
    """The heading and the lines of a grid's file: prompt, COMPARISON, and every other setting.

    A setting for which the decoder has no use is None.
    """
    finished = [row for row in rows if row.finished]
    names = [spec.name for spec in dataclasses.fields(DecodingConfig)]
    others = [name for name in names if name not in ("decoder", "temperature", "seed")]
    lines = []
    for row, line in zip(finished, comparison(finished), strict=True):
        lines.append([row.prompt, *line, *setting_values(dataclasses.asdict(row.config), others)])
    return ["prompt", *COMPARISON, *map(setting_name, others)], lines


def setting_name(name: str) -> str:
    """The column of a field of DecodingConfig: its flag without the dashes."""
    return flag(name).removeprefix("--")


def setting_values(config: Mapping[str, Any], names: Iterable[str]) -> list[Value]:
    """Some fields of a DecodingConfig as cells; None for those that its decoder has no use for."""
    decoder = config["decoder"]
    return [_plain(config[name]) if applies(name, decoder) else None for name in names]


def _plain(value: Value) -> Value:
    """A setting as it is typed: "1" where three decimals would be 1.000."""
    return f"{value:g}" if isinstance(value, float) else value


def interval_text(interval: Sequence[float] | None) -> str:
    """An interval as a person reads it: "5.21 to 5.50"."""
    if interval is None:
        return EMPTY
    low, high = interval
    return _("{low:.3f} to {high:.3f}").format(low=low, high=high)


def translate(heading: Sequence[str]) -> list[str]:
    """The names of columns in the reader's language."""
    return [_(name) for name in heading]


def to_csv(heading: Sequence[str], rows: Iterable[Sequence[Value]]) -> str:
    """A table to be written as UTF-8; the mark at its front tells Excel that it is.

    A text that looks like a formula gets a ' before it; numbers stay numbers.
    """
    # The csv module ends lines as RFC 4180 wants them and quotes what needs it.
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(heading)
    writer.writerows([_spreadsheet(value) for value in row] for row in rows)
    return "\ufeff" + file.getvalue()


def _spreadsheet(value: Value) -> str:
    """A cell that a spreadsheet shows as it is and never calculates."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return shown(value)
    if value.startswith(_FORMULA):
        return "'" + value
    return value


def to_markdown(heading: Sequence[str], rows: Iterable[Sequence[Value]]) -> str:
    """A table in GitHub's Markdown; texts stay texts, whatever they contain."""
    # The second line, of dashes, is what makes the first one a heading.
    lines = [[literal(name) for name in heading], ["---"] * len(heading)]
    lines += [[literal(shown(value)) for value in row] for row in rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def quoted(text: str) -> str:
    """A text as a quotation in Markdown; it stays a text, whatever it contains."""
    return f"> {literal(text)}"


def literal(text: str) -> str:
    """A text in Markdown, in one line and without any effect on the table."""
    return "<br>".join(_MARKUP.sub(r"\\\1", line) for line in text.splitlines())


def shown(value: Value) -> str:
    """A value for reading: three decimals, "—" for none."""
    if value is None:
        return EMPTY
    if isinstance(value, float):
        return f"{value:.{_DECIMALS}f}"
    return str(value)
