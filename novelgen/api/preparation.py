"""Importing a corpus from Python."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from novelgen.api.request import Paths, as_paths
from novelgen.config import Config, DataConfig, TextConfig, validate_choice
from novelgen.data.prepare import prepare_at
from novelgen.data.store import PAIRING, Store
from novelgen.i18n import _

# Of how pairs are made nothing is stored.
_OPTIONS = tuple(
    spec.name
    for section in (TextConfig, DataConfig)
    for spec in dataclasses.fields(section)
    if spec.name not in PAIRING
)


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
