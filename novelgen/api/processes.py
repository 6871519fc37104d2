"""The processes that torchrun starts, as far as they are known before torch is imported."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator

from novelgen.errors import NovelgenError


def is_first_process() -> bool:
    """Whether this process is alone, or of several the one that prints."""
    is_alone = os.environ.get("WORLD_SIZE", "1") == "1"
    return is_alone or os.environ.get("RANK", "0") == "0"


# Seconds that the first process has for its report.
_PATIENCE = 60.0


@contextlib.contextmanager
def reported_once(wait: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """Of an error that every process finds by itself only the first one's is raised.

    The others wait, and exit with code 2. As a rule torchrun ends them before: it does so as soon
    as one has exited, which must be the one that reports.
    """
    try:
        yield
    except NovelgenError:
        if is_first_process():
            raise
        wait(_PATIENCE)
        raise SystemExit(2) from None
