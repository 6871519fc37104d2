"""The encoder-decoder Transformer of Vaswani et al. (2017).

B batch, S source length, T target length, t tokens taken before, D size of the model, h heads.
"""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear

from novelgen.config import ModelConfig
from novelgen.models.conditional_lm import ConditionalLM, TokenEmbedding
from novelgen.models.initialization import reset_linear
from novelgen.models.recurrent import State, token_mask
from novelgen.models.zoo import present

# Width of a head in the paper; narrower models have one head.
_HEAD_SIZE = 64

# The base of the sinusoids' wavelengths.
_LONGEST_WAVE = 10_000


def heads_of(size: int) -> int:
    """The number of heads: at most one for every 64 features, and a divisor of the size."""
    most = max(size // _HEAD_SIZE, 1)
    return next(count for count in range(most, 0, -1) if size % count == 0)


def positions(start: int, count: int, size: int, like: Tensor) -> Tensor:
    """The sinusoids (count, size) of positions start … start + count − 1.

    PE(pos, 2i) = sin(pos / 10000^(2i / D)) and PE(pos, 2i + 1) = cos(pos / 10000^(2i / D)), in
    dtype and device of `like`.
    """
    # Computed in float64 and rounded once, whatever the dtype of the model.
    place = torch.arange(start, start + count, dtype=torch.float64, device=like.device)  # (T,)
    even = torch.arange(0, size, 2, dtype=torch.float64, device=like.device)  # 2i: (D / 2,)
    rates = torch.exp(even * (-math.log(_LONGEST_WAVE) / size))  # (D / 2,)
    angles = place.unsqueeze(1) * rates  # (T, D / 2)
    waves = torch.stack([torch.sin(angles), torch.cos(angles)], dim=-1)  # (T, D / 2, 2)
    return waves.flatten(1)[:, :size].to(like.dtype)


class KeysAndValues(NamedTuple):
    """What attention reads of a sequence, all heads side by side."""

    keys: Tensor  # (B, S, D)
    values: Tensor  # (B, S, D)


def project_keys(attention: nn.MultiheadAttention, sequence: Tensor) -> KeysAndValues:
    """Keys and values of a sequence (B, S, D)."""
    size = attention.embed_dim
    # PyTorch keeps the projections of queries, keys and values as one matrix (3D, D).
    weight = attention.in_proj_weight[size:]
    bias = attention.in_proj_bias[size:]
    keys, values = linear(sequence, weight, bias).chunk(2, dim=-1)  # (B, S, D) each
    return KeysAndValues(keys, values)


def attend(
    attention: nn.MultiheadAttention,
    sequence: Tensor,
    keys: Tensor,
    values: Tensor,
    allowed: Tensor,
) -> tuple[Tensor, Tensor]:
    """softmax(Q Kᵀ / √d) V with the module's weights, of keys and values projected before.

    sequence (B, T, D), keys and values (B, S, D), allowed (B or 1, T or 1, S) bool. Returns what
    was read (B, T, D) and the weights (B, T, S), the heads' mean.
    """
    size = attention.embed_dim
    heads = attention.num_heads
    head_size = size // heads  # d

    def split_heads(tensor: Tensor) -> Tensor:
        """(B, T, D) → (B, h, T, d)."""
        return torch.unflatten(tensor, -1, (heads, head_size)).transpose(1, 2)

    projected = linear(sequence, attention.in_proj_weight[:size], attention.in_proj_bias[:size])
    queries = split_heads(projected)  # Q: (B, h, T, d)
    scores = queries @ split_heads(keys).transpose(2, 3) / math.sqrt(head_size)  # (B, h, T, S)
    scores = scores.masked_fill(~allowed.unsqueeze(1), -torch.inf)
    weights = torch.softmax(scores, dim=-1)  # (B, h, T, S)
    dropped = dropout(weights, attention.dropout, attention.training)
    read = dropped @ split_heads(values)  # (B, h, T, d)
    joined: Tensor = attention.out_proj(read.transpose(1, 2).flatten(2))  # (B, T, D)
    return joined, weights.mean(1)


class Transformer(ConditionalLM):
    """An encoder-decoder made of attention and feed-forward layers alone.

    The layers are PyTorch's own, normalised before each part (Xiong et al., 2020), which trains
    without a long warm-up. The encoder runs as they are. The decoder runs their parts one by one,
    so that keys and values of the tokens before can be kept, and a step costs O(t): the state is
    keys and values (B, t, D) of every layer. The memory is where real source tokens are (B, S), and
    every layer's keys and values of the source. The weights are those of the highest layer.
    """

    def __init__(
        self,
        config: ModelConfig,
        embedding: TokenEmbedding,
        source_embedding: nn.Embedding | None = None,
    ) -> None:
        """The sizes are those of a resolved configuration.

        encoder_size and decoder_size are the widths of the feed-forward layers.
        """
        rate = config.dropout or 0.0
        super().__init__(embedding, rate, source_embedding)
        size = config.embedding_size  # D
        heads = heads_of(size)
        encoder_layer = nn.TransformerEncoderLayer(
            size, heads, present(config.encoder_size), rate, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(
            encoder_layer,
            present(config.encoder_layers),
            nn.LayerNorm(size),
            enable_nested_tensor=False,
        )
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(
                size, heads, config.decoder_size, rate, batch_first=True, norm_first=True
            )
            for _ in range(present(config.decoder_layers))
        )
        self.norm = nn.LayerNorm(size)

    def reset_parameters(self) -> None:
        """Gives all parameters their starting values; layer norms are made as the identity."""
        super().reset_parameters()
        for module in self.modules():
            if isinstance(module, nn.MultiheadAttention):
                # The projections of queries, keys and values, drawn as the one matrix they are.
                nn.init.xavier_uniform_(module.in_proj_weight)
                nn.init.zeros_(module.in_proj_bias)
            elif isinstance(module, nn.Linear):
                reset_linear(module)

    def start_embedded(
        self, embedded: Tensor, source: Tensor, lengths: Tensor
    ) -> tuple[tuple[Tensor, ...], State]:
        """As `ConditionalLM.start_embedded`.

        No token was taken yet: the state's tensors are (B, 0, D).
        """
        del source
        is_token = token_mask(lengths, embedded.shape[1])  # (B, S)
        placed = self._add_positions(embedded, 0)  # (B, S, D)
        annotations = self.encoder(placed, src_key_padding_mask=~is_token)  # (B, S, D)
        source_keys: list[Tensor] = []
        for layer in self._decoder_layers():
            source_keys += project_keys(layer.multihead_attn, annotations)
        return (is_token, *source_keys), tuple(tensor[:, :0] for tensor in source_keys)

    def run(
        self,
        tokens: Tensor,
        memory: tuple[Tensor, ...],
        state: State,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State, Tensor]:
        """As `ConditionalLM.run`."""
        del lengths  # every position is computed
        # 1. The tokens at their positions, and which of all t + T tokens each may see.
        count = tokens.shape[1]  # T
        past = state[0].shape[1]  # t
        sequence = self._add_positions(self.embedding(tokens), past)  # (B, T, D)
        everything = torch.ones(1, count, past + count, dtype=torch.bool, device=tokens.device)
        is_before = everything.tril(past)  # (1, T, t + T)
        is_token, *source_keys = memory
        allowed = is_token.unsqueeze(1)  # (B, 1, S)

        # 2. The layers: x + part(norm(x)) for self-attention, attention, feed-forward network.
        last_state: list[Tensor] = []
        for number, layer in enumerate(self._decoder_layers()):
            own = slice(2 * number, 2 * number + 2)  # this layer's keys and values
            normed = layer.norm1(sequence)
            new = project_keys(layer.self_attn, normed)  # (B, T, D) each
            keys, values = (
                torch.cat(pair, dim=1) for pair in zip(state[own], new, strict=True)
            )  # (B, t + T, D) each
            last_state += (keys, values)
            read, _ = attend(layer.self_attn, normed, keys, values, is_before)
            sequence = sequence + layer.dropout1(read)

            keys, values = source_keys[own]  # (B, S, D) each
            normed = layer.norm2(sequence)
            read, weights = attend(layer.multihead_attn, normed, keys, values, allowed)
            sequence = sequence + layer.dropout2(read)

            hidden = layer.dropout(layer.activation(layer.linear1(layer.norm3(sequence))))
            sequence = sequence + layer.dropout3(layer.linear2(hidden))

        # 3. The readouts, (B, T, D).
        return self.norm(sequence), tuple(last_state), weights

    def _add_positions(self, embedded: Tensor, start: int) -> Tensor:
        """√D · embedding + position, of embeddings (B, T, D) at positions start …: (B, T, D)."""
        _, count, size = embedded.shape
        embedded = embedded * math.sqrt(size)
        placed: Tensor = self.dropout(embedded + positions(start, count, size, embedded))
        return placed

    def _decoder_layers(self) -> list[nn.TransformerDecoderLayer]:
        """The decoder's layers, with their type."""
        return [cast(nn.TransformerDecoderLayer, layer) for layer in self.layers]
