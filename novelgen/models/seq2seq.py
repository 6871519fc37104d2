"""The recurrent encoder-decoder, put together from an encoder, a bridge and a decoder."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from novelgen.models.conditional_lm import ConditionalLM, TokenEmbedding
from novelgen.models.decoders import Decoder
from novelgen.models.recurrent import Encoder, State


class Seq2Seq(ConditionalLM):
    """Encoder → bridge → decoder; which ones makes the variant."""

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
        self.encoder, self.bridge, self.decoder = encoder, bridge, decoder

    def start(self, source: Tensor, lengths: Tensor) -> tuple[Any, State]:
        """As `ConditionalLM.start`; the memory is what the decoder remembers."""
        encoded = self.encoder(self.dropout(self.embed_source(source)), lengths)
        memory = self.decoder.remember(encoded)
        return memory, self.decoder.begin(self.bridge(encoded), memory)

    def run(self, tokens: Tensor, memory: Any, state: State) -> tuple[Tensor, State, Tensor]:
        """As `ConditionalLM.run`."""
        return self.decoder(self.dropout(self.embedding(tokens)), memory, state)
