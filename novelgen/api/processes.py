"""The processes that torchrun starts, as far as they are known before torch is imported."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from novelgen.errors import NovelgenError


def is_first_process() -> bool:
    """Whether this process is alone, or of several the one that prints."""
    is_alone = os.environ.get("WORLD_SIZE", "1") == "1"
    return is_alone or os.environ.get("RANK", "0") == "0"


@contextlib.contextmanager
def reported_once() -> Iterator[None]:
    """Of an error that every process finds by itself only the first one's is raised.

    The others exit with code 2.
    """
    try:
        yield
    except NovelgenError:
        if is_first_process():
            raise
        raise SystemExit(2) from None
