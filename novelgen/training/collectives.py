"""Calls of torch.distributed that say in one line when another process has ended."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from novelgen.errors import TrainingError
from novelgen.i18n import _

Value = TypeVar("Value")

_REASON_LENGTH = 120  # characters of torch's own message that are shown


def collective(function: Callable[..., Value], *args: Any, **options: Any) -> Value:
    """What one of torch.distributed's functions returns.

    Raises TrainingError when another rank is no longer there to answer.
    """
    try:
        return function(*args, **options)
    except RuntimeError as error:
        # Without the place in torch's source, which stands in brackets before it.
        reason = re.sub(r"^\[\S*\] ", "", str(error).splitlines()[0])[:_REASON_LENGTH]
        raise TrainingError(
            _(
                "another process of this training ended unexpectedly (killed, out of memory, "
                "network lost); the last save is whole: go on with --resume, with any number of "
                "processes ({reason})"
            ).format(reason=reason)
        ) from None
