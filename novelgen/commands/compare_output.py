"""What `compare` prints: where it is, what it found, and how a stopped one goes on."""

from __future__ import annotations

import shlex
import statistics
from pathlib import Path
from typing import TYPE_CHECKING

from novelgen.i18n import _, join_list
from novelgen.terminal import table_lines

if TYPE_CHECKING:
    from novelgen.evaluation.comparison import Result
    from novelgen.report.comparison import Comparison


def heading(number: int, total: int, name: str, seconds: float | None = None) -> str:
    """The line above a run, with the time that all of them will still take where it is known."""
    from novelgen.training.progress import format_duration

    if seconds is None:
        return f"── {number}/{total} {name} ──"
    message = _("── {number}/{total} {name} · about {time} for all that is left ──")
    return message.format(number=number, total=total, name=name, time=format_duration(seconds))


def remaining_seconds(runs: int, durations: list[float], minutes: float | None) -> float | None:
    """How long `runs` more runs will take, by those before them or else by the budget."""
    # A run measured here says more than its budget: validations and the evaluation take time too.
    if durations:
        return runs * statistics.mean(durations)
    if minutes is None:
        return None
    return runs * 60 * minutes


def print_result(result: Result) -> None:
    """Prints how well one run predicts, or why it could not be trained."""
    if result.error:
        message = _("{name}: {error}")
        print(message.format(name=result.name, error=result.error), flush=True)
        return
    # A run directory may lack the record of its best validation.
    validation = "—"
    if result.validation_bpc is not None:
        validation = f"{result.validation_bpc:.3f}"
    message = _("{name} · BPC: validation {validation}, test {test:.3f}")
    text = message.format(name=result.name, validation=validation, test=result.test_bpc)
    print(text, flush=True)


def print_summary(output: Path, comparison: Comparison) -> None:
    """Prints where the tables and figures are."""
    from novelgen.report.comparison import DIFFERENT_TEXTS, unlike_starts

    print()
    if len(comparison.results) > 1:
        print("\n".join(table_lines(comparison.summary())))
        print()
    # What a reader of the table must know comes before its name.
    if not comparison.same_texts:
        print(_("note: {note}").format(note=_(DIFFERENT_TEXTS)))
        print()
    caution = unlike_starts(comparison.results)
    if caution is not None:
        print(_("note: {note}").format(note=caution))
        print()
    files = join_list(("table.csv", "table.json", "losses.json", "curves.png", "by_length.png"))
    message = _("compared: {table}, and beside it {files}")
    print(message.format(table=output / "table.md", files=files), flush=True)


def print_how_to_continue(output: Path) -> None:
    """Prints how a comparison goes on that was stopped."""
    message = _("stopped; what is done is in {path}, and the same command goes on from there")
    print(f"\n{message.format(path=shlex.quote(str(output)))}", flush=True)
