"""What `generate` and `evaluate` share: the option --style, and the note on what does nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Mapping
from typing import Any

from novelgen.config import flag
from novelgen.config.effects import without_dry, without_effect
from novelgen.decoding_styles import STYLES
from novelgen.i18n import _, join_list


def add_style(parser: argparse.ArgumentParser) -> None:
    """Declares --style; its value is checked by `styled`."""
    parser.add_argument(
        "--style",
        metavar="|".join(STYLES),
        help=_("decoding options that go together, by name; those that are given go before"),
    )


def remark_on_options(options: Mapping[str, Any], decoders: Collection[str]) -> None:
    """Says on standard error which of the given options have no effect, and why."""
    unused = without_effect(options, decoders)
    if unused:
        message = _("note: {options}: without effect with --decoder {decoders}")
        names = join_list(map(flag, unused))
        print(message.format(options=names, decoders=",".join(decoders)), file=sys.stderr)
    unused = without_dry(options)
    if unused:
        message = _("note: {options}: without effect without --dry-multiplier")
        print(message.format(options=join_list(map(flag, unused))), file=sys.stderr)
