"""The chapter on the experiments: corpus, training, prediction, writing, attention, failures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from novelgen.config import flag
from novelgen.i18n import N_, _
from novelgen.report.curves import curves_figure
from novelgen.report.paper.comparing import write_comparison
from novelgen.report.paper.corpus import write_corpus
from novelgen.report.paper.method import budget_text
from novelgen.report.paper.phrases import bpc, count, decimal, value_text
from novelgen.report.paper.study import Report, RunStudy
from novelgen.report.paper.writer import ReportWriter
from novelgen.report.paper.writing import (
    write_attention,
    write_failures,
    write_samples,
    write_sweep,
)
from novelgen.training.baselines import NAMES

# By the names of `novelgen.training.alarms`; their messages are in the language of the training.
_ALARMS = {
    "small_corpus": N_("the corpus is small"),
    "unused_gpu": N_("a GPU is there and was not used"),
    "low_memory": N_("memory was nearly full"),
    "no_fall": N_("the loss did not fall"),
    "exploding_gradients": N_("the gradients were large"),
    "not_finite": N_("the loss was no number"),
    "learning_by_heart": N_("validation rose: the model learned by heart"),
    "stuck_attention": N_("attention looked at one place"),
}
# Of `PairLosses.figures`; each has a twin without the end.
_PERPLEXITIES = {
    "bits_per_character": N_("bits per character (BPC)"),
    "character_perplexity": N_("perplexity per character"),
    "perplexity": N_("perplexity per token"),
}


def write_experiments(writer: ReportWriter, report: Report) -> None:
    """Writes the chapter."""
    writer.heading(1, _("Experimental studies"))
    if report.corpus is not None:
        write_corpus(writer, report.corpus)
    _setting(writer, report.main)
    _curves(writer, report.main)
    _alarms(writer, report.main)
    _prediction(writer, report.main)
    if len(report.runs) > 1:
        write_comparison(writer, report)
    write_sweep(writer, report.main)
    write_samples(writer, report.main)
    write_attention(writer, report.main)
    write_failures(writer, report.main)


def _setting(writer: ReportWriter, run: RunStudy) -> None:
    writer.heading(2, _("Configuration"))
    config = run.config
    rows = [
        [flag(name), run.first_weights or value if name == "init" else value_text(value)]
        for section in (config.model, config.training)
        for name, value in vars(section).items()
        if value is not None
    ]
    half = (len(rows) + 1) // 2
    padded = rows[half:] + [["", ""]] * (2 * half - len(rows))
    table = writer.table(
        _("The configuration of the run {run}").format(run=run.name),
        [_("option"), _("value"), _("option"), _("value")],
        [left + right for left, right in zip(rows[:half], padded, strict=True)],
    )
    writer.paragraph(
        _("{table} lists every option. The training took {budget}.").format(
            table=table, budget=budget_text(run)
        )
    )


def _curves(writer: ReportWriter, run: RunStudy) -> None:
    writer.heading(2, _("Training"))
    if not run.steps:
        writer.paragraph(_("The run has no record of its training."))
        return
    figure = writer.figure(
        _("BPC and perplexity per character in training and validation"),
        "loss",
        curves_figure(run.records),
    )
    validations = run.validations
    if not validations:
        writer.paragraph(_("{figure} has no validation.").format(figure=figure))
        return
    best = min(validations, key=lambda each: float(each["validation_bpc"]))
    writer.paragraph(
        _(
            "{figure} shows the training. Validation was best at step {step}, with {bpc} BPC; the "
            "last one, at step {last}, had {last_bpc}."
        ).format(
            figure=figure,
            step=count(best["step"]),
            bpc=bpc(best["validation_bpc"]),
            last=count(validations[-1]["step"]),
            last_bpc=bpc(validations[-1]["validation_bpc"]),
        )
    )
    rows = [
        [
            count(each["step"]),
            decimal(each["seconds"] / 60, 1),
            bpc(each["validation_bpc"]),
            decimal(each.get("validation_perplexity")),
        ]
        for each in _spread(validations, 12)
    ]
    writer.table(
        _("Validations"),
        [_("step"), _("minutes"), _("validation BPC"), _("perplexity per token")],
        rows,
    )


def _alarms(writer: ReportWriter, run: RunStudy) -> None:
    """What the program warned of while it trained."""
    alarms = [
        f"{count(each['step'])}: {_(_ALARMS.get(each['alarm'], each['alarm']))}"
        for each in run.records
        if "alarm" in each
    ]
    if alarms:
        writer.paragraph(_("While it trained, the program warned at these steps:"))
        writer.bullets(alarms)


def _spread(items: Sequence[Any], most: int) -> list[Any]:
    """At most so many of the items, evenly from the first to the last."""
    places = np.unique(np.linspace(0, len(items) - 1, min(most, len(items))).astype(int))
    return [items[place] for place in places]


def _prediction(writer: ReportWriter, run: RunStudy) -> None:
    """How well the run predicts what it has not seen, beside n-gram models."""
    writer.heading(2, _("Prediction"))
    if run.info["is_all_training"]:
        writer.paragraph(
            _(
                "The corpus is too small to be divided: nothing was held out, and the figures are "
                "of text that the model was trained on."
            )
        )
    found = run.result.prediction
    table = writer.table(
        _("BPC on the test part ({pairs} pairs, {characters} characters)").format(
            pairs=count(len(run.result.pair_bits)),
            characters=count(sum(run.result.pair_characters)),
        ),
        ["", _("BPC")],
        _bpc_rows(run),
        [3, 2],
    )
    writer.paragraph(
        _(
            "{table} gives the figures of the kept weights; the interval holds with 95 %, by a "
            "bootstrap over the paragraphs {koehn}. The n-gram models are counted on the same "
            "training text (modified Kneser-Ney {chen}). With exchanged sources every target gets "
            "the source of another one: what that costs is what the source is worth."
        ).format(table=table, koehn=writer.cite("koehn2004"), chen=writer.cite("chen1999"))
    )
    rows = [
        [_(label), decimal(found[name], 3), decimal(found[f"{name}_without_end"], 3)]
        for name, label in _PERPLEXITIES.items()
    ]
    writer.table(
        _("The same prediction, with the end of a paragraph counted and not counted"),
        ["", _("end counted"), _("end not counted")],
        rows,
    )
    if run.result.by_length:
        writer.table(
            _("Test BPC by the length of the source"),
            [_("characters of the source"), _("pairs"), _("BPC")],
            [[each.label, count(each.pairs), bpc(each.bpc)] for each in run.result.by_length],
        )
    if run.result.test_is_sample:
        writer.paragraph(
            _(
                "The figures of the model are of a sample of the test pairs; those of the n-gram "
                "models are as the training measured them, on all of the part or on a larger "
                "sample."
            )
        )


def _bpc_rows(run: RunStudy) -> list[list[str]]:
    """The model's BPC, and beside it those that say what it means."""
    low, high = run.result.prediction["bits_per_character_interval"]
    rows = [[_("this model"), f"{bpc(run.test_bpc)} ({bpc(low)} – {bpc(high)})"]]
    if "interpolated" in run.bpc:
        rows.append([_("with the n-gram model beside it"), bpc(run.bpc["interpolated"])])
    for name in NAMES:
        baseline = run.info["baselines"].get(name, {}).get("test")
        if baseline is not None:
            rows.append([_(name), bpc(baseline)])
    rows.append([_("this model, sources exchanged"), bpc(run.bpc["shuffled"])])
    rows.append([_("this model, on training text"), bpc(run.bpc["train"])])
    return rows
