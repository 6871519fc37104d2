"""Where a run's data is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from novelgen.data.prepare import open_or_build
from novelgen.data.store import Store, is_store
from novelgen.errors import CheckpointError, CorpusError, NovelgenError
from novelgen.training.distributed import Ranks


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
        raise CheckpointError(f"{path}：训练数据不在了，语料 {missing[0]} 也不在；请放回语料，或用 --corpus、--pairs 评测 | the data of "
                              f"the run is gone and so is its corpus {missing[0]}; put it back, or evaluate with --corpus or "
                              "--pairs")
    config = info["config"]
    return _checked(open_or_build(corpus, config.text, config.data, path.parent), info)


def shared_store(ranks: Ranks, make: Callable[[], Store]) -> Store:
    """The store that `make` gives on the first rank, opened by every rank: those of a machine share its pages in memory.

    Raises CorpusError on a machine that has no such store at the same path.
    """
    def made() -> tuple[Path, str]:
        store = make()
        return store.directory.absolute(), store.meta["content"]

    directory, content = ranks.from_first(made)
    store = Store.open(directory)
    if store.meta["content"] != content:
        raise CorpusError(f"{directory}：这台机器上的语料库与第一台的不同；请用共享磁盘，或复制过来 | the prepared corpus here is not "
                          "that of the first; use a shared disk, or copy it here")
    return store


def ready_store(directory: Path, info: Mapping[str, Any]) -> Store | None:
    """The store of a run where it lies ready; None where it is gone, or the run is a stranger's that tells nothing sensible.

    Nothing is built anew, which may take minutes.
    """
    try:
        if not is_store(directory / info["store"]):
            return None
        return store_of_run(directory, info)
    except (NovelgenError, KeyError, TypeError, ValueError, OSError):
        return None


def _checked(store: Store, info: Mapping[str, Any]) -> Store:
    if store.meta["content"] != info["content"] or store.tokenizer.fingerprint != info["tokenizer"]:
        raise CheckpointError(f"{store.directory}：语料已不是训练时的样子；请放回原来的语料 | the corpus is not what the run was "
                              "trained on any more; put the original back")
    return store
