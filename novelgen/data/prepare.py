"""From a corpus to its store: reused when it is there already, built whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import novelgen.text
from novelgen.config import DataConfig, TextConfig, flag
from novelgen.data.building import build, sync
from novelgen.data.store import FORMAT, PAIRING, Store, is_store
from novelgen.errors import ConfigError, CorpusError
from novelgen.text.importing import CorpusImport
from novelgen.text.reading import find_files
from novelgen.text.words import UserWord, read_user_dict


def open_or_build(
    paths: Sequence[Path],
    text: TextConfig,
    data: DataConfig,
    directory: Path,
    *,
    given: Collection[str] | None = None,
    workers: int | None = None,
) -> Store:
    """The store of a corpus, from the cache below `directory` or built there as `<corpus name>-<hash>`.

    `paths` are the corpus's files and folders, or one directory that `prepare` made, which is opened as it is; then the
    options named in `given` (default: those that are not at their default) must not contradict it. Raises CorpusError
    and ConfigError.
    """
    paths = [Path(path) for path in paths]
    if len(paths) == 1 and is_store(paths[0]):
        store = Store.open(paths[0])
        _check_options(store, text, data, given)
        return store
    identity, user_words = _identify(paths, text, data)
    target = Path(directory) / f"{corpus_name(paths)}-{identity['content'][:12]}"
    if not _holds(target, identity):  # it is missing or damaged
        _build_at(
            target, lambda: CorpusImport(paths, text, workers), data, user_words, identity, workers
        )
    return Store.open(target)


def prepare_at(
    paths: Sequence[Path],
    text: TextConfig,
    data: DataConfig,
    target: Path,
    *,
    overwrite: bool = False,
    workers: int | None = None,
) -> Store:
    """The store of a corpus at exactly `target`, reused when it is there already.

    Raises ConfigError when something else is there: another store may be replaced with `overwrite`, any other
    directory or file never; CorpusError as `open_or_build`.
    """
    paths = [Path(path) for path in paths]
    if len(paths) == 1 and is_store(paths[0]):
        raise ConfigError(
            f"{paths[0]}：已是 prepare 好的语料，可直接 python train.py --corpus {paths[0]} | "
            "already prepared; train on it directly"
        )
    check_outside(target, paths)
    identity, user_words = _identify(paths, text, data)
    if is_store(target):
        if _holds(target, identity):
            return Store.open(target)
        if not overwrite:
            raise ConfigError(
                f"--output {target}：已有另一份语料；要换掉请加 --overwrite | holds another prepared "
                "corpus; pass --overwrite to replace it"
            )
    elif target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise ConfigError(
            f"--output {target}：已存在，且不是 prepare 做出的目录；请换一个 | exists and is no prepared "
            "corpus; choose another directory"
        )
    _build_at(
        target, lambda: CorpusImport(paths, text, workers), data, user_words, identity, workers
    )
    return Store.open(target)


def check_outside(output: Path, paths: Sequence[Path]) -> None:
    """Raises ConfigError when what is written to `output` would be read as text of the corpus the next time."""
    if any(path.is_dir() and output.resolve().is_relative_to(path.resolve()) for path in paths):
        raise ConfigError(
            f"--output {output}：在语料文件夹里，会被当作语料，请换一处 | lies inside the corpus folder, "
            "where it would be read as text; put it elsewhere"
        )


def corpus_name(paths: Sequence[Path]) -> str:
    """What to call a corpus: the name of its first file or folder, without the ending."""
    first = Path(paths[0]).resolve()
    return first.name if first.is_dir() else first.stem


def _identify(
    paths: Sequence[Path], text: TextConfig, data: DataConfig
) -> tuple[dict[str, Any], list[UserWord]]:
    """What makes a store the store of this corpus: its content hash and options, for meta.json; and the user's words.

    The hash covers the bytes and kinds of all files, the options that shape the store, the user dictionary, the
    store's format, and the source of text/, because a store made by an older cleaning must not be taken for a new one.
    """
    if data.user_dict and data.tokenizer != "word":
        raise ConfigError(
            "--user-dict 只用于 --tokenizer word | --user-dict is for --tokenizer word only"
        )
    user_words = read_user_dict(data.user_dict) if data.user_dict else []
    options = {
        "text": asdict(text),
        "data": {name: value for name, value in asdict(data).items() if name not in PAIRING},
    }
    shaping = {
        **options["text"],
        **options["data"],
        "user_dict": user_words,
        "format": FORMAT,
        "code": _code_hash(),
    }
    content = hashlib.blake2b(json.dumps(shaping, sort_keys=True).encode("ascii"), digest_size=20)
    for path in find_files(paths):
        try:
            content.update(f"{path.suffix.lower()} {path.stat().st_size}\n".encode())
            with path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    content.update(chunk)
        except OSError as error:
            raise CorpusError(
                f"{path}：读不了，{error.strerror} | cannot be read: {error.strerror}"
            ) from None
    return {"content": content.hexdigest(), "options": options}, user_words


@lru_cache(maxsize=1)
def _code_hash() -> str:
    """Stands for how text is cleaned and encoded: the source of text/ at the start of the process."""
    sources = sorted(Path(novelgen.text.__file__).parent.glob("*.py"))
    return hashlib.blake2b(
        b"\0".join(path.read_bytes() for path in sources), digest_size=20
    ).hexdigest()


def _build_at(
    target: Path,
    corpus: Callable[[], CorpusImport],
    data: DataConfig,
    user_words: Sequence[UserWord],
    identity: dict[str, Any],
    workers: int | None,
) -> None:
    """Builds a store under a temporary name beside `target` and renames it; a store or empty directory gives way."""
    target = Path(target).absolute()
    # Who builds is part of the name, so that what a killed build left behind can be told from one at work.
    prefix = f".novelgen-build-{socket.gethostname()}-"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_left_behind(target.parent, prefix)
        with _temporary(target.parent, f"{prefix}{os.getpid()}-") as directory:
            build(corpus(), data, user_words, directory, identity, workers)
            sync(directory)
            _move(directory, target, identity)
    except OSError as error:
        raise CorpusError(
            f"{target}：写不下，{error.strerror}；没有留下半成品 | cannot be written: {error.strerror}; "
            "nothing half-made is left"
        ) from None


@contextlib.contextmanager
def _temporary(parent: Path, prefix: str) -> Iterator[Path]:
    """A new directory, removed at the end unless it has been renamed."""
    directory = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
    try:
        directory.chmod(0o755)  # mkdtemp's are for their owner alone
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _move(directory: Path, target: Path, identity: dict[str, Any]) -> None:
    """Renames `directory` to `target`, unless somebody else has finished the same store meanwhile."""
    if _holds(target, identity):
        return
    with _temporary(target.parent, ".novelgen-old-") as old:
        is_replaced = target.exists()
        if is_replaced:
            target.rename(old / "store")
        try:
            directory.rename(target)
        except OSError:
            if _holds(target, identity):
                return
            if is_replaced:
                (old / "store").rename(target)
            raise


def _holds(target: Path, identity: dict[str, Any]) -> bool:
    """Whether a whole store of the same corpus and options is at `target`."""
    try:
        return is_store(target) and Store.open(target).meta["content"] == identity["content"]
    except CorpusError:
        return False


def _remove_left_behind(parent: Path, prefix: str) -> None:
    """Removes what builds that were killed have left; of this machine only, where a process can be asked for."""
    if os.name != "posix":
        return
    for path in parent.glob(f"{prefix}*"):
        process = path.name[len(prefix) :].split("-")[0]
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            shutil.rmtree(path, ignore_errors=True)
        except (ValueError, PermissionError):
            continue  # not ours to judge


def _check_options(
    store: Store, text: TextConfig, data: DataConfig, given: Collection[str] | None
) -> None:
    """Raises ConfigError when an option that the user chose is not the one that the store was made with."""
    for section, kept in ((text, store.text_config), (data, store.data_config)):
        for name, value in asdict(section).items():
            chosen = value != getattr(type(section)(), name) if given is None else name in given
            if name in PAIRING or not chosen:
                continue
            if name == "user_dict":
                same = (read_user_dict(value) if value else []) == store.tokenizer.user_words
            else:
                same = value == getattr(kept, name)
            if not same:
                was = getattr(kept, name)
                raise ConfigError(
                    f"{flag(name)} {value}：{store.directory} 是用 {was} 做的；请去掉此选项或重新 prepare"
                    f" | it was prepared with {was}; drop the option or prepare it again"
                )
