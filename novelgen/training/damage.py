"""What reading a damaged file raises, as one line for its user."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError

from novelgen.errors import CheckpointError, ConfigError
from novelgen.i18n import _

# What reading a damaged file was seen to raise.
_DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    RuntimeError,
    ConfigError,
    SafetensorError,
    pickle.UnpicklingError,
)


@contextlib.contextmanager
def damage_reported(path: Path) -> Iterator[None]:
    """What reading a damaged file raises becomes a CheckpointError of one line."""
    try:
        yield
    except FileNotFoundError:
        raise CheckpointError(
            _("{path}: this file is missing; the run directory is incomplete").format(path=path)
        ) from None
    except _DAMAGE as error:
        # torch's messages run over many lines; the first one says it.
        lines = str(error).splitlines() or [type(error).__name__]
        raise CheckpointError(
            _(
                "{path}: damaged, or of another run; restore a copy or train again ({reason})"
            ).format(path=path, reason=lines[0][:160])
        ) from None
