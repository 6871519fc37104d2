"""The sections on what the model writes: decoders, samples, attention, failures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial

from novelgen.data.passages import PASSAGE_LENGTH
from novelgen.decoding.results import Paragraph
from novelgen.evaluation.failures import LOOP_SHARE, SHORT_LENGTH, SHORT_SHARE
from novelgen.evaluation.sweep import SweepRow
from novelgen.i18n import N_, _, join_list
from novelgen.models.zoo import attends
from novelgen.report.heatmap import attention_figure
from novelgen.report.paper.figures import shown_families, sweep_figure
from novelgen.report.paper.phrases import bpc, count, decimal, percent, setting_text, shortened
from novelgen.report.paper.study import RunStudy
from novelgen.report.paper.writer import ReportWriter
from novelgen.report.tables import MEASURES

_EXAMPLES = 3  # prompts in the table of three columns
_MOST_COPIES = 12
# The measures of the table of settings, and how each is shown.
_SHOWN: dict[str, Callable[[float | None], str]] = {
    "log_probability": decimal,
    "distinct_1": partial(decimal, digits=3),
    "distinct_2": partial(decimal, digits=3),
    "repeated_4grams": percent,
    "copied_8grams": percent,
    "length": partial(decimal, digits=1),
    "bleu": partial(decimal, digits=1),
    "chrf": partial(decimal, digits=1),
    "divergence": partial(decimal, digits=3),
    "finished": percent,
}
FAILURES = {
    "loop": N_("turns in circles"),
    "quotation": N_("broken quotation marks or brackets"),
    "early": N_("ends early"),
    "broken_off": N_("breaks off"),
    "bytes": N_("a character spelled in bytes"),
    "names": N_("names other people than its source"),
}


def write_sweep(writer: ReportWriter, run: RunStudy) -> None:
    """Writes the section on decoding settings."""
    if not run.sweep:
        return
    writer.heading(2, _("Decoding"))
    prompts = len({text.prompt for text in run.sweep[0].texts})
    table = writer.table(
        _("Decoding settings on the same {count} held-out sources").format(count=prompts),
        [_("setting"), *(_(MEASURES[name]) for name in _SHOWN)],
        [_sweep_row(row) for row in run.sweep],
        [13, 8, 9, 9, 8, 8, 7, 6, 6, 8, 9],
    )
    writer.paragraph(
        _(
            "{table} has a row for each setting, all with the same sources and seeds. The "
            "log-probability is the model's own, at temperature 1 and without rules; what is "
            "likely to the model is not what reads best."
        ).format(table=table)
    )
    families = shown_families(run.sweep)
    if families:
        options = join_list([_(family.label) for family in families])
        writer.figure(
            _("The measures by {options}").format(options=options), "sweep", sweep_figure(run.sweep)
        )
    writer.table(
        _("One example of each setting, after the same source: {source}").format(
            source=shortened(run.prompts[0].replace("\n", " "))
        ),
        [_("setting"), _("generated")],
        [[setting_text(row.options), row.texts[0].text or "—"] for row in run.sweep],
        [1, 4],
    )


def _sweep_row(row: SweepRow) -> list[str]:
    shown = [show(getattr(row.measures, name)) for name, show in _SHOWN.items()]
    return [setting_text(row.options), *shown]


def write_samples(writer: ReportWriter, run: RunStudy) -> None:
    """Writes the section with source, truth and generated text side by side."""
    writer.heading(2, _("Samples"))
    by_prompt = defaultdict(list)
    for place, text in enumerate(run.written):
        by_prompt[text.source].append(place)
    chosen = [run.written[places[0]] for places in list(by_prompt.values())[:_EXAMPLES]]
    if chosen:
        writer.table(
            _("Source, true next paragraph and generated paragraph ({setting}); not chosen").format(
                setting=setting_text(run.written_options)
            ),
            [_("source"), _("true next paragraph"), _("generated")],
            [[text.source, text.target, text.text or "—"] for text in chosen],
            [1, 1, 1],
        )
    if run.samples:
        writer.table(
            _("What was written after the same source at several steps of training"),
            [_("step"), _("validation BPC"), _("generated")],
            [
                [count(sample.step), bpc(_bpc_at(run, sample.step)), sample.text]
                for sample in run.samples
            ],
            [1, 1, 6],
        )
        writer.paragraph(_("The source was: {source}").format(source=run.samples[0].prompt))


def _bpc_at(run: RunStudy, step: int) -> float | None:
    """The validation of a step."""
    for each in run.validations:
        if each["step"] == step:
            return float(each["validation_bpc"])
    return None


def write_attention(writer: ReportWriter, run: RunStudy) -> None:
    """Writes the section on attention, for a model that has it."""
    if not attends(run.config.model):
        return
    writer.heading(2, _("Attention"))
    writer.paragraph(
        _(
            "A row of a heatmap is a written token, a column a token of the source; weights of a "
            "row sum to 1. Weights show where the model looked, which need not be why it wrote "
            "{jain}."
        ).format(jain=writer.cite("jain2019"))
    )
    if run.heaviest_share is not None and run.entropy is not None:
        writer.paragraph(
            _(
                "On {pairs} test pairs the position that gets most has {share} of the weight on "
                "average, and a row has an entropy of {entropy} bits."
            ).format(
                pairs=count(run.attention_pairs),
                share=percent(run.heaviest_share),
                entropy=decimal(run.entropy),
            )
        )
    if run.attention and run.config.data.context_paragraphs > 1 and not run.config.from_pairs:
        writer.paragraph(
            _("For the heatmaps the model read one paragraph alone, so that one can read them.")
        )
    for number, paragraph in enumerate(run.attention, 1):
        _heatmap(writer, paragraph, number)


def _heatmap(writer: ReportWriter, paragraph: Paragraph, number: int) -> None:
    writer.figure(
        _("Attention while this was written: {text}").format(text=shortened(paragraph.text, 40)),
        f"attention{number}",
        attention_figure(paragraph),
    )


def write_failures(writer: ReportWriter, run: RunStudy) -> None:
    """Writes the section that counts what went wrong."""
    if not run.failures:
        return
    writer.heading(2, _("Failure analysis"))
    total = len(run.written)
    rows = []
    for failure in run.failures:
        example = "—"
        if failure.places:
            example = shortened(run.written[failure.places[0]].text, 80) or _("(no text)")
        share = percent(len(failure.places) / total)
        true = percent(run.true_failures.get(failure.name))
        rows.append([_(FAILURES[failure.name]), f"{len(failure.places)} ({share})", true, example])
    rows.append(
        [
            _("copies {length} characters and more").format(length=PASSAGE_LENGTH),
            f"{run.copying_texts} ({percent(run.copying_texts / total)})",
            percent(run.true_failures.get("copies")),
            shortened(run.copied[0].text, 80) if run.copied else "—",
        ]
    )
    table = writer.table(
        _("Failures among {count} texts ({setting})").format(
            count=total, setting=setting_text(run.written_options)
        ),
        [_("failure"), _("texts"), _("true paragraphs"), _("first example")],
        rows,
        [3, 2, 2, 5],
    )
    writer.paragraph(
        _(
            "{table} counts by rules: a text turns in circles when more than {loop} of its 4-grams "
            "stood in it before; it ends early with fewer than {length} characters and less than "
            "{short} of the true paragraph's; it breaks off when it does not end by itself or not "
            "with the end of a sentence; it names other people when it and its source both name "
            "somebody, but nobody in common (people whom the training text names often). The same "
            "rules "
            "were applied to the paragraphs that truly follow."
        ).format(
            table=table,
            loop=f"{LOOP_SHARE:.0%}",
            length=SHORT_LENGTH,
            short=f"{SHORT_SHARE:.0%}",
        )
    )
    if run.copied:
        writer.table(
            _("The longest spans that stand in the training text, and where"),
            [_("span"), _("characters"), _("novel"), _("chapter"), _("segment")],
            [
                [span.text, count(len(span.text)), span.novel, span.chapter, count(span.paragraph)]
                for span in run.copied[:_MOST_COPIES]
            ],
            [4, 1, 2, 3, 1],
        )
