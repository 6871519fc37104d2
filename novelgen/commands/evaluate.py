"""`python -m novelgen evaluate`: how well a run predicts, and what its writing is like."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from novelgen.api.evaluation import GROUPINGS, SWEPT, Evaluation, evaluate
from novelgen.cli import add_section, explicit_options, whole_number
from novelgen.commands.decoding_style import add_style, remark_on_options
from novelgen.commands.output_file import check_output, refuse_file
from novelgen.config import DEVICES, DecodingConfig
from novelgen.decoding_styles import styled
from novelgen.errors import ConfigError
from novelgen.i18n import N_, _, ngettext
from novelgen.report.sweep_tables import (
    FORMATS,
    log_probability_note,
    measures_heading,
    measures_table,
    save_sweep,
)
from novelgen.report.tables import (
    INTERVAL,
    MEASURES,
    PREDICTION,
    interval_text,
    shown,
    translate,
)
from novelgen.terminal import aligned_lines, table_lines

if TYPE_CHECKING:
    from novelgen.evaluation.groups import Group
    from novelgen.evaluation.sweep import SweepRow

# What the figures are called; --json has the keys. The measures' own names have no translation.
_LABELS = {
    **PREDICTION,
    "bits_per_character_ngram": N_("BPC of the n-gram model alone"),
    "bits_per_character_interpolated": N_("BPC of both together"),
    "ngram_weight": N_("weight of the n-gram model"),
    "bits_per_character_cache": N_("BPC with the cache"),
    "bits_per_character_cache_interpolated": N_("BPC with the cache and the n-gram model"),
    "pairs": N_("pairs"),
    "characters": N_("target characters"),
    "tokens": N_("target tokens"),
    "bits_per_character_shuffled": N_("BPC with shuffled sources"),
    **MEASURES,
}


# What the groups of --by are.
_GROUPS = {
    "novel": N_("novel"),
    "chapter": N_("chapter"),
    "length": N_("characters of the source"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `evaluate`."""
    parser.add_argument(
        "--checkpoint",
        required=True,
        type=Path,
        metavar="DIR",
        help=_("run directory that train wrote"),
    )
    _add_data_options(parser)
    # What is measured.
    parser.add_argument(
        "--generate",
        type=whole_number,
        default=0,
        metavar="N",
        help=_(
            "also write N texts and measure their diversity, repetition, likeness to the original "
            "and copying; with lists of decoding options, as --temperature 0.5,1.0 --beam-size "
            "1,5, every combination on the same prompts"
        ),
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        help=_(
            "with --generate: save prompts, true paragraphs, texts and settings, as .csv, .md or "
            ".json"
        ),
    )
    parser.add_argument(
        "--shuffle-sources",
        action="store_true",
        help=_("also evaluate with shuffled sources: the worse, the more the model uses them"),
    )
    parser.add_argument(
        "--by",
        metavar="|".join(GROUPINGS),
        help=_("also the BPC of every novel, every chapter, or by the length of the source"),
    )
    parser.add_argument(
        "--device",
        default="auto",
        metavar="|".join(DEVICES),
        help=_("device to compute on (default: auto)"),
    )
    parser.add_argument("--json", action="store_true", help=_("print JSON"))
    add_style(parser)
    add_section(
        parser,
        DecodingConfig,
        N_(
            "decoding options, for --generate; --task also says which task to evaluate, "
            "--cache-weight also measures with the cache"
        ),
        lists=SWEPT,
    )


def _add_data_options(parser: argparse.ArgumentParser) -> None:
    """Declares what is measured on: by default the test part of the run's own data."""
    parser.add_argument(
        "--part",
        default=None,
        metavar="train|valid|test",
        help=_("part of the run's own data to evaluate on (default: test)"),
    )
    parser.add_argument(
        "--corpus",
        nargs="+",
        type=Path,
        metavar="PATH",
        help=_("evaluate on another novel, all of it"),
    )
    parser.add_argument(
        "--encoding",
        metavar="TEXT",
        help=_("encoding of --corpus (default: auto)"),
    )
    parser.add_argument(
        "--errors",
        metavar="strict|replace",
        help=_("bytes of --corpus that cannot be decoded (default: strict)"),
    )
    parser.add_argument(
        "--pairs",
        type=Path,
        metavar="FILE.tsv",
        help=_("evaluate on other text pairs: each line a source, a tab and a target"),
    )


