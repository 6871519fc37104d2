"""Tables as files: CSV for a spreadsheet, Markdown for a report."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from novelgen.evaluation.grid import Row

Value = str | int | float | None
EMPTY = "—"
COMPARISON = (
    "模型 run",
    "解码 decoder",
    "温度 temperature",
    "文本 text",
    "对数概率/字 log p per character",
    "distinct-2",
    "重复四元组 repeated 4-grams",
    "抄自训练文本的八元组 copied 8-grams",
    "种子 seed",
)
_DECIMALS = 3
# A spreadsheet takes a text that begins so for a formula; in full width too, in some languages.
_FORMULA = tuple("=+-@\t\r＝＋－＠")
# What means something in Markdown. Chinese punctuation does not.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>|~#&!$])")


def comparison(rows: Iterable[Row]) -> list[list[Value]]:
    """The finished rows of a grid under the headings of COMPARISON."""
    return [
        [
            row.run,
            row.decoder,
            None if row.temperature is None else f"{row.temperature:g}",
            row.text,
            row.log_probability,
            row.distinct_2,
            row.repeated_4grams,
            row.copied_8grams,
            row.seed,
        ]
        for row in rows
        if row.finished
    ]


def to_csv(heading: Sequence[str], rows: Iterable[Sequence[Value]]) -> str:
    """To be written as UTF-8: the mark at the front is what Excel knows it by. A text that looks like a formula gets a '
    before it, numbers stay numbers.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(heading)
    writer.writerows([_spreadsheet(value) for value in row] for row in rows)
    return "\ufeff" + file.getvalue()


def _spreadsheet(value: Value) -> str:
    if isinstance(value, str):
        return "'" + value if value.startswith(_FORMULA) else value
    return "" if value is None else shown(value)


def to_markdown(heading: Sequence[str], rows: Iterable[Sequence[Value]]) -> str:
    """A table in GitHub's Markdown; texts stay texts, whatever they contain."""
    lines = [heading, ["---"] * len(heading), *([shown(value) for value in row] for row in rows)]
    cells = [
        [_literal(cell) if number != 1 else cell for cell in line]
        for number, line in enumerate(lines)
    ]
    return "".join("| " + " | ".join(line) + " |\n" for line in cells)


def _literal(text: str) -> str:
    return "<br>".join(_MARKUP.sub(r"\\\1", line) for line in text.splitlines())


def shown(value: Value) -> str:
    """A value for reading: three decimals, "—" for none."""
    if value is None:
        return EMPTY
    return f"{value:.{_DECIMALS}f}" if isinstance(value, float) else str(value)
