"""Numbers and names as a report writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from novelgen.i18n import N_, _
from novelgen.report.tables import EMPTY as UNKNOWN

# What a variant is called in a sentence.
VARIANTS = {
    "bahdanau": N_("an LSTM encoder-decoder with Bahdanau attention"),
    "bahdanau-gru": N_("a GRU encoder-decoder with Bahdanau attention"),
    "luong": N_("an LSTM encoder-decoder with Luong attention"),
    "cho": N_("the RNN encoder-decoder of Cho et al."),
    "sutskever": N_("the deep LSTM encoder-decoder of Sutskever et al."),
    "seq2seq": N_("a plain LSTM encoder-decoder without attention"),
    "lm": N_("a recurrent language model that reads the source first"),
    "transformer": N_("a Transformer"),
}
TOKENS = {"char": N_("characters"), "word": N_("words")}


def setting_text(options: Mapping[str, Any]) -> str:
    """A decoding setting as a person reads it, by the options that a report varies."""
    if options["decoder"] == "greedy":
        return _("greedy")
    if options["decoder"] == "beam":
        return _("beam {size}").format(size=options["beam_size"])
    parts = []
    # Temperature 1 is none; of a setting that is all neutral it is what one calls it.
    if options["temperature"] != 1 or (not options["top_k"] and options["top_p"] == 1):
        parts.append(_("temperature {value:g}").format(value=options["temperature"]))
    if options["top_k"]:
        parts.append(f"top-k {options['top_k']}")
    if options["top_p"] != 1:
        parts.append(f"top-p {options['top_p']:g}")
    return ", ".join(parts)


def bpc(value: float | None) -> str:
    """Bits per character, with three decimals."""
    return UNKNOWN if value is None else f"{value:.3f}"


def percent(value: float | None) -> str:
    """A share in per cent, with one decimal."""
    return UNKNOWN if value is None else f"{value:.1%}"


def count(value: float | None) -> str:
    """A whole number with separators."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def decimal(value: float | None, digits: int = 2) -> str:
    """A number with so many decimals."""
    return UNKNOWN if value is None else f"{value:.{digits}f}"


def value_text(value: Any) -> str:
    """An option's value as a person reads it."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return f"{value:g}" if isinstance(value, float) else str(value)


def shortened(text: str, length: int = 160) -> str:
    """The text, cut behind `length` characters."""
    return text if len(text) <= length else text[:length] + "…"
