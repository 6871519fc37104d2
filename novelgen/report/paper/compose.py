"""A report as a document: title, abstract, introduction, the chapters, references, appendix."""

from __future__ import annotations

from novelgen.i18n import N_, _, language, ngettext
from novelgen.report.document.elements import Document
from novelgen.report.paper.conclusions import conclusions, write_conclusions
from novelgen.report.paper.experiments import write_experiments
from novelgen.report.paper.method import budget_text, write_method
from novelgen.report.paper.phrases import TOKENS, VARIANTS, bpc, count
from novelgen.report.paper.study import Report
from novelgen.report.paper.writer import ReportWriter

# Of `describe_machine`, in words; the others are names of packages.
_FACTS = {
    "cpu": "CPU",
    "gpu": "GPU",
    "cores": N_("processor cores"),
    "threads": N_("threads"),
    "device": N_("device"),
    "auto_precision": N_("precision, where it is not chosen"),
    "system": N_("operating system"),
    "python": "Python",
}


def compose(report: Report) -> Document:
    """The document, in the language that is shown."""
    title = report.title or _("Continuing Chinese novels paragraph by paragraph")
    document = Document(title, language(), report.details)
    writer = ReportWriter(document)
    _abstract(writer, report)
    _introduction(writer, report)
    write_method(writer, report)
    write_experiments(writer, report)
    write_conclusions(writer, report)
    _references(writer)
    _appendix(writer, report)
    return document


def _abstract(writer: ReportWriter, report: Report) -> None:
    run = report.main
    writer.heading(1, _("Abstract"), numbered=False)
    if report.quick:
        writer.paragraph(
            _(
                "This is a preview: it was measured on few texts, and its figures are rough. "
                "Without --quick all are measured."
            )
        )
    text = _(
        "We train {model} on {corpus} to write the paragraph that follows a given one. The model "
        "works on {tokens} and has {parameters} parameters; its training took {budget}. On "
        "held-out text it reaches {bpc} bits per character."
    ).format(
        model=_(VARIANTS[run.model.model]),
        corpus=_corpus_phrase(report),
        tokens=_(TOKENS[run.config.data.tokenizer]),
        parameters=count(run.info.get("parameters")),
        budget=budget_text(run),
        bpc=bpc(run.test_bpc),
    )
    # The first conclusions say how good that is.
    first = conclusions(report)[:2]
    separator = "" if language() == "zh" else " "
    writer.paragraph(separator.join([text, *first]))


def _corpus_phrase(report: Report) -> str:
    """The corpus within a sentence."""
    if report.corpus is None:
        return _("pairs of texts")
    novels = report.corpus.meta["novels"]
    characters = sum(novel["characters"] for novel in novels)
    return ngettext(
        "{count} novel of {characters} characters",
        "{count} novels of {characters} characters together",
        len(novels),
    ).format(count=len(novels), characters=count(characters))


def _introduction(writer: ReportWriter, report: Report) -> None:
    writer.heading(1, _("Introduction"))
    writer.paragraph(
        _(
            "Sequence-to-sequence models {sutskever} read a text and write another one, token by "
            "token. Attention {bahdanau} lets them look back at every position of the source while "
            "they write; it was made for translation, where source and target say the same. Here "
            "the source is a paragraph of a novel and the target the one that follows. Much of "
            "what comes next in a story is open, so that no model can predict it well; what can be "
            "learned is the language, the style, who speaks, and which names go on."
        ).format(
            sutskever=writer.cite("sutskever2014", "cho2014"), bahdanau=writer.cite("bahdanau2015")
        )
    )
    writer.paragraph(
        _(
            "The questions of this report are: how well such a model predicts held-out chapters, "
            "beside simple n-gram models; what the source is worth to it; how decoding decides "
            "what its text is like; and what goes wrong in that text, counted."
        )
    )
    if len(report.runs) > 1:
        writer.paragraph(
            _("{count} runs are compared; where no run is named, {main} is meant.").format(
                count=len(report.runs), main=report.main.name
            )
        )


def _references(writer: ReportWriter) -> None:
    listed = writer.citations.listed()
    writer.heading(1, _("References"), numbered=False)
    writer.bullets([entry for _number, entry in listed], [number for number, _entry in listed])


def _appendix(writer: ReportWriter, report: Report) -> None:
    writer.heading(1, _("Appendix: how to get the same figures"), numbered=False)
    writer.paragraph(
        _(
            "These commands train and measure again. A training whose budget was in steps gives "
            "the same weights on the same machine and versions. One in minutes does not: its "
            "learning rate followed the clock. The steps that it took stand here in place of its "
            "minutes, and the figures come out near, not the same."
        )
    )
    writer.code("\n".join(report.commands))
    facts = {**report.machine, **report.versions}
    rows = [[_(_FACTS.get(name, name)), str(value)] for name, value in facts.items()]
    writer.table(
        _("Versions, and the machine that measured for this report"), [_("name"), _("value")], rows
    )