def main(args: argparse.Namespace) -> None:
    """Runs `evaluate`; the request is checked before anything is computed."""
    check_output("--output", args.output, FORMATS)
    if args.output and not args.generate:
        raise ConfigError(_("--output is for --generate N only; add it"))
    options = styled({**explicit_options(args, DecodingConfig), "style": args.style})
    # Where no decoder is named, they are those that have a use for what is given.
    if "decoder" in options:
        named = options["decoder"]
        remark_on_options(options, named if isinstance(named, list) else [named])
    evaluation = evaluate(
        args.checkpoint,
        part=args.part,
        corpus=args.corpus,
        pairs=args.pairs,
        encoding=args.encoding,
        errors=args.errors,
        generate=args.generate,
        shuffle_sources=args.shuffle_sources,
        by=args.by,
        device=args.device,
        on_text=_show_progress,
        **options,
    )
    if evaluation.copying_unknown:
        message = _("warning: copying is not measured: {reason}")
        print(message.format(reason=evaluation.copying_unknown), file=sys.stderr)
    result = evaluation.to_dict()
    if args.json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        print("\n".join(_report(result)))
        if evaluation.groups:
            print("\n" + "\n".join(_groups_report(evaluation.groups, args.by)))
        if len(evaluation.sweep) > 1:
            print("\n" + "\n".join(_sweep_report(evaluation.sweep)))
    if args.output:
        _save(evaluation, Path(args.output))


def _report(result: dict[str, Any]) -> list[str]:
    """The figures as lines for a person, and a line for each task where there are several."""
    # Counts with separators, measures with four digits; what has no label is no single figure.
    rows = []
    for name, value in result.items():
        if name in _LABELS:
            rows.append((_(_LABELS[name]), _shown(value)))
    lines = aligned_lines(rows)
    # A line for each task, where the model has learned several.
    for task, figures in result.get("tasks", {}).items():
        pairs = figures["pairs"]
        message = ngettext(
            "task {task}: BPC {bpc:.4f}, {count:,} pair",
            "task {task}: BPC {bpc:.4f}, {count:,} pairs",
            pairs,
        )
        lines.append(message.format(task=task, bpc=figures["bits_per_character"], count=pairs))
    return lines


def _shown(value: Any) -> str:
    """A count with separators, a measure with four digits, an interval with both ends."""
    if isinstance(value, tuple):
        return interval_text(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def _groups_report(groups: Sequence[Group], by: str) -> list[str]:
    """The BPC of every group as an aligned table."""
    heading = [_(_GROUPS[by]), _("pairs"), _("target characters"), "BPC", _(INTERVAL)]
    lines = [
        [
            group.name,
            f"{group.pairs:,}",
            f"{group.characters:,}",
            f"{group.bits_per_character:.3f}",
            interval_text(group.interval),
        ]
        for group in groups
    ]
    return table_lines([heading, *lines])


def _sweep_report(rows: Sequence[SweepRow]) -> list[str]:
    """The measures of every setting as an aligned table, and what its first figure is."""
    lines = [[shown(value) for value in line] for line in measures_table(rows)]
    return [*table_lines([translate(measures_heading(rows)), *lines]), log_probability_note()]


def _save(evaluation: Evaluation, path: Path) -> None:
    """Writes the file of --output; says so on standard error."""
    try:
        save_sweep(path, evaluation.texts, evaluation.sweep)
    except OSError as error:
        refuse_file(path, error)
    print(_("texts: {path}").format(path=path), file=sys.stderr)


def _show_progress(done: int, total: int) -> None:
    """Shows on a terminal how far the writing is."""
    if sys.stderr.isatty():
        # The last one ends the line.
        end = "\n" if done == total else ""
        print(f"\r{done}/{total}", end=end, file=sys.stderr, flush=True)
