"""What a training is asked for: the configuration that options make, and whether they agree."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from novelgen.config import (
    BUDGETS,
    Config,
    PairsConfig,
    TextConfig,
    flag,
)
from novelgen.errors import ConfigError, CorpusError
from novelgen.i18n import _, join_list
from novelgen.models.zoo import (
    COPY_NEEDS_ONE_VOCABULARY,
    GUIDE_NEEDS_ONE_VOCABULARY,
    MODEL_PARTS,
    resolve,
)
from novelgen.options import check_one_of
from novelgen.shipped import shipped_novel

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""A path or several."""

# What may change when a run is resumed; everything else belongs to the run.
_RESUMABLE = (
    *BUDGETS,
    "accumulation_steps",
    "device",
    "precision",
    "patience",
    "save_every",
    "ngram_order",
)
# Fields of DataConfig that have no meaning for the lines of a file of pairs.
_OF_NOVELS = ("hold_out", "context_paragraphs", "tasks")


def as_paths(paths: Paths | None) -> list[Path]:
    """A path or several as a list; of None an empty one."""
    if paths is None:
        return []
    if isinstance(paths, (str, os.PathLike)):
        return [Path(paths)]
    return [Path(path) for path in paths]


def path_from_here(path: Path) -> str:
    """A path as a report shows it: from here, or without the folders of whoever made it."""
    path = path.resolve()
    if path.is_relative_to(Path.cwd()):
        return path.relative_to(Path.cwd()).as_posix()
    return "/".join(path.parts[-2:])


def apply_options(config: Config, options: Mapping[str, Any]) -> Config:
    """A configuration with the options that were given, its variant's parts filled in.

    A variant that is named brings its own parts, not those of the configuration's variant.
    """
    # None has the part filled in from the variant's table.
    if options.get("model", config.model.model) != config.model.model:
        options = {**dict.fromkeys(MODEL_PARTS), **options}
    config = apply_budget(config, options)
    return dataclasses.replace(config, model=resolve(config.model))


# Also for a run that is resumed: with --max-steps alone, its --max-minutes must not end it.
def apply_budget(config: Config, options: Mapping[str, Any]) -> Config:
    """The configuration with `options`; any budget among them replaces all that it has."""
    if any(name in options for name in BUDGETS):
        config = config.replace(**dict.fromkeys(BUDGETS))
    return config.replace(**options)


def chosen_options(config: Config, options: Mapping[str, Any]) -> set[str]:
    """The fields that were chosen of what is learned from: by an option, or in `config`."""
    chosen = set(options)
    for section in (config.text, config.data, config.pairs):
        default = type(section)()
        for spec in dataclasses.fields(section):
            if getattr(section, spec.name) != getattr(default, spec.name):
                chosen.add(spec.name)
    return chosen


def check_source(corpus: Sequence[Path], pairs: str | None) -> None:
    """Raises ConfigError unless there is one thing to learn from: a novel, or text pairs."""
    check_one_of(("--corpus", "--pairs"), corpus or None, pairs)
    if not corpus and pairs is None:
        raise ConfigError(_nothing_to_train_on())


def _nothing_to_train_on() -> str:
    """What to say where no corpus is named, with the novel that comes with the program."""
    try:
        novel = shipped_novel()
    except CorpusError:
        # Somebody has removed it.
        return _(
            "nothing to train on: name a novel with --corpus, or a file of text pairs with --pairs"
        )
    message = _(
        "nothing to train on: name a novel with --corpus, for example the one that comes with "
        "the program, --corpus {novel}, or a file of text pairs with --pairs"
    )
    return message.format(novel=shlex.quote(_from_here(novel)))


def _from_here(path: Path) -> str:
    """The path as short as it works in the working directory."""
    here = Path.cwd()
    if path.is_relative_to(here):
        path = path.relative_to(here)
    return str(path)


def check_pairs(config: Config, options: Iterable[str]) -> None:
    """Raises ConfigError for `options`, names of fields, that do not go with pairs or a novel."""
    given = set(options)
    if not config.from_pairs:
        unused = _flags(PairsConfig, given)
        if unused:
            message = _("{options}: only for --pairs; leave out")
            raise ConfigError(message.format(options=join_list(unused)))
        return
    # 1. The lines of a file of pairs are taken as they are: nothing is cleaned, cut or counted.
    unused = _flags(TextConfig, given)
    unused += [flag(name) for name in _OF_NOVELS if name in given]
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
    # The default guides nothing there.
    if "guide" in given and config.model.guide and not pairs.share_vocabulary:
        raise ConfigError(_(GUIDE_NEEDS_ONE_VOCABULARY))


def _flags(section: type, given: set[str]) -> list[str]:
    """The flags of those fields of a section that are given, in the section's order."""
    return [flag(spec.name) for spec in dataclasses.fields(section) if spec.name in given]


def check_resumable(names: Iterable[str]) -> None:
    """Raises ConfigError for options, fields of Config, that cannot change when a run goes on."""
    # The model, the data and the optimizer's state are what they are.
    fixed = [flag(name) for name in names if name not in _RESUMABLE]
    if fixed:
        message = _(
            "--resume: {options} belong to the run and cannot change; only these can: {allowed}"
        )
        allowed = join_list(flag(name) for name in _RESUMABLE)
        raise ConfigError(message.format(options=join_list(fixed), allowed=allowed))


def check_same_corpus(
    corpus: Sequence[Path], pairs: str | None, directory: Path, info: Mapping[str, Any]
) -> None:
    """Raises ConfigError when `corpus` or `pairs` is given and is not what the run learns from."""
    check_one_of(("--corpus", "--pairs"), corpus or None, pairs)
    named = corpus
    option = "--corpus"
    if not named and pairs is not None:
        named = [Path(pairs)]
        option = "--pairs"
    if not named:
        return
    config = info["config"]
    if not config.from_pairs and "corpus" not in info:
        # The base model, which names none, is refused when its data is opened.
        return
    # config.json has them relative to the run directory.
    paths = info.get("corpus") or [config.pairs.pairs]
    trained_on = [(directory / path).resolve() for path in paths]
    if [path.resolve() for path in named] != trained_on:
        message = _("--resume: this run is trained on {corpus}, not on {named}; leave {option} out")
        raise ConfigError(message.format(corpus=trained_on[0], named=named[0], option=option))


def run_names(paths: Sequence[Path], option: str) -> list[str]:
    """What runs are called: their directories' own names, or their paths where those are equal.

    Raises ConfigError, which names the option, for a directory that occurs twice.
    """
    # A path such as ".." has no name of its own before it is resolved.
    names = [path.resolve().name for path in paths]
    if len(set(names)) < len(names):
        names = [str(path) for path in paths]
    if len(set(names)) < len(names):
        message = _("{option}: a directory occurs twice; give each once")
        raise ConfigError(message.format(option=option))
    return names
