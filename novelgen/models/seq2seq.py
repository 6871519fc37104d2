"""The recurrent encoder-decoder, put together from an encoder, a bridge and a decoder."""

from __future__ import annotations

from torch import Tensor, nn

from novelgen.models.conditional_lm import ConditionalLM, TokenEmbedding
from novelgen.models.decoders import Decoder
from novelgen.models.encoder import Encoded, Encoder
from novelgen.models.recurrent import State


class Seq2Seq(ConditionalLM):
    """Encoder → bridge → decoder; which ones these are makes the variant."""

    def __init__(
        self,
        embedding: TokenEmbedding,
        encoder: Encoder,
        bridge: nn.Module,
        decoder: Decoder,
        dropout: float,
        source_embedding: nn.Embedding | None = None,
    ) -> None:
        super().__init__(embedding, dropout, source_embedding)
        self.encoder = encoder
        self.bridge = bridge
        self.decoder = decoder

    def start(self, source: Tensor, lengths: Tensor) -> tuple[tuple[Tensor, ...], State]:
        """As `ConditionalLM.start`; the memory is what the decoder remembers."""
        embedded = self.dropout(self.embed_source(source))  # (B, S, D)
        encoded: Encoded = self.encoder(embedded, lengths)
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
