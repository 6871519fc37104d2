"""What `compare` is asked for, and whether a folder holds the same comparison already."""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from novelgen.api.request import apply_options
from novelgen.cli import add_section, explicit_options, number, whole_number
from novelgen.config import (
    Config,
    DataConfig,
    ModelConfig,
    TextConfig,
    TrainingConfig,
    flag,
    validate_choice,
)
from novelgen.errors import ConfigError
from novelgen.i18n import N_, _
from novelgen.models.zoo import VARIANTS
from novelgen.options import check_one_of, split_list
from novelgen.presets import PRESETS, preset

if TYPE_CHECKING:
    from novelgen.report.comparison import Comparison

SECTIONS = (TextConfig, DataConfig, ModelConfig, TrainingConfig)
_TITLES = (
    N_("text options"),
    N_("data options"),
    N_("model options, the same for all runs"),
    N_("training options, the same for all runs"),
)
# Fields that the comparison itself decides; all of its runs begin from scratch.
_OWN = ("model", "tokenizer", "seed", "epochs", "max_steps", "max_minutes", "patience", "init")
_TOKENIZERS = ("char", "word")
_DEFAULT_MINUTES = 10.0
_DEFAULT_PARAGRAPHS = 50
# Of a run with a budget of steps: each also writes a sample and draws the curves.
_VALIDATIONS = 10
_FEWEST_STEPS = 10  # between two
# So many validations without progress that every run uses its whole budget.
_PATIENCE = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `compare`; needs no torch."""
    # None is told from a value: with --runs the options of training are refused.
    parser.add_argument(
        "--corpus",
        nargs="+",
        type=Path,
        metavar="PATH",
        help=_("the novel, as for train"),
    )
    parser.add_argument(
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help=_("folder for the tables, the figures and the runs"),
    )
    _add_run_options(parser)
    parser.add_argument(
        "--generate",
        type=whole_number,
        default=_DEFAULT_PARAGRAPHS,
        metavar="N",
        help=_(
            "paragraphs that each model writes to be measured; 0 for none (default: {count})"
        ).format(count=_DEFAULT_PARAGRAPHS),
    )
    parser.add_argument(
        "--runs",
        nargs="+",
        type=Path,
        metavar="DIR",
        help=_("train nothing, compare these run directories"),
    )
    for section, title in zip(SECTIONS, _TITLES, strict=True):
        add_section(parser, section, title, without=_OWN)


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    """Declares which runs are trained: every model with every tokenizer and seed."""
    parser.add_argument(
        "--models",
        metavar="NAME,NAME,…",
        help=_("models to compare (default: all, {models})").format(models=",".join(VARIANTS)),
    )
    parser.add_argument(
        "--tokenizers",
        metavar="char,word",
        help=_("tokenizers to compare (default: char)"),
    )
    parser.add_argument(
        "--seeds",
        type=whole_number,
        metavar="N",
        help=_("train each N times, with the seeds 1 to N (default: 1)"),
    )
    parser.add_argument(
        "--minutes",
        type=number,
        metavar="X",
        help=_("minutes of training for each run (default: {minutes:g})").format(
            minutes=_DEFAULT_MINUTES
        ),
    )
    parser.add_argument(
        "--steps",
        type=whole_number,
        metavar="N",
        help=_("or steps of training for each run, with up to ten validations"),
    )
    parser.add_argument(
        "--preset",
        metavar="|".join(PRESETS),
        help=_("full configuration to start from (default: small)"),
    )


def training_request(args: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Config]]:
    """What is asked, by option, and each run's configuration by its name; raises ConfigError."""
    # 1. What is compared.
    if not args.corpus:
        raise ConfigError(_("nothing to compare: name a novel with --corpus, or runs with --runs"))
    check_one_of(("--minutes", "--steps"), args.minutes, args.steps)
    models = _names(args.models, tuple(VARIANTS), tuple(VARIANTS), "--models")
    tokenizers = _names(args.tokenizers, ("char",), _TOKENIZERS, "--tokenizers")
    seeds = 1 if args.seeds is None else args.seeds
    _check_positive({"seeds": seeds, "steps": args.steps, "minutes": args.minutes})
    options = explicit_options(args, *SECTIONS)
    if "user_dict" in options and "word" not in tokenizers:
        raise ConfigError(_("--user-dict is for --tokenizers word only; leave it out"))
    # 2. The budget of each run: minutes, unless steps are given. Only steps are reproducible.
    minutes = args.minutes
    if minutes is None and args.steps is None:
        minutes = _DEFAULT_MINUTES
    request = {
        "models": models,
        "tokenizers": tokenizers,
        "seeds": seeds,
        "minutes": minutes,
        "steps": args.steps,
        "preset": args.preset or "small",
        "generate": args.generate,
        # A comparison may go on with another device.
        "options": {name: value for name, value in options.items() if name != "device"},
    }
    return request, _configurations(request, options)


