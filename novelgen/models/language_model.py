"""The language model that has read the source."""

from __future__ import annotations

from torch import Tensor, nn

from novelgen.config import ModelConfig
from novelgen.models.conditional_lm import ConditionalLM, TokenEmbedding
from novelgen.models.decoders import PlainDecoder
from novelgen.models.recurrent import State


class LanguageModel(ConditionalLM):
    """One recurrent network reads the source, BOS and the target as one sequence (Graves, 2013).

    `start` leaves the state after the source, which is all that is known of it; the memory is
    empty. Source and target have a dropout mask each.
    """

    def __init__(
        self,
        config: ModelConfig,
        embedding: TokenEmbedding,
        source_embedding: nn.Embedding | None = None,
    ) -> None:
        """The sizes are those of a resolved configuration."""
        super().__init__(embedding, config.dropout, source_embedding)
        self.decoder = PlainDecoder(config)

    def reset_parameters(self) -> None:
        """Gives all parameters their starting values."""
        super().reset_parameters()
        self.decoder.reset_parameters()

    def start_embedded(
        self, embedded: Tensor, source: Tensor, lengths: Tensor
    ) -> tuple[tuple[()], State]:
        """As `ConditionalLM.start_embedded`."""
        del source
        return (), self.decoder.read(self.dropout(embedded), lengths)

    def run(
        self, tokens: Tensor, memory: tuple[()], state: State, lengths: Tensor | None = None
    ) -> tuple[Tensor, State, Tensor]:
        """As `ConditionalLM.run`."""
        embedded = self.dropout(self.embedding(tokens))  # (B, T, D)
        readouts, state, weights = self.decoder(embedded, memory, state, lengths)
        return readouts, state, weights
