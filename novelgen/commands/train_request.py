"""What `train` is asked for: its options, the configuration that they make, and their checks."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from novelgen.cli import add_section, explicit_options, one_of
from novelgen.config import (
    Config,
    DataConfig,
    ModelConfig,
    PairsConfig,
    TextConfig,
    TrainingConfig,
    flag,
)
from novelgen.errors import ConfigError
from novelgen.i18n import N_, _, join_list
from novelgen.models.variants import COPY_NEEDS_ONE_VOCABULARY, PARTS, resolve
from novelgen.presets import PRESETS
from novelgen.shipped import shipped_novel

SECTIONS = (TextConfig, DataConfig, PairsConfig, ModelConfig, TrainingConfig)
_TITLES = (
    N_("text options"),
    N_("data options"),
    N_("options of text pairs"),
    N_("model options"),
    N_("training options"),
)
BUDGETS = ("epochs", "max_steps", "max_minutes")
# What may change when a run is resumed; everything else belongs to the run.
_RESUMABLE = (
    *BUDGETS,
    "accumulation_steps",
    "device",
    "precision",
    "cuda_graph",
    "patience",
    "save_every",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of training; needs no torch, so that --help answers at once."""
    # What is read and where the run goes; None is told from a value that is given.
    parser.add_argument(
        "--corpus",
        nargs="+",
        type=Path,
        metavar="PATH",
        help=_("the novel: text files, .epub, folders of them, or what `prepare` wrote"),
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help=_("run directory (default: checkpoints/<name of the corpus>)"),
    )
    parser.add_argument(
        "--preset",
        metavar="|".join(PRESETS),
        default=None,
        help=_("full configuration to start from (default: small)"),
    )
    # What becomes of a run that is there already; without these it is an error.
    parser.add_argument(
        "--resume",
        action="store_true",
        help=_("continue a run exactly where it stopped"),
    )
    parser.add_argument(
        "--overwrite", action="store_true", help=_("replace the run that is in --output")
    )
    for section, title in zip(SECTIONS, _TITLES, strict=True):
        add_section(parser, section, title)


def check_request(args: argparse.Namespace) -> None:
    """Raises ConfigError for options that contradict each other, or without anything to learn."""
    if args.resume and args.overwrite:
        raise ConfigError(_("--resume and --overwrite exclude each other; give one of them"))
    pairs = explicit_options(args, PairsConfig)
    # --resume finds the corpus in the run directory.
    is_known = args.corpus or "pairs" in pairs or (args.resume and args.output)
    if not is_known:
        message = _(
            "nothing to train on: name a novel with --corpus, for example the one that comes with "
            "the program, --corpus {novel}, or a file of text pairs with --pairs"
        )
        raise ConfigError(message.format(novel=shlex.quote(_from_here(shipped_novel()))))
    one_of(("--corpus", "--pairs"), args.corpus, pairs.get("pairs"))


def _from_here(path: Path) -> str:
    """The path as short as it works in the working directory."""
    here = Path.cwd()
    if path.is_relative_to(here):
        path = path.relative_to(here)
    return str(path)


def apply_options(config: Config, options: Mapping[str, Any]) -> Config:
    """A preset with the options that were given, its variant's parts filled in.

    A variant that is named brings its own parts, not those of the preset's variant.
    """
    # None has the part filled in from the variant's table.
    if options.get("model", config.model.model) != config.model.model:
        options = {**dict.fromkeys(PARTS), **options}
    config = apply_budget(config, options)
    return dataclasses.replace(config, model=resolve(config.model))


# Also for a run that is resumed: with --max-steps alone, its --max-minutes must not end it.
def apply_budget(config: Config, options: Mapping[str, Any]) -> Config:
    """The configuration with `options`; any budget among them replaces all that it has."""
    if any(name in options for name in BUDGETS):
        config = config.replace(**dict.fromkeys(BUDGETS))
    return config.replace(**options)


def check_pairs(args: argparse.Namespace, config: Config) -> None:
    """Raises ConfigError for options that do not go with pairs, or with a novel."""
    if not config.from_pairs:
        unused = [flag(name) for name in explicit_options(args, PairsConfig)]
        if unused:
            message = _("{options}: only for --pairs; leave out")
            raise ConfigError(message.format(options=join_list(unused)))
        return
    # 1. The lines of a file of pairs are taken as they are: nothing is cleaned, cut or counted.
    of_data = ("hold_out", "context_paragraphs", "tasks")
    of_novels = (*explicit_options(args, TextConfig), *of_data)
    unused = [flag(name) for name in of_novels if name in args]
    if unused:
        message = _(
            "{options}: only for novels; leave out (every line of --pairs is read as it is, in "
            "UTF-8)"
        )
        raise ConfigError(message.format(options=join_list(unused)))
    # 2. One vocabulary is made by one tokenizer.
    pairs = config.pairs
    if pairs.share_vocabulary and pairs.source_level not in (None, config.data.tokenizer):
        raise ConfigError(
            _(
                "--share-vocabulary splits source and target in the same way; leave out "
                "--source-level"
            )
        )
    if config.model.copy and not pairs.share_vocabulary:
        raise ConfigError(_(COPY_NEEDS_ONE_VOCABULARY))


def resume_options(args: argparse.Namespace) -> dict[str, Any]:
    """The options that change a run which is resumed; raises ConfigError for those that cannot."""
    options = explicit_options(args, *SECTIONS)
    # --pairs, like --corpus, may be repeated; `check_same_corpus` compares it.
    options.pop("pairs", None)
    # The model, the data and the optimizer's state are what they are.
    fixed = [flag(name) for name in options if name not in _RESUMABLE]
    if args.preset:
        fixed.append("--preset")
    if fixed:
        message = _(
            "--resume: {options} belong to the run and cannot change; only these can: {allowed}"
        )
        allowed = join_list(flag(name) for name in _RESUMABLE)
        raise ConfigError(message.format(options=join_list(fixed), allowed=allowed))
    return options


def check_same_corpus(args: argparse.Namespace, output: Path, info: Mapping[str, Any]) -> None:
    """Raises ConfigError when --corpus or --pairs is given and is not what the run learns from."""
    named = args.corpus
    option = "--corpus"
    if not named and getattr(args, "pairs", None):
        named = [Path(args.pairs)]
        option = "--pairs"
    if not named:
        return
    # config.json has them relative to the run directory.
    paths = info.get("corpus") or [info["config"].pairs.pairs]
    trained_on = [(output / path).resolve() for path in paths]
    if [path.resolve() for path in named] != trained_on:
        message = _("--resume: this run is trained on {corpus}, not on {named}; leave {option} out")
        raise ConfigError(message.format(corpus=trained_on[0], named=named[0], option=option))
