"""Where a run's data is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from novelgen.data.novel import Novel
from novelgen.data.pair_files import PairFiles, files_of
from novelgen.data.prepare import open_or_build
from novelgen.data.store import Store, is_store
from novelgen.errors import CheckpointError, CorpusError, NovelgenError
from novelgen.text.tokenizers import Tokenizer
from novelgen.training.checkpoint import RunDirectory
from novelgen.training.distributed import Ranks

Data = Novel | PairFiles


def data_of_run(directory: Path, info: Mapping[str, Any]) -> Data:
    """What a run was trained on. Raises CheckpointError when it is gone, or is not what it was."""
    config = info["config"]
    if not config.from_pairs:
        corpus = [directory / part for part in info["corpus"]]
        return Novel(store_of_run(directory, info), config.data, corpus)
    run = RunDirectory(directory)
    tokenizer = run.load_tokenizer(info)
    return PairFiles(
        files_of(config.pairs, directory),
        tokenizer,
        run.load_source_tokenizer(info) or tokenizer,
        info["content"],
    )


def store_of_run(directory: Path, info: Mapping[str, Any]) -> Store:
    """The store that a run was trained on; built anew from the corpus when it is gone.

    Raises CheckpointError when the corpus is gone too, or is not what it was.
    """
    path = directory / info["store"]
    if path.is_dir():
        return _checked(Store.open(path), info)
    corpus = [directory / part for part in info["corpus"]]
    missing = [part for part in corpus if not part.exists()]
    if missing:
        raise CheckpointError(
            f"{path}：训练数据不在了，语料 {missing[0]} 也不在；请放回语料，或用 --corpus、--pairs 评测 | the data of "
            f"the run is gone and so is its corpus {missing[0]}; put it back, or evaluate with --corpus or "
            "--pairs"
        )
    config = info["config"]
    return _checked(open_or_build(corpus, config.text, config.data, path.parent), info)


def shared_data(ranks: Ranks, make: Callable[[], Data]) -> Data:
    """What `make` gives on the first rank, for every rank; those of a machine share the pages of a store in memory.

    Raises CorpusError on a machine that has no such store at the same path.
    """
    if ranks.size == 1:
        return make()

    def described() -> tuple[Any, ...]:
        data = make()
        if isinstance(data, Novel):
            return (
                data.store.directory.absolute(),
                data.store.meta["content"],
                data.config,
                data.corpus,
            )
        own = None if data.source_tokenizer is data.tokenizer else data.source_tokenizer.to_dict()
        return data.files, data.tokenizer.to_dict(), own, data.content

    first, second, third, fourth = ranks.run_on_rank0(described)
    if isinstance(first, Path):
        return Novel(_same_store(first, second), third, fourth)
    tokenizer = Tokenizer.from_dict(second)
    return PairFiles(
        first, tokenizer, tokenizer if third is None else Tokenizer.from_dict(third), fourth
    )


def _same_store(directory: Path, content: str) -> Store:
    store = Store.open(directory)
    if store.meta["content"] != content:
        raise CorpusError(
            f"{directory}：这台机器上的语料库与第一台的不同；请用共享磁盘，或复制过来 | the prepared corpus here is not "
            "that of the first; use a shared disk, or copy it here"
        )
    return store


def ready_data(directory: Path, info: Mapping[str, Any]) -> Data | None:
    """What a run was trained on, where it lies ready; None where it is gone, or the run is a stranger's that tells nothing sensible.

    Nothing is built anew, which may take minutes.
    """
    try:
        if not info["config"].from_pairs and not is_store(directory / info["store"]):
            return None
        return data_of_run(directory, info)
    except (NovelgenError, KeyError, TypeError, ValueError, OSError):
        return None


def _checked(store: Store, info: Mapping[str, Any]) -> Store:
    if store.meta["content"] != info["content"] or store.tokenizer.fingerprint != info["tokenizer"]:
        raise CheckpointError(
            f"{store.directory}：语料已不是训练时的样子；请放回原来的语料 | the corpus is not what the run was "
            "trained on any more; put the original back"
        )
    return store
