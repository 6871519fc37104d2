"""Conclusions by stated rules: each follows from figures that the report shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from novelgen.i18n import _, join_list
from novelgen.report.comparison import unlike_starts
from novelgen.report.paper.comparing import difference_text
from novelgen.report.paper.figures import family_rows
from novelgen.report.paper.method import passes
from novelgen.report.paper.phrases import bpc, count, decimal, percent, setting_text
from novelgen.report.paper.study import Report
from novelgen.report.paper.writer import ReportWriter
from novelgen.training.baselines import NAMES

# By how much validation must rise, or training fall, to be worth a sentence, in BPC.
_NOTABLE = 0.02
_LOOPS = 0.1  # share of repeated 4-grams
_ONE_PLACE = 0.5  # of the weight
_COPIED = 0.02


def write_conclusions(writer: ReportWriter, report: Report) -> None:
    """Writes the chapter."""
    writer.heading(1, _("Conclusions"))
    writer.paragraph(
        _("These sentences follow by fixed rules from the figures above; add your own reading.")
    )
    writer.bullets(conclusions(report))


def conclusions(report: Report) -> list[str]:
    """All sentences whose rule applies, in order."""
    return [sentence for rule in _RULES for sentence in rule(report)]


def _against_baselines(report: Report) -> Iterator[str]:
    """The test BPC beside those of the n-gram models on the same text."""
    found = report.main.test_bpc
    baselines = report.main.info.get("baselines", {})
    beaten = [name for name in NAMES if baselines.get(name, {}).get("test", 0) > found]
    if not baselines:
        return
    if beaten:
        best = beaten[-1]
        yield _(
            "The model predicts better than a {name} model: {bpc} against {other} BPC on the test "
            "part."
        ).format(name=_(best), bpc=bpc(found), other=bpc(baselines[best]["test"]))
    trigram = baselines.get("trigram", {}).get("test")
    if trigram and trigram <= found:
        yield _(
            "It is not better than a trigram model ({other} BPC), so it has not learned enough: "
            "more minutes, more text, or a start from trained weights would help."
        ).format(other=bpc(trigram))


def _learning(report: Report) -> Iterator[str]:
    """Whether the budget or the corpus was the limit."""
    run = report.main
    validations = run.validations
    if len(validations) < 2 or not run.steps:
        return
    best = min(validations, key=lambda each: float(each["validation_bpc"]))
    last = validations[-1]
    rise = last["validation_bpc"] - best["validation_bpc"]
    if best is last:
        yield _(
            "Validation was still falling when the budget of {epochs} passes ended: a longer "
            "training may go on to improve."
        ).format(epochs=decimal(passes(run), 1))
    elif rise > _NOTABLE:
        fall = _training_bpc(report, best["step"]) - _training_bpc(report, last["step"])
        yield _(
            "Validation stopped falling at step {step} and rose by {rise} BPC until the end, while "
            "training fell by {fall}: the model began to learn its text by heart. More text or "
            "more dropout would help, more time would not."
        ).format(step=count(best["step"]), rise=bpc(rise), fall=bpc(fall))
    else:
        yield _(
            "Validation was best at step {step} and changed by less than {limit} BPC after it: the "
            "budget was about right."
        ).format(step=count(best["step"]), limit=_NOTABLE)


def _training_bpc(report: Report, step: int) -> float:
    """The mean BPC of the fifty steps up to one."""
    found = [each["bpc"] for each in report.main.steps if each["step"] <= step][-50:]
    return float(sum(found) / len(found))


def _gap(report: Report) -> Iterator[str]:
    """The difference between training and test text."""
    train = report.main.bpc["train"]
    test = report.main.test_bpc
    yield _(
        "Training text costs the kept weights {train} BPC, test text {test}: a gap of {gap}."
    ).format(train=bpc(train), test=bpc(test), gap=bpc(test - train))


def _source(report: Report) -> Iterator[str]:
    """What the source is worth."""
    cost = report.main.bpc["shuffled"] - report.main.test_bpc
    if cost > _NOTABLE:
        yield _(
            "With a wrong source the same targets cost {cost} BPC more: the model uses what stands "
            "before."
        ).format(cost=bpc(cost))
    else:
        yield _(
            "With a wrong source the same targets cost nearly the same ({cost} BPC): the model "
            "hardly uses what stands before."
        ).format(cost=f"{cost:+.3f}")


def _decoding(report: Report) -> Iterator[str]:
    """What temperature and beams do to variety and repetition."""
    rows = family_rows(report.main.sweep, "temperature")
    if len(rows) > 1:
        low, high = rows[0], rows[-1]
        yield _(
            "From temperature {low} to {high} distinct-2 goes from {low_value} to {high_value}, "
            "and repeated 4-grams from {low_share} to {high_share}."
        ).format(
            low=f"{low.options['temperature']:g}",
            high=f"{high.options['temperature']:g}",
            low_value=decimal(low.measures.distinct_2, 3),
            high_value=decimal(high.measures.distinct_2, 3),
            low_share=percent(low.measures.repeated_4grams),
            high_share=percent(high.measures.repeated_4grams),
        )
    beams = family_rows(report.main.sweep, "beam_size")
    if len(beams) > 1:
        low, high = beams[0], beams[-1]
        yield _(
            "From a beam of {low} to one of {high} the log-probability per character goes from "
            "{low_value} to {high_value}, and the length from {low_length} to {high_length} "
            "characters."
        ).format(
            low=low.options["beam_size"],
            high=high.options["beam_size"],
            low_value=decimal(low.measures.log_probability),
            high_value=decimal(high.measures.log_probability),
            low_length=decimal(low.measures.length, 1),
            high_length=decimal(high.measures.length, 1),
        )
    looping = [
        setting_text(row.options)
        for row in report.main.sweep
        if row.measures.repeated_4grams > _LOOPS
    ]
    if looping:
        yield _(
            "These settings turn in circles (over {limit} repeated 4-grams): {settings}."
        ).format(limit=f"{_LOOPS:.0%}", settings=join_list(looping))


def _attention(report: Report) -> Iterator[str]:
    """Whether attention looks at one place."""
    share = report.main.heaviest_share
    if share is None:
        return
    if share > _ONE_PLACE:
        yield _(
            "Attention looks at one place: a single position gets {share} of the weight. Its "
            "heatmaps explain nothing."
        ).format(share=percent(share))


def _copying(report: Report) -> Iterator[str]:
    """Whether the texts are the model's own."""
    rows = [row for row in report.main.sweep if row.measures.copied_8grams is not None]
    copying = [
        setting_text(row.options) for row in rows if (row.measures.copied_8grams or 0) > _COPIED
    ]
    if copying:
        yield _(
            "More than {limit} of the 8-grams stand in the training text with these settings: "
            "{settings}."
        ).format(limit=f"{_COPIED:.0%}", settings=join_list(copying))
    elif rows:
        yield _(
            "With no setting more than {limit} of the 8-grams stand in the training text."
        ).format(limit=f"{_COPIED:.0%}")


def _comparison(report: Report) -> Iterator[str]:
    """Which run is better, where that can be told."""
    for run in report.runs[1:]:
        yield difference_text(report, run)
    caution = unlike_starts(run.result for run in report.runs)
    if caution is not None:
        yield caution


_RULES: tuple[Callable[[Report], Iterator[str]], ...] = (
    _against_baselines,
    _learning,
    _gap,
    _source,
    _comparison,
    _decoding,
    _copying,
    _attention,
)
