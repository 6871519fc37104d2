"""From a corpus to its store: reused when it is there already, built whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from novelgen.config import DataConfig, TextConfig, flag
from novelgen.data.building import build, sync
from novelgen.data.identity import identify
from novelgen.data.novel_files import check_hold_out, find_duplicates
from novelgen.data.store import PAIRING, Store, is_store
from novelgen.errors import ConfigError, CorpusError
from novelgen.i18n import _
from novelgen.os_errors import reason_of
from novelgen.text.importing import CorpusImport
from novelgen.text.tokenizers import Tokenizer
from novelgen.text.words import UserWord, read_user_dict


class KnownVocabulary(NamedTuple):
    """A vocabulary that a store's is to have whole, and the fingerprint that it goes by.

    The tokenizer may know more than the one of that fingerprint: what the corpus adds to it.
    """

    tokenizer: Tokenizer
    fingerprint: str


_DIGITS = 12  # of a corpus's identity in its store's name

STORES = ".stores"
"""The folder, beside the runs that use them, of stores that training made by itself."""


def open_or_build(
    paths: Sequence[Path],
    text: TextConfig,
    data: DataConfig,
    directory: Path,
    *,
    given: Collection[str] | None = None,
    workers: int | None = None,
    known: KnownVocabulary | None = None,
) -> Store:
    """The store of a corpus, reused from below `directory` or built there.

    It is called `<corpus name>-<hash>`. `paths` are the corpus's files and folders, or one
    directory that `prepare` made, which is opened as it is; then the options named in `given`
    (by default those that are not at their default) must not contradict it, and its vocabulary is
    what it is, whatever is `known`. Raises CorpusError and ConfigError.
    """
    paths = [Path(path) for path in paths]
    if len(paths) == 1 and is_store(paths[0]):
        store = Store.open(paths[0])
        _check_options(store, text, data, given)
        return store
    # The name has the hash: the stores of two versions of a corpus live side by side.
    identity, user_words = identify(paths, text, data, known.fingerprint if known else None)
    check_hold_out(paths, data.hold_out)
    target = Path(directory) / store_name(paths, identity["content"])
    if not _holds(target, identity):  # it is missing or damaged
        _build_at(target, paths, text, data, user_words, identity, workers, known)
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

    Raises ConfigError when something else is there: another store may be replaced with `overwrite`,
    any other directory or file never. Raises CorpusError as `open_or_build`.
    """
    paths = [Path(path) for path in paths]
    if len(paths) == 1 and is_store(paths[0]):
        raise ConfigError(
            _(
                "{path}: already prepared; train on it with python -m novelgen train --corpus "
                "{path}"
            ).format(path=paths[0])
        )
    check_outside(target, paths)
    identity, user_words = identify(paths, text, data)
    check_hold_out(paths, data.hold_out)
    if is_store(target):
        if _holds(target, identity):
            return Store.open(target)
        if not overwrite:
            raise ConfigError(
                _(
                    "--output {path}: holds another prepared corpus; pass --overwrite to replace it"
                ).format(path=target)
            )
    elif target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise ConfigError(
            _("--output {path}: exists and is no prepared corpus; choose another directory").format(
                path=target
            )
        )
    _build_at(target, paths, text, data, user_words, identity, workers)
    return Store.open(target)


def check_outside(output: Path, paths: Sequence[Path]) -> None:
    """Raises ConfigError when `output` lies inside a folder of the corpus.

    What is written there would be read as text of the corpus the next time.
    """
    if any(path.is_dir() and output.resolve().is_relative_to(path.resolve()) for path in paths):
        raise ConfigError(
            _(
                "--output {path}: lies inside the corpus folder, where it would be read as text; "
                "choose a place outside"
            ).format(path=output)
        )


def corpus_name(paths: Sequence[Path]) -> str:
    """What to call a corpus: the name of its first file or folder, without the ending."""
    first = Path(paths[0]).resolve()
    if first.is_dir():
        return first.name
    return first.stem


def store_name(paths: Sequence[Path], content: str) -> str:
    """What the store of a corpus is called beside others; `content` is that of its identity."""
    return f"{corpus_name(paths)}-{content[:_DIGITS]}"


def shown_name(path: PurePath) -> str:
    """What a corpus file, or a store that was named by `store_name`, is called for readers."""
    return re.sub(rf"-[0-9a-f]{{{_DIGITS}}}$", "", path.name)


