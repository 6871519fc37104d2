"""The encoder-decoder Transformer of Vaswani et al. (2017)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear

from novelgen.models.conditional_lm import ConditionalLM, TokenEmbedding
from novelgen.models.recurrent import State, token_mask

_HEAD = 64  # width of a head in the paper; narrower models have one head


def heads_of(size: int) -> int:
    """The number of heads: at most one for every 64 numbers, and a divisor of the width."""
    return next(count for count in range(max(size // _HEAD, 1), 0, -1) if size % count == 0)


def positions(start: int, count: int, size: int, like: Tensor) -> Tensor:
    """Sinusoids of places start … start + count - 1: (count, size), sines at even features and cosines at odd ones."""
    places = torch.arange(start, start + count, dtype=torch.float64, device=like.device).unsqueeze(
        1
    )
    rates = torch.exp(
        torch.arange(0, size, 2, dtype=torch.float64, device=like.device)
        * (-math.log(10_000) / size)
    )
    waves = torch.stack([torch.sin(places * rates), torch.cos(places * rates)], dim=-1)
    return waves.flatten(1)[:, :size].to(like.dtype)


def project_keys(attention: nn.MultiheadAttention, sequence: Tensor) -> tuple[Tensor, Tensor]:
    """Keys and values (B, S, D) of a sequence (B, S, D), all heads side by side."""
    size = attention.embed_dim
    return linear(sequence, attention.in_proj_weight[size:], attention.in_proj_bias[size:]).chunk(
        2, dim=-1
    )


def attend(
    attention: nn.MultiheadAttention,
    sequence: Tensor,
    keys: Tensor,
    values: Tensor,
    allowed: Tensor,
) -> tuple[Tensor, Tensor]:
    """softmax(Q Kᵀ / √d) V with the module's weights, of keys and values that were projected before.

    sequence (B, T, D), keys and values (B, S, D), allowed (B or 1, T or 1, S) bool → (B, T, D), weights (B, T, S), the heads' mean.
    """
    size, heads = attention.embed_dim, attention.num_heads

    def split(tensor: Tensor) -> Tensor:
        return tensor.unflatten(-1, (heads, size // heads)).transpose(1, 2)

    queries = split(
        linear(sequence, attention.in_proj_weight[:size], attention.in_proj_bias[:size])
    )
    scores = queries @ split(keys).transpose(2, 3) / math.sqrt(size // heads)
    weights = torch.softmax(scores.masked_fill(~allowed.unsqueeze(1), -torch.inf), dim=-1)
    read = dropout(weights, attention.dropout, attention.training) @ split(values)
    return attention.out_proj(read.transpose(1, 2).flatten(2)), weights.mean(1)


class Transformer(ConditionalLM):
    """Layers are PyTorch's own, normalised before each part (Xiong et al., 2020), which trains without a long warm-up.

    The encoder runs as they are. The decoder runs their parts one by one, so that keys and values of what is written can be
    kept: the state is (B, t, D) keys and values of every layer, and a step costs O(t). The memory is where real source tokens
    are, and every layer's keys and values of the source. The weights are those of the highest layer.
    """

    def __init__(
        self,
        embedding: TokenEmbedding,
        encoder_size: int,
        encoder_layers: int,
        decoder_size: int,
        decoder_layers: int,
        rate: float,
        source_embedding: nn.Embedding | None = None,
    ) -> None:
        """encoder_size and decoder_size are the widths of the feed-forward layers."""
        super().__init__(embedding, rate, source_embedding)
        size = embedding.embedding_dim
        options = {"batch_first": True, "norm_first": True}
        layer = nn.TransformerEncoderLayer(size, heads_of(size), encoder_size, rate, **options)
        self.encoder = nn.TransformerEncoder(
            layer, encoder_layers, nn.LayerNorm(size), enable_nested_tensor=False
        )
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(size, heads_of(size), decoder_size, rate, **options)
            for _ in range(decoder_layers)
        )
        self.norm = nn.LayerNorm(size)

    def _place(self, embedded: Tensor, start: int) -> Tensor:
        """√D · embedding + position: embeddings (B, T, D) at places start … → (B, T, D)."""
        embedded = embedded * math.sqrt(embedded.shape[2])
        return self.dropout(embedded + positions(start, *embedded.shape[1:], embedded))

    def start(self, source: Tensor, lengths: Tensor) -> tuple[tuple[Tensor, ...], State]:
        """As `ConditionalLM.start`; nothing is written yet, so the state's tensors are (B, 0, D)."""
        is_token = token_mask(lengths, source.shape[1])
        annotations = self.encoder(
            self._place(self.embed_source(source), 0), src_key_padding_mask=~is_token
        )
        known = [
            tensor
            for layer in self.layers
            for tensor in project_keys(layer.multihead_attn, annotations)
        ]
        return (is_token, *known), tuple(tensor[:, :0] for tensor in known)

    def run(
        self, tokens: Tensor, memory: tuple[Tensor, ...], state: State
    ) -> tuple[Tensor, State, Tensor]:
        """As `ConditionalLM.run`."""
        count, past = tokens.shape[1], state[0].shape[1]
        sequence = self._place(self.embedding(tokens), past)
        is_before = torch.ones(1, count, past + count, dtype=torch.bool, device=tokens.device).tril(
            past
        )
        is_token, *known = memory
        moved: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            here = slice(2 * number, 2 * number + 2)
            normed = layer.norm1(sequence)
            own = [
                torch.cat(pair, dim=1)
                for pair in zip(state[here], project_keys(layer.self_attn, normed), strict=True)
            ]
            moved += own
            sequence = sequence + layer.dropout1(
                attend(layer.self_attn, normed, *own, is_before)[0]
            )
            read, weights = attend(
                layer.multihead_attn, layer.norm2(sequence), *known[here], is_token.unsqueeze(1)
            )
            sequence = sequence + layer.dropout2(read)
            inner = layer.dropout(layer.activation(layer.linear1(layer.norm3(sequence))))
            sequence = sequence + layer.dropout3(layer.linear2(inner))
        return self.norm(sequence), tuple(moved), weights
