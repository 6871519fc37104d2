"""A lock on a directory that is trained into: one training at a time.

The lock is the operating system's, on a file in the directory. It ends with the process, however
that ends: what a killed training leaves behind blocks nobody. A second file says who holds it, for
people. Both are hidden, and gone when the training has ended.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.os_errors import reason_of

_LOCK = ".training.lock"
_HOLDER = ".training.json"
LOCK_FILES = (_LOCK, _HOLDER)
"""What a training that was killed may leave in its directory; no part of a run."""

# Seconds until a lock counts as held: `training_in` holds it for a moment when it looks.
_PATIENCE = 0.5
_POLL = 0.05
# What locking fails with where a file system has no locks, as some of networks and FUSE.
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)


@contextlib.contextmanager
def unwritable_reported(directory: Path) -> Iterator[None]:
    """An OSError inside becomes a ConfigError: the directory cannot be written."""
    try:
        yield
    except OSError as error:
        message = _("{path}: cannot be written ({reason}); choose another --output")
        raise ConfigError(message.format(path=directory, reason=reason_of(error))) from None


@contextlib.contextmanager
def locked(directory: Path, clock: Callable[[], float] = time.time) -> Iterator[None]:
    """Keeps every other training out of a directory, which is made where it is not there.

    Raises ConfigError when one is in it, or when the directory cannot be written. On a file system
    without locks nothing is kept out. `clock` gives the seconds of the epoch.
    """
    with unwritable_reported(directory):
        directory.mkdir(parents=True, exist_ok=True)
        lock = _acquired(directory)
    try:
        _write_holder(directory, clock())
        yield
    finally:
        _release(lock, directory)


def training_in(directory: Path) -> str | None:
    """A line about the training that holds a directory; None where none does."""
    # Looking creates nothing.
    if not (directory / _LOCK).exists():
        return None
    lock = FileLock(directory / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return _refusal(directory)
    except OSError:
        return None
    # Nobody holds it: a training was killed.
    _release(lock, directory)
    return None


def check_no_training(directory: Path) -> None:
    """Raises ConfigError when a training holds a directory."""
    message = training_in(directory)
    if message is not None:
        raise ConfigError(message)


def _acquired(directory: Path) -> FileLock:
    lock = FileLock(directory / _LOCK)
    try:
        lock.acquire(timeout=_PATIENCE, poll_interval=_POLL)
    except Timeout:
        raise ConfigError(_refusal(directory)) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return lock


def _release(lock: FileLock, directory: Path) -> None:
    """Ends a lock and removes its files."""
    # While the lock is held, so that those of the next training stay. Whoever has opened the file
    # already sees that it is gone, and makes a new one (filelock from 3.21 on).
    for name in LOCK_FILES:
        # Windows removes no file that is open: filelock then does it, or it stays.
        with contextlib.suppress(OSError):
            (directory / name).unlink()
    lock.release()


def _write_holder(directory: Path, since: float) -> None:
    holder = {"process": os.getpid(), "machine": platform.node(), "since": since}
    # Without it the lock holds as well, and the message says less.
    with contextlib.suppress(OSError):
        (directory / _HOLDER).write_text(json.dumps(holder), encoding="utf-8")


def _refusal(directory: Path) -> str:
    """Who holds the directory, since when, and what to do."""
    try:
        holder = json.loads((directory / _HOLDER).read_text(encoding="utf-8"))
        since = datetime.datetime.fromtimestamp(holder["since"])
        process, machine = int(holder["process"]), str(holder["machine"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        # The file is not there yet, or any more.
        message = _(
            "{path}: another process is training here; wait until it has ended, or choose another "
            "--output"
        )
        return message.format(path=directory)
    if machine == platform.node():
        message = _(
            "{path}: process {process} has been training here since {since}; wait until it has "
            "ended, stop it, or choose another --output"
        )
    else:
        message = _(
            "{path}: process {process} on {machine} has been training here since {since}; wait "
            "until it has ended, stop it, or choose another --output"
        )
    return message.format(
        path=directory, process=process, machine=machine, since=f"{since:%Y-%m-%d %H:%M}"
    )
