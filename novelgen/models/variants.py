"""The variants as tables of parts, and the values of parts that are not given. Needs no torch.

A part that a variant's table does not hold does not exist there: giving it is an error, never
ignored.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from novelgen.config import ModelConfig, flag
from novelgen.errors import ConfigError
from novelgen.i18n import N_, _

_PLAIN = {
    "cell": "lstm",
    "encoder_layers": 1,
    "decoder_layers": 1,
    "bidirectional": False,
    "reverse_source": False,
    "bridge": "last",
    "context": "initial",
}

VARIANTS: dict[str, dict[str, Any]] = {
    # Bahdanau, Cho and Bengio (2015): attention from s_{i-1}, the context enters the cell, deep
    # output.
    "bahdanau": {**_PLAIN, "bidirectional": True, "bridge": "projected", "context": "attention"},
    # Luong, Pham and Manning (2015): global attention after the cell. Their four layers are one
    # here.
    "luong": {**_PLAIN, "context": "attention", "score": "general", "input_feeding": True},
    # Cho et al. (2014): the encoder's vector enters every step and the output.
    "cho": {**_PLAIN, "cell": "gru", "bridge": "projected", "context": "every-step"},
    # Sutskever, Vinyals and Le (2014): deep, the source reversed, the states handed over layer by
    # layer.
    "sutskever": {**_PLAIN, "encoder_layers": 4, "decoder_layers": 4, "reverse_source": True},
    # The plain encoder-decoder of the tutorials (Chollet, 2017).
    "seq2seq": _PLAIN,
    # Graves (2013): a language model that has read the source.
    "lm": {"cell": "lstm", "decoder_layers": 2},
    # Vaswani et al. (2017); their six layers are three here.
    "transformer": {"encoder_layers": 3, "decoder_layers": 3, "copy": False},
}

# Those that no table needs to name: `_defaults` knows where they exist.
_DERIVED_PARTS = {"score", "input_feeding", "copy", "coverage", "encoder_size", "attention_size"}

MODEL_PARTS = tuple(sorted(_DERIVED_PARTS.union(*VARIANTS.values())))

# The scores with a hidden layer.
_WIDE_SCORES = ("additive", "concat")

COPY_NEEDS_ONE_VOCABULARY = N_(
    "--copy: copying needs one vocabulary for source and target; add --share-vocabulary"
)
NO_ATTENTION = N_("this model has no attention: there are no weights to save or draw")


def resolve(config: ModelConfig) -> ModelConfig:
    """The same configuration with every part of the variant filled in.

    Parts that the variant does not have are None. Raises ConfigError, with the reason, where such a
    part is given, or where a part does not fit the others.
    """
    chosen = {name: value for name in MODEL_PARTS if (value := getattr(config, name)) is not None}
    parts = _defaults(config, chosen)
    _check_exist(config, chosen, parts)

    changes: dict[str, Any] = dict.fromkeys(MODEL_PARTS)
    for name, value in parts.items():
        changes[name] = chosen.get(name, value)
    resolved = dataclasses.replace(config, **changes)
    _check_fit(resolved)
    return resolved


def _defaults(config: ModelConfig, chosen: dict[str, Any]) -> dict[str, Any]:
    """The parts that the variant has, given what is chosen, with their values."""
    # 1. Those of the variant's table, with what is chosen of them.
    own = VARIANTS[config.model]
    parts = {name: chosen.get(name, value) for name, value in own.items()}

    # 2. Those that exist with attention alone.
    if parts.get("context") == "attention":
        parts["score"] = chosen.get("score", own.get("score", "additive"))
        parts["copy"] = False
        if parts["score"] == "additive":
            parts["coverage"] = False
        if parts["score"] in _WIDE_SCORES:
            parts["attention_size"] = max(config.decoder_size // 2, 1)
    else:
        parts.pop("score", None)
        parts.pop("input_feeding", None)

    # 3. Annotations as wide as the decoder, where it can be halved.
    if "encoder_layers" in parts:
        directions = _directions(parts.get("bidirectional"))
        parts["encoder_size"] = max(config.decoder_size // directions, 1)
    return parts


def _check_exist(config: ModelConfig, chosen: dict[str, Any], parts: dict[str, Any]) -> None:
    """Raises ConfigError where a part is chosen that the variant does not have."""
    unknown = [name for name, value in chosen.items() if value and name not in parts]
    if not unknown:
        return
    deciding = [f"{flag(name)} {parts[name]}" for name in ("context", "score") if name in parts]
    variant = " ".join([f"--model {config.model}", *deciding])
    raise ConfigError(
        _("{option}: {variant} has no such part; leave it out").format(
            option=flag(unknown[0]), variant=variant
        )
    )


def _check_fit(config: ModelConfig) -> None:
    """Raises ConfigError where the parts of a resolved configuration do not fit each other."""
    if config.bidirectional and config.reverse_source:
        raise ConfigError(
            _(
                "--reverse-source: a bidirectional encoder reads from both ends already; "
                "add --no-bidirectional"
            )
        )
    width = annotation_size(config)
    size = config.decoder_size
    if config.score == "dot" and width != size:
        raise ConfigError(
            _(
                "--score dot: annotations have {width} features, the decoder's state {size}, and a "
                "dot product needs as many; change the sizes, or use --score general"
            ).format(width=width, size=size)
        )
    if config.bridge == "last":
        _check_last_bridge(config, width, size)


def _check_last_bridge(config: ModelConfig, width: int, size: int) -> None:
    """Raises ConfigError where the encoder's states cannot be the decoder's as they are."""
    if config.encoder_layers != config.decoder_layers:
        raise ConfigError(
            _(
                "--bridge last: states are handed over layer by layer, and the encoder's layers "
                "({encoder_layers}) are not as many as the decoder's ({decoder_layers}); "
                "change one of them, or use --bridge projected"
            ).format(encoder_layers=config.encoder_layers, decoder_layers=config.decoder_layers)
        )
    if width != size:
        raise ConfigError(
            _(
                "--bridge last: the encoder's state has {width} features, the decoder's {size}, "
                "and states are handed over as they are; "
                "change the sizes, or use --bridge projected"
            ).format(width=width, size=size)
        )


def annotation_size(config: ModelConfig) -> int:
    """Width of the recurrent encoder's annotations of a resolved configuration.

    It is 0 where there is no encoder.
    """
    return (config.encoder_size or 0) * _directions(config.bidirectional)


def _directions(bidirectional: bool | None) -> int:
    """How many directions an encoder reads in."""
    return 1 + bool(bidirectional)


def attends(config: ModelConfig) -> bool:
    """Whether the model has attention weights to show; where not, NO_ATTENTION says so."""
    return config.model == "transformer" or resolve(config).context == "attention"
