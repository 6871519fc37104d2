"""The section that sets several runs side by side."""

from __future__ import annotations

from novelgen.evaluation.comparison import difference
from novelgen.i18n import _
from novelgen.report.comparison import unlike_starts
from novelgen.report.comparison_figures import validations_figure
from novelgen.report.paper.phrases import TOKENS, bpc, count, decimal, percent
from novelgen.report.paper.study import Report, RunStudy
from novelgen.report.paper.writer import ReportWriter


def write_comparison(writer: ReportWriter, report: Report) -> None:
    """Writes the section; says "better" only where the interval leaves no other word."""
    writer.heading(2, _("Comparison of the runs"))
    table = writer.table(
        _("The runs of this report"),
        [
            _("run"),
            _("model"),
            _("tokens"),
            _("parameters"),
            _("steps"),
            _("validation BPC"),
            _("test BPC"),
            _("perplexity per token"),
            _("distinct-2"),
            _("repeated 4-grams"),
        ],
        [_row(run) for run in report.runs],
    )
    writer.paragraph(
        _(
            "{table} compares by BPC, which does not depend on how text is cut; perplexity per "
            "token compares only runs with the same tokens and vocabulary."
        ).format(table=table)
    )
    # A single point is no curve.
    measured = [run.result for run in report.runs if len(run.result.curve) > 1]
    if measured:
        writer.figure(
            _("Validation BPC over time and over the text that was read"),
            "comparison",
            validations_figure(measured),
        )
    writer.paragraph(
        _(
            "Differences of the test BPC to {main}, with the 95 % interval of a bootstrap over the "
            "paragraphs, both runs resampled together {koehn}:"
        ).format(main=report.main.name, koehn=writer.cite("koehn2004"))
    )
    writer.bullets([difference_text(report, run) for run in report.runs[1:]])
    caution = unlike_starts(run.result for run in report.runs)
    if caution is not None:
        writer.paragraph(caution)


def difference_text(report: Report, run: RunStudy) -> str:
    """Whether a run predicts better than the main one, and by how much."""
    found = difference(run.result, report.main.result)
    if found is None:
        return _(
            "{run}: measured on other held-out texts than {main}, so the two do not compare."
        ).format(run=run.name, main=report.main.name)
    numbers = {
        "run": run.name,
        "main": report.main.name,
        "mean": f"{found.bpc:+.3f}",
        "low": f"{found.interval.low:+.3f}",
        "high": f"{found.interval.high:+.3f}",
    }
    if not found.is_shown:
        message = _(
            "{run} cannot be told apart from {main}: {mean} BPC on the test part, between {low} "
            "and {high}."
        )
    elif found.bpc < 0:
        message = _(
            "{run} predicts better than {main}: {mean} BPC on the test part, between {low} and "
            "{high}."
        )
    else:
        message = _(
            "{run} predicts worse than {main}: {mean} BPC on the test part, between {low} and "
            "{high}."
        )
    return message.format(**numbers)


def _row(run: RunStudy) -> list[str]:
    return [
        run.name,
        run.config.model.model,
        _(TOKENS[run.config.data.tokenizer]),
        count(run.info.get("parameters")),
        count(run.result.steps),
        bpc(run.result.validation_bpc),
        bpc(run.test_bpc),
        decimal(run.result.prediction["perplexity"]),
        decimal(run.measures.distinct_2, 3),
        percent(run.measures.repeated_4grams),
    ]
