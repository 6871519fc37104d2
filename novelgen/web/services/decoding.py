"""The options of decoding as the page knows them."""

from __future__ import annotations

from novelgen.errors import ConfigError
from novelgen.i18n import N_, _
from novelgen.web import limits

DECODERS = {
    "sample": N_("sampling"),
    "beam": N_("beam search"),
    "greedy": N_("greedy"),
}


def seed_of(typed: str | None) -> int | None:
    """A seed as typed; None, which is a random one, where nothing was typed.

    Raises ConfigError.
    """
    typed = (typed or "").strip()
    if not typed:
        return None
    # The length goes first: int() refuses a text of thousands of digits.
    is_number = typed.isdecimal() and len(typed) <= len(str(limits.SEED))
    if not is_number or int(typed) > limits.SEED:
        message = _("the seed must be a whole number from 0 to {largest}, or empty")
        raise ConfigError(message.format(largest=limits.SEED))
    return int(typed)
