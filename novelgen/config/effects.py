"""Which options of decoding have an effect beside the others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from novelgen.config.decoding import DecodingConfig

# What does nothing where the penalty itself is off.
_DRY_PARTS = ("dry_base", "dry_allowed_length", "dry_window")
# Which decoders have a use for a field; all have for the others. Temperature and the filters shape
# what is drawn from: greedy decoding and beam search look for what is likeliest.
_ONLY_FOR = {
    "temperature": ("sample",),
    "top_k": ("sample",),
    "top_p": ("sample",),
    "min_p": ("sample",),
    "typical_p": ("sample",),
    "seed": ("sample",),
    "beam_size": ("beam",),
    "length_penalty": ("beam",),
    "num_samples": ("sample", "beam"),
}


def applies(name: str, decoder: str) -> bool:
    """Whether a field of DecodingConfig has an effect with a decoder."""
    return decoder in _ONLY_FOR.get(name, (decoder,))


def without_dry(options: Mapping[str, Any]) -> list[str]:
    """Which fields of `options` have no effect because DRY sampling is off."""
    if options.get("dry_multiplier", DecodingConfig.dry_multiplier):
        return []
    return [name for name in _DRY_PARTS if name in options]


def without_effect(options: Iterable[str], decoders: Collection[str]) -> list[str]:
    """Which fields of `options` none of the decoders has a use for.

    A seed is none of them: one that is given to be sure does no harm.
    """
    return [
        name
        for name in options
        if name != "seed" and not any(applies(name, decoder) for decoder in decoders)
    ]
