"""Whether a file that is asked for can be written: found out before anything is computed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

from novelgen.errors import ConfigError
from novelgen.i18n import _, pgettext
from novelgen.os_errors import reason_of


def check_output(name: str, path: str | None, suffixes: tuple[str, ...]) -> None:
    """Raises ConfigError when a file could not be written at `path`."""
    if path is None:
        return
    file = Path(path)
    if file.suffix.lower() not in suffixes:
        message = _("{option} {path}: the name must end in {suffixes}")
        listed = pgettext("between the items of a list of alternatives", " or ").join(suffixes)
        raise ConfigError(message.format(option=name, path=path, suffixes=listed))
    if not file.parent.is_dir():
        message = _("{option} {path}: there is no folder {folder}; create it first")
        raise ConfigError(message.format(option=name, path=path, folder=file.parent))
    # A new file needs a folder that can be written to, an old one only itself.
    touched = file
    if not file.exists():
        touched = file.parent
    if file.is_dir() or not os.access(touched, os.W_OK):
        message = _("{option} {path}: cannot be written; choose another place")
        raise ConfigError(message.format(option=name, path=path))


def refuse_file(path: Path, error: OSError) -> NoReturn:
    """Raises ConfigError for a file that the system cannot write after all."""
    message = _("{path}: cannot be written ({reason}); choose another place")
    raise ConfigError(
        message.format(path=error.filename or path, reason=reason_of(error))
    ) from None
