"""The one table of variants, and what a configuration's parts are by their variant.

It needs no torch: the command line reads it. A variant that is put together from parts that exist
is an entry of `VARIANTS` and nothing else; one that has a part of its own names it there.
"""

from __future__ import annotations

import dataclasses
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from novelgen.errors import ConfigError
from novelgen.i18n import N_, _
from novelgen.options import flag

if TYPE_CHECKING:
    from torch import nn

    from novelgen.config import ModelConfig
    from novelgen.models.conditional_lm import ConditionalLM, TokenEmbedding
    from novelgen.models.decoders import Decoder

Part = TypeVar("Part")


@dataclass(frozen=True)
class Variant:
    """A model that `--model` names.

    What makes it is named as "module:class" within novelgen.models, and imported when a model is
    built.
    """

    paper: str
    summary: str  # what it is, for the help text: a message marked with `N_`
    # The parts that it has, fields of ModelConfig, and their defaults. Another part does not exist
    # there: giving it is an error, never ignored.
    parts: Mapping[str, Any]
    # Makes the model of a resolved configuration, embeddings of the target and of the source.
    builder: str = "seq2seq:Seq2Seq"
    # Makes a Seq2Seq's decoder of a resolved configuration, with `--context attention`.
    attending_decoder: str = "bahdanau:make_bahdanau_decoder"

    def build(
        self,
        config: ModelConfig,
        embedding: TokenEmbedding,
        source_embedding: nn.Embedding | None,
    ) -> ConditionalLM:
        """The model of a resolved configuration, without its starting values."""
        model: ConditionalLM = _load(self.builder)(config, embedding, source_embedding)
        return model

    def make_attending_decoder(self, config: ModelConfig) -> Decoder:
        """The decoder of a resolved configuration that attends."""
        decoder: Decoder = _load(self.attending_decoder)(config)
        return decoder


def _load(name: str) -> Any:
    """What is named as "module:class", or function, within novelgen.models."""
    return pkgutil.resolve_name(f"novelgen.models.{name}")


_PLAIN = {
    "cell": "lstm",
    "encoder_layers": 1,
    "decoder_layers": 1,
    "bidirectional": False,
    "reverse_source": False,
    "bridge": "last",
    "context": "initial",
}
_BAHDANAU = {**_PLAIN, "bidirectional": True, "bridge": "projected", "context": "attention"}

VARIANTS: dict[str, Variant] = {
    "bahdanau": Variant(
        paper="Bahdanau et al. 2015",
        summary=N_("attention before each step of the decoder, with LSTMs"),
        parts=_BAHDANAU,
    ),
    "bahdanau-gru": Variant(
        paper="Bahdanau et al. 2015",
        summary=N_("the same with GRUs, as in the paper"),
        parts={**_BAHDANAU, "cell": "gru"},
    ),
    "luong": Variant(
        paper="Luong et al. 2015",
        summary=N_("attention after each step of the decoder, fed into the next"),
        # Their four layers are one here.
        parts={**_PLAIN, "context": "attention", "score": "general", "input_feeding": True},
        attending_decoder="luong:LuongDecoder",
    ),
    "cho": Variant(
        paper="Cho et al. 2014",
        summary=N_("one vector of the source enters every step"),
        parts={**_PLAIN, "cell": "gru", "bridge": "projected", "context": "every-step"},
    ),
    "sutskever": Variant(
        paper="Sutskever et al. 2014",
        summary=N_("four layers hand their last states over; the source is read backwards"),
        parts={**_PLAIN, "encoder_layers": 4, "decoder_layers": 4, "reverse_source": True},
    ),
    "seq2seq": Variant(
        paper="Chollet 2017",
        summary=N_("one layer hands its last state over, as in tutorials"),
        parts=_PLAIN,
    ),
    "lm": Variant(
        paper="Graves 2013",
        summary=N_("a language model that reads the source first"),
        parts={"cell": "lstm", "decoder_layers": 2},
        builder="language_model:LanguageModel",
    ),
    "transformer": Variant(
        paper="Vaswani et al. 2017",
        summary=N_("attention and feed-forward layers alone"),
        # Their six layers are three here.
        parts={"encoder_layers": 3, "decoder_layers": 3, "copy": False},
        builder="transformer:Transformer",
    ),
}

# Those that no entry needs to name: `_defaults` knows where they exist.
_DERIVED_PARTS = {
    "score",
    "token_in_query",
    "guide",
    "copy",
    "coverage",
    "encoder_size",
    "attention_size",
}

MODEL_PARTS = tuple(sorted(_DERIVED_PARTS.union(*(each.parts for each in VARIANTS.values()))))

# The default of `--guide`.
GUIDE = 1.0

# The scores with a hidden layer.
_WIDE_SCORES = ("additive", "concat")

COPY_NEEDS_ONE_VOCABULARY = N_(
    "--copy: copying needs one vocabulary for source and target; add --share-vocabulary"
)
GUIDE_NEEDS_ONE_VOCABULARY = N_(
    "--guide: finding target tokens in the source needs one vocabulary for both; add "
    "--share-vocabulary"
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
    # 1. Those of the variant's entry, with what is chosen of them.
    own = VARIANTS[config.model].parts
    parts = {name: chosen.get(name, value) for name, value in own.items()}

    # 2. Those that exist with attention alone.
    if parts.get("context") == "attention":
        parts["score"] = chosen.get("score", own.get("score", "additive"))
        parts["copy"] = False
        # Attention after the step has a query that has seen the token before, and a dot product
        # has no place for one.
        if "input_feeding" not in own and parts["score"] != "dot":
            parts["token_in_query"] = True
        # Where tokens are copied, likelihood itself teaches where to look.
        if not chosen.get("copy"):
            parts["guide"] = GUIDE
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
    if chosen.get("copy") and "copy" in parts:
        deciding.append(flag("copy"))
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
    # What attends can copy: `--copy` is a part of those variants alone.
    return resolve(config).copy is not None


def present(part: Part | None) -> Part:
    """A part of a resolved configuration that its variant has, which is never None."""
    assert part is not None
    return part
