"""What `train` is asked for on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

from novelgen.api.request import check_source
from novelgen.cli import add_section
from novelgen.config import DataConfig, ModelConfig, PairsConfig, TextConfig, TrainingConfig
from novelgen.errors import ConfigError
from novelgen.i18n import N_, _
from novelgen.presets import PRESETS

SECTIONS = (TextConfig, DataConfig, PairsConfig, ModelConfig, TrainingConfig)
_TITLES = (
    N_("text options"),
    N_("data options"),
    N_("options of text pairs"),
    N_("model options"),
    N_("training options"),
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
    pairs = getattr(args, "pairs", None)
    # --resume finds the corpus in the run directory.
    if args.corpus or pairs or not (args.resume and args.output):
        check_source(args.corpus or (), pairs)
