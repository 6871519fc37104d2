"""What `compare` is asked for, and whether a folder holds the same comparison already."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from novelgen.cli import add_section, explicit_options, one_of
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
from novelgen.models.variants import VARIANTS
from novelgen.presets import PRESETS, preset

if TYPE_CHECKING:
    from novelgen.report.comparison import Comparison

SECTIONS = (TextConfig, DataConfig, ModelConfig, TrainingConfig)
_OWN = (
    "model",
    "tokenizer",
    "seed",
    "epochs",
    "max_steps",
    "max_minutes",
    "patience",
)  # what the comparison itself decides
_TOKENIZERS = ("char", "word")
_MINUTES, _PARAGRAPHS = 10.0, 50
_LOOKS = 10  # validations of a budget of steps
_PATIENCE = 1_000_000  # validations without progress: every run gets the whole budget


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `compare`; needs no torch."""
    parser.add_argument(
        "--corpus",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="小说，同 train.py | the novel, as for train.py",
    )
    parser.add_argument(
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="放表、图和训练的文件夹 | folder for all results",
    )
    parser.add_argument(
        "--models",
        metavar="NAME,NAME,…",
        help=f"比哪些模型（默认全部）| which models (default all): {','.join(VARIANTS)}",
    )
    parser.add_argument(
        "--tokenizers",
        metavar="char,word",
        help="比哪些分词（默认 default: char）| which tokenizers",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help="每种练几次，种子 1 到 N（默认 default: 1）| times each, seeds 1 to N",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        metavar="X",
        help=f"每次练几分钟（默认 default: {_MINUTES:g}）| minutes for each",
    )
    parser.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="或每次练几步，验证十次 | or steps for each, validated ten times",
    )
    parser.add_argument(
        "--preset",
        metavar="|".join(PRESETS),
        help="成套的配置（默认 default: small）| a full configuration",
    )
    parser.add_argument(
        "--generate",
        type=int,
        default=_PARAGRAPHS,
        metavar="N",
        help="每个模型写几段来量，0 为不写（默认 default: "
        f"{_PARAGRAPHS}）| paragraphs that each writes to be measured; 0 is none",
    )
    parser.add_argument(
        "--runs",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="不训练，比这些已有的训练 | train nothing, compare these run directories",
    )
    titles = (
        "正文 text",
        "数据 data",
        "模型 model，各次都一样 alike in all runs",
        "训练 training，各次都一样 alike in all runs",
    )
    for section, title in zip(SECTIONS, titles, strict=True):
        add_section(parser, section, title, without=_OWN)


def training_request(args: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Config]]:
    """What is asked, by option, and the configuration of every run by its name; raises ConfigError."""
    from novelgen.commands.train import chosen

    if not args.corpus:
        raise ConfigError(
            "请用 --corpus 给出小说，或用 --runs 给出已有的训练 | name the novel with --corpus, or runs with --runs"
        )
    one_of("--minutes、--steps", args.minutes, args.steps)
    models = _names(args.models, ",".join(VARIANTS), tuple(VARIANTS), "--models")
    tokenizers = _names(args.tokenizers, "char", _TOKENIZERS, "--tokenizers")
    seeds = 1 if args.seeds is None else args.seeds
    for name, value in (("seeds", seeds), ("steps", args.steps), ("minutes", args.minutes)):
        if value is not None and not value > 0:
            raise ConfigError(f"{flag(name)} {value}：应 > 0 | must be > 0")
    minutes = _MINUTES if args.minutes is None and args.steps is None else args.minutes
    budget = (
        {"max_minutes": minutes}
        if args.steps is None
        else {"max_steps": args.steps, "validate_every": max(1, args.steps // _LOOKS)}
    )
    options = explicit_options(args, *SECTIONS)
    if "user_dict" in options and "word" not in tokenizers:
        raise ConfigError(
            "--user-dict 只用于 --tokenizers word | --user-dict is for --tokenizers word only"
        )
    configs = {}
    for model in models:
        for tokenizer in tokenizers:
            own = {
                "model": model,
                "tokenizer": tokenizer,
                **({"user_dict": None} if tokenizer == "char" else {}),
            }
            for seed in range(1, seeds + 1):
                configs[f"{model}-{tokenizer}-{seed}"] = chosen(
                    preset(args.preset or "small"),
                    {**budget, **options, **own, "seed": seed, "patience": _PATIENCE},
                )
    request = {
        "models": models,
        "tokenizers": tokenizers,
        "seeds": seeds,
        "minutes": minutes,
        "steps": args.steps,
        "preset": args.preset or "small",
        "generate": args.generate,
        "options": {name: value for name, value in options.items() if name != "device"},
    }
    return request, configs


def _names(text: str | None, default: str, known: tuple[str, ...], what: str) -> list[str]:
    """The names of a list with commas, each one of `known` and none twice."""
    names = [
        validate_choice(name.strip(), known, what)
        for name in (default if text is None else text).replace("，", ",").split(",")
    ]
    if len(set(names)) < len(names):
        raise ConfigError(
            f"{what} {text}：有重复；请各写一次 | a name occurs twice; give each once"
        )
    return names


def earlier(output: Path, request: dict[str, Any], unfinished: str = "") -> Comparison | None:
    """The comparison that the folder holds already, which must be the same; None for a new one.

    `unfinished` is what one that was broken off before its first save leaves there.
    """
    from novelgen.report.comparison import load_comparison

    before = load_comparison(output)
    if (
        before is None
        and output.is_dir()
        and any(path.name != unfinished for path in output.iterdir())
    ):
        raise ConfigError(
            f"--output {output}：文件夹不空，里面也没有比较；请换一个 | the folder is not empty and holds no comparison; "
            "choose another"
        )
    if before is not None:
        check_same(output, before.request, request)
    return before


def check_same(output: Path, before: dict[str, Any], request: dict[str, Any]) -> None:
    """Raises ConfigError when something that `request` tells was another before, or an option was given that is not now."""
    request = json.loads(json.dumps(request))
    if "runs" in before or "runs" in request:
        changed = [] if before == request else ["runs"]
    else:
        was, now = ({**asked, **asked["options"]} for asked in (before, request))
        names = [name for name in (*request, *now["options"], *was["options"]) if name != "options"]
        changed = [name for name in names if was.get(name) != now.get(name)]
    if changed:
        name = "corpus" if changed[0] == "content" else changed[0]
        raise ConfigError(
            f"--output {output}：这里已有另一个比较，{flag(name)} 不同；请照原样再来，或换一个 --output | holds a "
            f"comparison with another {flag(name)}; ask for the same again, or choose another --output"
        )


def names_of(paths: list[Path]) -> list[str]:
    """The directories' own names; as they were given where those do not tell them apart."""
    names = [path.resolve().name for path in paths]
    names = names if len(set(names)) == len(names) else [str(path) for path in paths]
    if len(set(names)) < len(names):
        raise ConfigError(
            "--runs：有重复的目录；请各写一次 | a directory occurs twice; give each once"
        )
    return names
