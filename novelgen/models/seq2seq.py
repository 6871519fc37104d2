"""The recurrent encoder-decoder, put together from an encoder, a bridge and a decoder."""

from __future__ import annotations

from torch import Tensor, nn

from novelgen.config import ModelConfig
from novelgen.models.bridges import BRIDGES
from novelgen.models.conditional_lm import ConditionalLM, TokenEmbedding
from novelgen.models.decoders import Decoder, EveryStepDecoder, PlainDecoder
from novelgen.models.encoder import Encoded, Encoder
from novelgen.models.recurrent import State
from novelgen.models.zoo import VARIANTS, present


class Seq2Seq(ConditionalLM):
    """Encoder → bridge → decoder; which ones these are makes the variant."""

    def __init__(
        self,
        config: ModelConfig,
        embedding: TokenEmbedding,
        source_embedding: nn.Embedding | None = None,
    ) -> None:
        """Parts and sizes are those of a resolved configuration."""
        super().__init__(embedding, config.dropout, source_embedding)
        # The order in which parts are made is the order of their random draws.
        self.encoder = Encoder(config)
        self.bridge = BRIDGES[present(config.bridge)](config)
        self.decoder = make_decoder(config)
        self.guide = config.guide or 0.0

    def reset_parameters(self) -> None:
        """Gives all parameters their starting values."""
        super().reset_parameters()
        self.encoder.reset_parameters()
        self.bridge.reset_parameters()
        self.decoder.reset_parameters()

    def start_embedded(
        self, embedded: Tensor, source: Tensor, lengths: Tensor
    ) -> tuple[tuple[Tensor, ...], State]:
        """As `ConditionalLM.start_embedded`; the memory is what the decoder remembers."""
        del source
        encoded: Encoded = self.encoder(self.dropout(embedded), lengths)
        memory = self.decoder.remember(encoded)
        state = self.decoder.begin(self.bridge(encoded), memory)
        return memory, state

    def run(
        self,
        tokens: Tensor,
        memory: tuple[Tensor, ...],
        state: State,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State, Tensor]:
        """As `ConditionalLM.run`."""
        embedded = self.dropout(self.embedding(tokens))  # (B, T, D)
        readouts, state, weights = self.decoder(embedded, memory, state, lengths)
        return readouts, state, weights


def make_decoder(config: ModelConfig) -> Decoder:
    """The decoder that a resolved configuration names; which one attends, its variant says."""
    if config.context == "initial":
        return PlainDecoder(config)
    if config.context == "every-step":
        return EveryStepDecoder(config)
    return VARIANTS[config.model].make_attending_decoder(config)
