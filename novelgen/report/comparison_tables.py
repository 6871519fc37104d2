"""The tables of a comparison: its columns, and what a run has in each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from novelgen.evaluation.comparison import Result, difference
from novelgen.i18n import N_, _
from novelgen.report.tables import (
    INTERVAL,
    MEASURES,
    PREDICTION,
    Value,
    shown,
    to_markdown,
)

# The columns of the table; table.csv keeps these names.
HEADING = (
    N_("run"),
    N_("model"),
    N_("tokenizer"),
    N_("seed"),
    N_("parameters"),
    N_("characters/s"),
    N_("steps"),
    N_("minutes"),
    N_("validation BPC"),
    N_("test BPC"),
    *MEASURES.values(),
)
# The columns of the table of how well the runs predict; table.csv has them behind the others.
PREDICTION_HEADING = (
    *PREDICTION.values(),
    N_("BPC more than the best run"),
    N_("95 % interval of the difference"),
    N_("verdict"),
)
BEST = N_("the lowest BPC")
WORSE = N_("worse")
NO_DIFFERENCE = N_("no difference shown")
NOT_COMPARABLE = N_("not comparable: other held-out text")


def row_cells(result: Result) -> list[Value]:
    """The cells of a run under HEADING."""
    speed = None
    if result.characters_per_second is not None:
        speed = round(result.characters_per_second)
    return [
        result.name,
        result.model,
        result.tokenizer,
        result.seed,
        result.parameters,
        speed,
        result.steps,
        result.minutes,
        result.validation_bpc,
        result.test_bpc,
        *(result.writing.get(name) for name in MEASURES),
    ]


def prediction_cells(
    result: Result, best: Result | None, translated: Callable[[str], str] = _
) -> list[Value]:
    """The cells of a run under PREDICTION_HEADING, its words as `translated` makes them."""
    cells: list[Value] = [result.prediction.get(name) for name in PREDICTION]
    interval = list(PREDICTION).index("bits_per_character_interval")
    cells[interval] = _interval(result.prediction.get("bits_per_character_interval"))
    if best is None or result is best:
        verdict = "" if best is None else translated(BEST)
        return [*cells, None, None, verdict]
    found = difference(result, best)
    if found is None:
        # A run that failed has no held-out text.
        is_other = result.held_out and result.held_out != best.held_out
        return [*cells, None, None, translated(NOT_COMPARABLE) if is_other else None]
    verdict = translated(WORSE if found.is_shown else NO_DIFFERENCE)
    return [*cells, found.bpc, _interval(found.interval), verdict]


def summary_rows(results: Sequence[Result], best: Result | None) -> list[list[str]]:
    """How well the runs predict as rows of cells, the first one the heading, for a terminal."""
    chosen = ("bits_per_character", "bits_per_character_interval", "character_perplexity")
    places = [list(PREDICTION).index(name) for name in chosen]
    # The last three are about the best run.
    places += range(len(PREDICTION), len(PREDICTION_HEADING))
    interval = _(INTERVAL)
    bpc = [_("test BPC"), interval, _("perplexity per character")]
    rows = [[_("run"), *bpc, _("more than the best"), interval, _("verdict")]]
    for result in results:
        cells = prediction_cells(result, best)
        rows.append([result.name, *(shown(cells[place]) for place in places)])
    return rows


def lengths_table(results: Sequence[Result]) -> str:
    """BPC and the number of pairs of every run, one column for each class of source length."""
    labels = {found.shortest: found.label for result in results for found in result.by_length}
    classes = sorted(labels)
    heading = [_("run (number of pairs)"), *(labels[shortest] for shortest in classes)]
    # A run on other texts may lack a class: its cell is empty.
    rows = []
    for result in results:
        cells = {found.shortest: f"{found.bpc:.3f} ({found.pairs:,})" for found in result.by_length}
        rows.append([result.name, *(cells.get(shortest) for shortest in classes)])
    return to_markdown(heading, rows)


def difference_note() -> str:
    """What the differences of the table are, and when a run is called worse."""
    return _(
        "Intervals are bootstrapped over the paragraphs with a fixed seed. A run is called worse "
        "than the best one only where the interval of the difference, over the same paragraphs, "
        "excludes 0. BPC and perplexity per character compare runs of words and of characters; "
        "perplexity per token does not."
    )


def _interval(interval: Sequence[float] | None) -> str | None:
    """An interval as a cell, the same in every language."""
    return None if interval is None else f"{interval[0]:.3f} … {interval[1]:.3f}"
