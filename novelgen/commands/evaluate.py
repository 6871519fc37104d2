"""`python -m novelgen evaluate`: how well a run predicts, and what its writing is like."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from novelgen.cli import add_section, explicit_options, one_of, whole_number
from novelgen.commands.evaluate_data import DEFAULT_READING, pairs_by_task, training_text
from novelgen.config import DEVICES, DecodingConfig, validate_choice
from novelgen.errors import ConfigError
from novelgen.i18n import N_, _, ngettext
from novelgen.terminal import aligned_lines

if TYPE_CHECKING:
    from novelgen.data.pairs import Pairs
    from novelgen.training.checkpoint import Run
    from novelgen.training.loss import LossStats

_PARTS = ("train", "valid", "test")
# What the figures are called; --json has the keys. The measures' own names have no translation.
_LABELS = {
    "bits_per_character": N_("bits per character (BPC)"),
    "perplexity": N_("perplexity per token"),
    "pairs": N_("pairs"),
    "characters": N_("target characters"),
    "tokens": N_("target tokens"),
    "bits_per_character_shuffled": N_("BPC with shuffled sources"),
    "distinct_1": "distinct-1",
    "distinct_2": "distinct-2",
    "repeated_4grams": N_("repeated 4-grams"),
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
        help=_("run directory that train.py wrote"),
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
        N_("decoding options, for --generate; --task alone also says which task to evaluate"),
    )


def _add_data_options(parser: argparse.ArgumentParser) -> None:
    """Declares what is measured on: by default the test part of the run's own data."""
    parser.add_argument(
        "--part",
        default=None,
        metavar="|".join(_PARTS),
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
        default=DEFAULT_READING[0],
        metavar="TEXT",
        help=_("encoding of --corpus (default: auto)"),
    )
    parser.add_argument(
        "--errors",
        default=DEFAULT_READING[1],
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
    # 1. The request.
    asked = explicit_options(args, DecodingConfig)
    # The same texts every time, unless another seed is asked for.
    options = {"seed": 1, **asked}
    DecodingConfig(**options)
    part = _check_request(args, asked)

    # Torch is imported behind the checks, which answer at once.
    from novelgen.training.checkpoint import load_run
    from novelgen.training.loss import evaluate_loss

    # 2. How well the run predicts, in each task. The first one is the main task.
    run = load_run(args.checkpoint, args.device)
    by_task = pairs_by_task(run, args, part, options.get("task"))
    pairs = next(iter(by_task.values()))
    # Nothing is kept for a backward pass, so that twice the batch of training fits.
    batch_tokens = 2 * run.config.training.batch_tokens

    def evaluated(pairs: Pairs) -> LossStats:
        return evaluate_loss(run.model, pairs, batch_tokens=batch_tokens, device=run.device)

    figures = {task: _figures(evaluated(each)) for task, each in by_task.items()}
    result: dict[str, Any] = dict(next(iter(figures.values())))
    if len(figures) > 1:
        result["tasks"] = figures
    # 3. Whether it uses the source, and what its writing is like.
    if args.shuffle_sources:
        shuffled = evaluated(pairs.shuffled_sources(seed=1))
        result["bits_per_character_shuffled"] = shuffled.bits_per_character
    if args.generate:
        result |= _writing(run, args, pairs, options)
    # 4. The report.
    if args.json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        print("\n".join(_report(result)))


def _check_request(args: argparse.Namespace, asked: dict[str, Any]) -> str:
    """The part to evaluate on; raises ConfigError for options that do not go together."""
    # An option without an effect is refused, never ignored.
    one_of(("--part", "--corpus", "--pairs"), args.part, args.corpus, args.pairs)
    part = validate_choice(args.part or "test", _PARTS, "--part")
    if asked.keys() - {"task"} and not args.generate:
        raise ConfigError(_("decoding options are for --generate N only; add it"))
    if args.corpus is None and (args.encoding, args.errors) != DEFAULT_READING:
        raise ConfigError(_("--encoding and --errors are for --corpus only; leave them out"))
    if args.generate < 0:
        message = _("--generate {count}: must not be negative")
        raise ConfigError(message.format(count=args.generate))
    return part


def _figures(found: LossStats) -> dict[str, Any]:
    """What was measured, by its key in --json."""
    return {
        "bits_per_character": found.bits_per_character,
        "perplexity": found.perplexity,
        "pairs": found.pairs,
        "characters": found.characters,
        "tokens": found.tokens,
    }


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


def _writing(
    run: Run, args: argparse.Namespace, pairs: Pairs, options: dict[str, Any]
) -> dict[str, float]:
    """Writes from sources spread over the pairs and measures the texts."""
    from novelgen.decoding.generator import Generator
    from novelgen.evaluation.writing import measure_writing

    # In float32: what is reported and compared is the text of the model itself.
    generator = Generator.of(run, "float32")
    training = training_text(run, args.checkpoint)
    return measure_writing(generator, pairs, args.generate, training, options, _show_progress)


def _show_progress(done: int, total: int) -> None:
    """Shows on a terminal how far the writing is."""
    if sys.stderr.isatty():
        # The last one ends the line.
        end = "\n" if done == total else ""
        print(f"\r{done}/{total}", end=end, file=sys.stderr, flush=True)