def _configurations(request: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Config]:
    """The configuration of each run by its name; an option that is given wins over the budget's."""
    if request["steps"] is None:
        budget = {"max_minutes": request["minutes"]}
    else:
        validate_every = max(_FEWEST_STEPS, request["steps"] // _VALIDATIONS)
        budget = {"max_steps": request["steps"], "validate_every": validate_every}
    # Names are what table.json and the folders of the runs know them by.
    start = preset(request["preset"])
    configs = {}
    for model in request["models"]:
        for tokenizer in request["tokenizers"]:
            shared = {**budget, **options, "model": model, "tokenizer": tokenizer}
            # Jieba's dictionary has no meaning where text is split into characters.
            if tokenizer == "char":
                shared["user_dict"] = None
            for seed in range(1, request["seeds"] + 1):
                own = {**shared, "seed": seed, "patience": _PATIENCE}
                configs[f"{model}-{tokenizer}-{seed}"] = apply_options(start, own)
    return configs


def _check_positive(values: Mapping[str, float | None]) -> None:
    """Raises ConfigError for a number that is given and is not above 0."""
    for name, value in values.items():
        # NaN is not above 0 either.
        if value is not None and not value > 0:
            message = _("{option} {value}: must be above 0")
            raise ConfigError(message.format(option=flag(name), value=value))


def _names(
    text: str | None, default: tuple[str, ...], known: tuple[str, ...], what: str
) -> list[str]:
    """The names of a list with commas, each one of `known` and none twice."""
    if text is None:
        return list(default)
    names = [validate_choice(name, known, what) for name in split_list(text)]
    if len(set(names)) < len(names):
        message = _("{option} {names}: a name occurs twice; give each once")
        raise ConfigError(message.format(option=what, names=text))
    return names


def earlier_comparison(
    output: Path, request: Mapping[str, Any], unfinished: Collection[str] = ()
) -> Comparison | None:
    """The comparison that the folder holds already, which must be the same; None for a new one.

    `unfinished` is what a comparison leaves there that was stopped before its first save.
    """
    from novelgen.report.comparison import load_comparison

    # A folder of anything else is left alone.
    before = load_comparison(output)
    if before is not None:
        check_same(output, before.request, request)
        return before
    if output.is_dir() and any(path.name not in unfinished for path in output.iterdir()):
        message = _(
            "--output {path}: the folder is not empty and holds no comparison; choose another"
        )
        raise ConfigError(message.format(path=output))
    return None


def check_same(output: Path, before: Mapping[str, Any], request: Mapping[str, Any]) -> None:
    """Raises ConfigError when a value of `request` was another before, or one is missing now."""
    # `before` was in a file: in JSON tuples become lists.
    name = _first_difference(before, json.loads(json.dumps(request)))
    if name is None:
        return
    if name == "content":
        # What the user can choose is the corpus.
        name = "corpus"
    message = _(
        "--output {path}: holds a comparison with another {option}; ask for the same again, or "
        "choose another --output"
    )
    raise ConfigError(message.format(path=output, option=flag(name)))


def _first_difference(before: Mapping[str, Any], request: Mapping[str, Any]) -> str | None:
    """The first option, in the order of the request, whose value is another; None without one."""
    if before == request:
        return None
    if "runs" in before or "runs" in request:
        return "runs"
    was = {**before, **before["options"]}
    now = {**request, **request["options"]}
    # An option that was given before and is not now counts as well.
    names: list[str] = [*request, *request["options"], *before["options"]]
    for name in names:
        if name != "options" and was.get(name) != now.get(name):
            return name
    return None
