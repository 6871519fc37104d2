"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from novelgen.errors import CheckpointError
from novelgen.i18n import _
from novelgen.os_errors import reason_of


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file so that a crash or a full disk leaves the old content or the new, never a part.

    Raises CheckpointError when the disk is full or the file cannot be written; the old file is then
    untouched.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # Only now, when all of it is on the disk, does it take the old file's name.
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise CheckpointError(_write_failure(path, error)) from None


def _write_failure(path: Path, error: OSError) -> str:
    # A full disk can be helped, and happens most often; a quota that is used up is the same.
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _(
            "{path}: the disk is full; free some space and go on with --resume; "
            "the file from before is intact"
        ).format(path=path)
    return _("{path}: cannot be written: {reason}; the file from before is intact").format(
        path=path, reason=reason_of(error)
    )
