"""`python -m novelgen evaluate`: how well a run predicts, and what its writing is like."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from novelgen.api.evaluation import evaluate
from novelgen.cli import add_section, explicit_options, whole_number
from novelgen.config import DEVICES, DecodingConfig
from novelgen.i18n import N_, _, ngettext
from novelgen.terminal import aligned_lines

# What the figures are called; --json has the keys. The measures' own names have no translation.
_LABELS = {
    "bits_per_character": N_("bits per character (BPC)"),
    "perplexity": N_("perplexity per token"),
    "bits_per_character_ngram": N_("BPC of the n-gram model alone"),
    "bits_per_character_interpolated": N_("BPC of both together"),
    "ngram_weight": N_("weight of the n-gram model"),
    "bits_per_character_cache": N_("BPC with the cache"),
    "bits_per_character_cache_interpolated": N_("BPC with the cache and the n-gram model"),
    "pairs": N_("pairs"),
    "characters": N_("target characters"),
    "tokens": N_("target tokens"),
    "bits_per_character_shuffled": N_("BPC with shuffled sources"),
    "log_probability": N_("log-probability per character"),
    "distinct_1": "distinct-1",
    "distinct_2": "distinct-2",
    "repeated_4grams": N_("repeated 4-grams"),
    "length": N_("mean length in characters"),
    "finished": N_("ended by itself"),
    "bleu": "BLEU",
    "chrf": "chrF",
    "copied_8grams": N_("8-grams copied from the training text"),
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
            "and copying"
        ),
    )
    parser.add_argument(
        "--shuffle-sources",
        action="store_true",
        help=_("also evaluate with shuffled sources: the worse, the more the model uses them"),
    )
    parser.add_argument(
        "--device",
        default="auto",
        metavar="|".join(DEVICES),
        help=_("device to compute on (default: auto)"),
    )
    parser.add_argument("--json", action="store_true", help=_("print JSON"))
    add_section(
        parser,
        DecodingConfig,
        N_(
            "decoding options, for --generate; --task also says which task to evaluate, "
            "--cache-weight also measures with the cache"
        ),
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
    evaluation = evaluate(
        args.checkpoint,
        part=args.part,
        corpus=args.corpus,
        pairs=args.pairs,
        encoding=args.encoding,
        errors=args.errors,
        generate=args.generate,
        shuffle_sources=args.shuffle_sources,
        device=args.device,
        on_text=_show_progress,
        **explicit_options(args, DecodingConfig),
    )
    if evaluation.copying_unknown:
        message = _("warning: copying is not measured: {reason}")
        print(message.format(reason=evaluation.copying_unknown), file=sys.stderr)
    result = evaluation.to_dict()
    if args.json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        print("\n".join(_report(result)))


def _report(result: dict[str, Any]) -> list[str]:
    """The figures as lines for a person, and a line for each task where there are several."""
    # Counts with separators, measures with four digits; what has no label is no single figure.
    rows = []
    for name, value in result.items():
        if name in _LABELS:
            shown = f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
            rows.append((_(_LABELS[name]), shown))
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


def _show_progress(done: int, total: int) -> None:
    """Shows on a terminal how far the writing is."""
    if sys.stderr.isatty():
        # The last one ends the line.
        end = "\n" if done == total else ""
        print(f"\r{done}/{total}", end=end, file=sys.stderr, flush=True)
