"""Importing a corpus from Python."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from novelgen.api.request import Paths, as_paths
from novelgen.config import Config, DataConfig, TextConfig, validate_choice
from novelgen.data.prepare import prepare_at
from novelgen.data.store import PAIRING, Store
from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.os_errors import reason_of
from novelgen.text.names import Name, find_names, to_user_dict
from novelgen.text.words import word_tagger
from novelgen.training.atomic_write import write_whole

# Of how pairs are made nothing is stored.
_OPTIONS = tuple(
    spec.name
    for section in (TextConfig, DataConfig)
    for spec in dataclasses.fields(section)
    if spec.name not in PAIRING
)


def check_names_file(path: Path, *, overwrite: bool) -> None:
    """Raises ConfigError for a file that is there, which a person may have worked on."""
    if path.exists() and not overwrite:
        message = _("--find-names {path}: the file exists; pass --overwrite, or choose another")
        raise ConfigError(message.format(path=path))


def write_names(store: Store, path: Path, *, overwrite: bool = False) -> list[Name]:
    """Writes the names and new words of a corpus as a user dictionary to look over; returns them.

    Raises ConfigError as `check_names_file`, where the file cannot be written, and without a word
    segmenter.
    """
    check_names_file(path, overwrite=overwrite)
    names = find_names(store.texts(), *word_tagger())
    heading = _(
        "Names and new words that were found, with their counts: delete what is none, add what is "
        "missing.\nUse it with: train --tokenizer word --user-dict {path}"
    ).format(path=path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, to_user_dict(names, heading).encode())
    except OSError as error:
        message = _("--find-names {path}: cannot be written: {reason}")
        raise ConfigError(message.format(path=path, reason=reason_of(error))) from None
    return names


def prepare(
    corpus: Paths,
    output: str | Path,
    config: Config | None = None,
    *,
    overwrite: bool = False,
    workers: int | None = None,
    **options: Any,
) -> Store:
    """Imports a corpus, cleaned and tokenized, and returns its store.

    Args:
        corpus: The novel: a text file, .epub and the like, a folder of them, or several of these.
        output: The folder that the store is written to; `novelgen.train` takes it as its corpus.
            A store of the same corpus and options that is there already is returned as it is.
        config: Its sections `text` and `data` are used; None is all defaults.
        overwrite: Replace another store that is in `output`.
        workers: Processes that read and encode; None takes as many as help.
        options: Fields of `TextConfig` and `DataConfig`, which win over `config`; how pairs are
            made (context_paragraphs, tasks) is decided in training.

    Raises:
        CorpusError: The corpus cannot be read, or holds too little text.
        ConfigError: An option is unknown or out of range, or `output` holds something else.
    """
    for name in options:
        validate_choice(name, _OPTIONS, _("configuration"))
    config = (config or Config()).replace(**options)
    return prepare_at(
        as_paths(corpus),
        config.text,
        config.data,
        Path(output),
        overwrite=overwrite,
        workers=workers,
    )
