"""Where a run's data is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from novelgen.config import DataConfig
from novelgen.data.novel import Novel
from novelgen.data.pair_files import PairFiles, files_of
from novelgen.data.prepare import KnownVocabulary, open_or_build
from novelgen.data.store import Store, is_store
from novelgen.errors import CheckpointError, CorpusError, NovelgenError
from novelgen.i18n import _
from novelgen.text.tokenizers import Tokenizer
from novelgen.training.distributed import Ranks
from novelgen.training.run_directory import RunDirectory

Data = Novel | PairFiles


def data_of_run(directory: Path, info: Mapping[str, Any]) -> Data:
    """What a run was trained on.

    Raises CheckpointError when it is gone, is not what it was, or is not named at all: the base
    model comes without its corpus.
    """
    config = info["config"]
    if "content" not in info:
        message = _(
            "{path}: this model comes without what it was trained on; evaluate it with --corpus, "
            "or train on from it with --init {path}"
        )
        raise CheckpointError(message.format(path=directory))
    if not config.from_pairs:
        corpus = [directory / part for part in info["corpus"]]
        return Novel(store_of_run(directory, info), config.data, corpus)
    run = RunDirectory(directory)
    tokenizer = run.load_tokenizer(info)
    source_tokenizer = run.load_source_tokenizer(info) or tokenizer
    files = files_of(config.pairs, directory)
    return PairFiles(files, tokenizer, source_tokenizer, info["content"])


def store_of_run(directory: Path, info: Mapping[str, Any]) -> Store:
    """The store that a run was trained on; built again from the corpus when it is gone.

    Raises CheckpointError when the corpus is gone too, or is not what it was.
    """
    # 1. Where the run left it.
    path = directory / info["store"]
    if path.is_dir():
        return _checked(Store.open(path), info)
    # 2. Or from the corpus, which gives the same store again.
    corpus = [directory / part for part in info["corpus"]]
    missing = [part for part in corpus if not part.exists()]
    if missing:
        raise CheckpointError(
            _(
                "{path}: the data of the run is gone and so is its corpus {corpus}; put the corpus "
                "back, or evaluate with --corpus or --pairs"
            ).format(path=path, corpus=missing[0])
        )
    config = info["config"]
    known = None
    if info.get("vocabulary_of") is not None:
        # The run's own vocabulary is that one with what the corpus adds.
        tokenizer = RunDirectory(directory).load_tokenizer(info)
        known = KnownVocabulary(tokenizer, info["vocabulary_of"])
    store = open_or_build(corpus, config.text, config.data, path.parent, known=known)
    return _checked(store, info)


class _NovelParts(NamedTuple):
    """What another process needs to open the same novel."""

    directory: Path
    content: str
    config: DataConfig
    corpus: Sequence[Path]

    def open(self) -> Data:
        """The novel; raises CorpusError where the store here has another content."""
        return Novel(_same_store(self.directory, self.content), self.config, self.corpus)


class _PairParts(NamedTuple):
    """What another process needs to open the same files of pairs."""

    files: Mapping[str, Path]
    tokenizer: dict[str, Any]
    source_tokenizer: dict[str, Any] | None  # None where the source has none of its own
    content: Mapping[str, str]

    def open(self) -> Data:
        """The files of pairs."""
        tokenizer = Tokenizer.from_dict(self.tokenizer)
        source_tokenizer = tokenizer
        if self.source_tokenizer is not None:
            source_tokenizer = Tokenizer.from_dict(self.source_tokenizer)
        return PairFiles(self.files, tokenizer, source_tokenizer, self.content)


def shared_data(ranks: Ranks, make: Callable[[], Data]) -> Data:
    """What `make` returns on rank 0, for every rank.

    The ranks of a machine share the pages of a store in memory. Raises CorpusError on a machine
    that has no such store at the same path.
    """
    if ranks.size == 1:
        return make()
    # Rank 0 prepares, the others get a description that is small enough to be sent.
    return ranks.run_on_rank0(lambda: _parts(make())).open()


def _parts(data: Data) -> _NovelParts | _PairParts:
    if isinstance(data, Novel):
        store = data.store
        content = store.meta["content"]
        return _NovelParts(store.directory.absolute(), content, data.config, data.corpus)
    source_tokenizer = None
    if data.source_tokenizer is not data.tokenizer:
        source_tokenizer = data.source_tokenizer.to_dict()
    return _PairParts(data.files, data.tokenizer.to_dict(), source_tokenizer, data.content)


def _same_store(directory: Path, content: str) -> Store:
    store = Store.open(directory)
    if store.meta["content"] != content:
        raise CorpusError(
            _(
                "{path}: the prepared corpus here is not that of the first machine; use a shared "
                "disk, or copy it here"
            ).format(path=directory)
        )
    return store


def ready_data(directory: Path, info: Mapping[str, Any]) -> Data | None:
    """What a run was trained on, if it can be opened at once, else None.

    Nothing is built, which may take minutes; and a run from elsewhere may name anything.
    """
    try:
        if not info["config"].from_pairs and not is_store(directory / info["store"]):
            return None
        return data_of_run(directory, info)
    except (NovelgenError, KeyError, TypeError, ValueError, OSError):
        return None


def _checked(store: Store, info: Mapping[str, Any]) -> Store:
    """The store, if it is that of the run; raises CheckpointError otherwise."""
    if store.meta["content"] != info["content"] or store.tokenizer.fingerprint != info["tokenizer"]:
        raise CheckpointError(
            _(
                "{path}: the corpus is not what the run was trained on any more; put the original "
                "back"
            ).format(path=store.directory)
        )
    return store
