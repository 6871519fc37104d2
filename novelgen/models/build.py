"""From a configuration to a model with its starting values."""

from __future__ import annotations

from torch import nn

from novelgen.config import ModelConfig
from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.models.conditional_lm import ConditionalLM, TokenEmbedding
from novelgen.models.dropout import VariationalDropout
from novelgen.models.pointer import PointerGenerator
from novelgen.models.zoo import COPY_NEEDS_ONE_VOCABULARY, VARIANTS, resolve


def build_model(
    config: ModelConfig,
    vocabulary_size: int,
    source_vocabulary_size: int | None = None,
    first_tokens: int = 0,
) -> ConditionalLM | PointerGenerator:
    """The variant that `config` names, with starting values from torch's global generator.

    The source has embeddings of its own where `source_vocabulary_size` is given. A target may begin
    after BOS, or after one of `first_tokens` others: the ids from `vocabulary_size` on. Raises
    ConfigError for parts that do not fit each other.
    """
    config = resolve(config)
    if config.copy and source_vocabulary_size is not None:
        raise ConfigError(_(COPY_NEEDS_ONE_VOCABULARY))

    # The order in which parts are made is the order of their random draws.
    embedding = TokenEmbedding(vocabulary_size, config.embedding_size, first_tokens)
    source_embedding = None
    if source_vocabulary_size is not None:
        source_embedding = nn.Embedding(source_vocabulary_size, config.embedding_size)
    variant = VARIANTS[config.model]
    model: ConditionalLM | PointerGenerator
    model = variant.build(config, embedding, source_embedding)
    if config.copy:
        model = PointerGenerator(model)
    model.reset_parameters()
    return model


def set_dropout(model: nn.Module, rate: float) -> None:
    """Changes the dropout rate of a model that `build_model` made."""
    for module in model.modules():
        if isinstance(module, VariationalDropout):
            module.rate = rate
        elif isinstance(module, nn.Dropout):  # of the transformer's layers
            module.p = rate
        elif isinstance(module, nn.MultiheadAttention):
            module.dropout = rate
