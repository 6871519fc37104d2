"""The variants as tables of parts, and what becomes of a part that is not given. Needs no torch.

A part that a variant's table does not hold does not exist there: giving it is an error, never ignored.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from novelgen.config import ModelConfig, flag
from novelgen.errors import ConfigError

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
    # Bahdanau, Cho and Bengio (2015): attention from s_{i-1}, the context enters the cell, deep output.
    "bahdanau": {**_PLAIN, "bidirectional": True, "bridge": "projected", "context": "attention"},
    # Luong, Pham and Manning (2015): global attention after the cell. Their four layers are one here.
    "luong": {**_PLAIN, "context": "attention", "score": "general", "input_feeding": True},
    # Cho et al. (2014): the encoder's vector enters every step and the output.
    "cho": {**_PLAIN, "cell": "gru", "bridge": "projected", "context": "every-step"},
    # Sutskever, Vinyals and Le (2014): deep, the source reversed, the states handed over layer by layer.
    "sutskever": {**_PLAIN, "encoder_layers": 4, "decoder_layers": 4, "reverse_source": True},
    # The plain encoder-decoder of the tutorials (Chollet, 2017).
    "seq2seq": _PLAIN,
    # Graves (2013): a language model that has read the source.
    "lm": {"cell": "lstm", "decoder_layers": 2},
    # Vaswani et al. (2017); their six layers are three here.
    "transformer": {"encoder_layers": 3, "decoder_layers": 3, "copy": False},
}

PARTS = tuple(
    sorted(
        {"score", "input_feeding", "copy", "coverage", "encoder_size", "attention_size"}.union(
            *VARIANTS.values()
        )
    )
)
_WIDE_SCORES = ("additive", "concat")  # those with a hidden layer


def resolve(config: ModelConfig) -> ModelConfig:
    """The same configuration with every part of the variant filled in; None is left of parts that it has not.

    Raises ConfigError, with the reason, for a part that the variant has not or that does not fit the others.
    """
    chosen = {name: value for name in PARTS if (value := getattr(config, name)) is not None}
    parts = _defaults(config, chosen)
    for name, value in chosen.items():
        if value and name not in parts:
            where = " ".join(
                [
                    f"--model {config.model}",
                    *(
                        f"{flag(part)} {parts[part]}"
                        for part in ("context", "score")
                        if part in parts
                    ),
                ]
            )
            raise ConfigError(
                f"{flag(name)}：{where} 没有这一部分，请去掉 | {where} has no such part; leave it out"
            )
    resolved = dataclasses.replace(
        config, **{name: chosen.get(name, parts[name]) if name in parts else None for name in PARTS}
    )
    _check(resolved)
    return resolved


def _defaults(config: ModelConfig, chosen: dict[str, Any]) -> dict[str, Any]:
    """The parts that the variant has, given what is chosen, with their values."""
    own = VARIANTS[config.model]
    parts = {**own, **{name: value for name, value in chosen.items() if name in own}}
    if parts.get("context") == "attention":
        parts |= {"score": chosen.get("score", own.get("score", "additive")), "copy": False}
        if parts["score"] == "additive":
            parts["coverage"] = False
        if parts["score"] in _WIDE_SCORES:
            parts["attention_size"] = max(config.decoder_size // 2, 1)
    else:
        parts.pop("score", None)
        parts.pop("input_feeding", None)
    if "encoder_layers" in parts:
        parts["encoder_size"] = max(
            config.decoder_size // (2 if parts.get("bidirectional") else 1), 1
        )
    return parts


def _check(config: ModelConfig) -> None:
    """Raises ConfigError where the parts of a resolved configuration do not fit each other."""
    width, size = annotation_size(config), config.decoder_size
    layers = (config.encoder_layers, config.decoder_layers)
    if config.bidirectional and config.reverse_source:
        raise ConfigError(
            "--reverse-source：双向编码器本来就从两头读；请加 --no-bidirectional | a bidirectional encoder reads from both "
            "ends already; add --no-bidirectional"
        )
    if config.score == "dot" and width != size:
        raise ConfigError(
            f"--score dot：编码器每处 {width} 维，解码器 {size} 维，点积要求相等；请改维数或用 --score general | annotations "
            f"have {width} numbers, the decoder's state {size}; change the sizes, or take --score general"
        )
    if config.bridge == "last" and layers[0] != layers[1]:
        raise ConfigError(
            f"--bridge last：编码器 {layers[0]} 层，解码器 {layers[1]} 层，逐层交接要求相等；请改层数，或用 --bridge "
            "projected | handing over layer by layer needs as many encoder as decoder layers; change them, or take --bridge "
            "projected"
        )
    if config.bridge == "last" and width != size:
        raise ConfigError(
            f"--bridge last：编码器状态 {width} 维，解码器 {size} 维，原样交接要求相等；请改维数，或用 --bridge projected | "
            f"the encoder's state has {width} numbers, the decoder's {size}; change the sizes, or take --bridge projected"
        )


def annotation_size(config: ModelConfig) -> int:
    """Width of the recurrent encoder's annotations of a resolved configuration; 0 where there is no encoder."""
    return (config.encoder_size or 0) * (2 if config.bidirectional else 1)


COPY_NEEDS_ONE_VOCABULARY = (
    "--copy：照抄要求源和目标用同一个词表；请加 --share-vocabulary | copying needs one vocabulary for source "
    "and target; add --share-vocabulary"
)
NO_ATTENTION = "这个模型没有注意力，没有权重可存、可画 | this model has no attention: there are no weights to save or draw"


def attends(config: ModelConfig) -> bool:
    """Whether the model has attention weights to show; where not, NO_ATTENTION says so."""
    return config.model == "transformer" or resolve(config).context == "attention"