def _build_at(
    target: Path,
    paths: Sequence[Path],
    text: TextConfig,
    data: DataConfig,
    user_words: Sequence[UserWord],
    identity: dict[str, Any],
    workers: int | None,
    known: KnownVocabulary | None = None,
) -> None:
    """Builds a store under a temporary name beside `target` and renames it.

    A store or an empty directory that is at `target` is replaced.
    """
    target = Path(target).absolute()
    # Machine and process are part of the name: what a killed build left can be told from one at
    # work.
    prefix = f".novelgen-build-{socket.gethostname()}-"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_left_behind(target.parent, prefix)
        # Beside `target`, because a rename within one file system is all or nothing.
        with _temporary(target.parent, f"{prefix}{os.getpid()}-") as directory:
            duplicates = find_duplicates(paths, text)
            leave_out = [duplicate.path for duplicate in duplicates]
            corpus = CorpusImport(paths, text, workers, leave_out=leave_out)
            tokenizer = known.tokenizer if known else None
            build(corpus, data, user_words, directory, identity, workers, duplicates, tokenizer)
            sync(directory)
            _move(directory, target, identity)
    except OSError as error:
        raise CorpusError(
            _("{path}: cannot be written: {reason}; nothing half-made is left").format(
                path=target, reason=reason_of(error)
            )
        ) from None


@contextlib.contextmanager
def _temporary(parent: Path, prefix: str) -> Iterator[Path]:
    """A new directory, removed at the end unless it has been renamed."""
    directory = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
    try:
        directory.chmod(0o755)  # mkdtemp makes directories for their owner alone
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _move(directory: Path, target: Path, identity: dict[str, Any]) -> None:
    """Renames `directory` to `target`, unless another process finished the same store meanwhile."""
    if _holds(target, identity):
        return  # that one stays, so that no reader misses it for a moment
    with _temporary(target.parent, ".novelgen-old-") as old:
        # A directory cannot be renamed onto a full one: the old store moves aside first.
        is_replaced = target.exists()
        if is_replaced:
            target.rename(old / "store")
        try:
            directory.rename(target)
        except OSError:
            if _holds(target, identity):
                return
            if is_replaced:
                (old / "store").rename(target)  # the user keeps what there was
            raise


def _holds(target: Path, identity: dict[str, Any]) -> bool:
    """Whether a whole store of the same corpus and options is at `target`."""
    try:
        return is_store(target) and Store.open(target).meta["content"] == identity["content"]
    except CorpusError:
        return False


def _remove_left_behind(parent: Path, prefix: str) -> None:
    """Removes what builds on this machine have left when they were killed."""
    if os.name != "posix":
        return  # os.kill with 0 asks whether a process lives; on Windows it would end it
    for path in parent.glob(f"{prefix}*"):
        process = path.name[len(prefix) :].split("-")[0]
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            shutil.rmtree(path, ignore_errors=True)
        except (ValueError, PermissionError):
            continue  # another program's directory, or another user's build


def _check_options(
    store: Store, text: TextConfig, data: DataConfig, given: Collection[str] | None
) -> None:
    """Raises ConfigError when the user chose an option that the store was not made with."""
    sections: list[tuple[TextConfig | DataConfig, TextConfig | DataConfig]] = [
        (text, store.text_config),
        (data, store.data_config),
    ]
    for section, used in sections:
        default = type(section)()
        for name, value in asdict(section).items():
            if given is None:
                is_chosen = value != getattr(default, name)
            else:
                is_chosen = name in given
            if name in PAIRING or not is_chosen:
                continue
            if not _is_same(store, used, name, value):
                raise ConfigError(
                    _(
                        "{option} {value}: {directory} was prepared with {used}; drop the option "
                        "or prepare the corpus again"
                    ).format(
                        option=flag(name),
                        value=value,
                        directory=store.directory,
                        used=getattr(used, name),
                    )
                )


def _is_same(store: Store, used: TextConfig | DataConfig, name: str, value: Any) -> bool:
    """Whether a store was made with this value of an option; `used` are its own options."""
    if name != "user_dict":
        return bool(value == getattr(used, name))
    # The words count, not the file: it may have been renamed.
    words = read_user_dict(value) if value else []
    return words == store.tokenizer.user_words
