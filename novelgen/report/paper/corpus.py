"""The section on the corpus: its novels, what cleaning did, lengths and vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from novelgen.data.split import PARTS, describe_split
from novelgen.i18n import _
from novelgen.report.paper.figures import chapters_figure, corpus_figure
from novelgen.report.paper.phrases import count
from novelgen.report.paper.study import CorpusStudy
from novelgen.report.paper.writer import ReportWriter
from novelgen.text.report import RULE_NAMES

_MOST_NOVELS = 40  # in the table; the rest is summed up


def write_corpus(writer: ReportWriter, corpus: CorpusStudy) -> None:
    """Writes the section."""
    writer.heading(2, _("Corpus"))
    _novels(writer, corpus.meta)
    _cleaning(writer, corpus.meta["import"])
    writer.figure(
        _(
            "Lengths of the segments, and the share of all tokens that the most frequent symbols "
            "cover"
        ),
        "corpus",
        corpus_figure(corpus),
    )
    names, chapters = _chapter_lengths(corpus)
    if sum(map(len, chapters)) > 1:
        writer.figure(
            _("Lengths of the chapters; those of a novel have one colour"),
            "chapters",
            chapters_figure(chapters, names),
        )


def _novels(writer: ReportWriter, meta: Mapping[str, Any]) -> None:
    """Every novel in a line, and all together."""
    novels = meta["novels"]
    rows = [
        [
            novel["name"],
            count(novel["chapters"]),
            count(novel["paragraphs"]),
            count(novel["characters"]),
            count(novel["vocabulary"]),
            " / ".join(count(novel["pairs"][part]) for part in PARTS),
        ]
        for novel in novels[:_MOST_NOVELS]
    ]
    parts = ("chapters", "paragraphs", "characters")
    total = [
        _("all"),
        *(count(sum(novel[part] for novel in novels)) for part in parts),
        count(meta["statistics"]["vocabulary"]),
        " / ".join(count(meta["pairs"][part]) for part in PARTS),
    ]
    if len(novels) > 1:
        rows.append(total)
    heading = [
        _("novel"),
        _("chapters"),
        _("paragraphs"),
        _("characters"),
        _("different characters"),
        _("pairs (training / validation / test)"),
    ]
    table = writer.table(_("The corpus"), heading, rows)
    lengths = meta["statistics"]["paragraph_lengths"]
    writer.paragraph(
        _(
            "{table} shows the corpus after cleaning. Half of the paragraphs have at most {p50} "
            "characters, nine of ten at most {p90}, the longest {longest}."
        ).format(table=table, p50=lengths["p50"], p90=lengths["p90"], longest=lengths["max"])
    )
    writer.paragraph(
        _("How the parts were made: {rule}.").format(rule=describe_split(meta["split"]["rule"]))
    )
    if len(novels) > _MOST_NOVELS:
        writer.paragraph(
            _("The table lists the first {count} of {all} novels.").format(
                count=_MOST_NOVELS, all=len(novels)
            )
        )


def _cleaning(writer: ReportWriter, found: Any) -> None:
    """What was taken out or changed, by rule, and what is no novel."""
    rows = [
        [
            _(RULE_NAMES.get(rule, rule)),
            count(places),
            count(found["removed_characters"].get(rule, 0)),
        ]
        for rule, places in found["removed"].items()
    ]
    if rows:
        writer.table(
            _("What cleaning changed or took out"),
            [_("rule"), _("places"), _("characters taken out")],
            rows,
        )
    else:
        writer.paragraph(_("Cleaning found nothing to change."))


def _chapter_lengths(corpus: CorpusStudy) -> tuple[list[str], list[list[int]]]:
    """The names of the novels, and the characters of each chapter of each of them."""
    names = [novel["name"] for novel in corpus.meta["novels"]]
    by_novel: list[list[int]] = [[] for _name in names]
    places = corpus.meta["import"].get("places") or []
    for chapter, length in enumerate(np.bincount(corpus.chapters, weights=corpus.segment_lengths)):
        # Chapter 0 is what stands before the first heading of the corpus.
        file = places[chapter - 1]["file"] if chapter and chapter <= len(places) else 0
        if length:
            by_novel[file].append(int(length))
    return names, by_novel
