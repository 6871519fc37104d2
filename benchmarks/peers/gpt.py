"""A decoder-only transformer as nanoGPT has it (Radford et al., 2019).

Source and target are one sequence.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

PAD = 0
HEAD = 64  # width of an attention head


class Block(nn.Module):
    """Layer norm before attention and before the feed-forward part."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.norm_wide = nn.LayerNorm(width), nn.LayerNorm(width)
        self.heads, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Maps x (B, L, D) to the same shape.

        No dropout of attention weights: torch's flash attention for CPUs has none.
        """
        parts = (
            part.unflatten(-1, (-1, HEAD)).transpose(1, 2)
            for part in self.heads(self.norm(x)).chunk(3, dim=-1)
        )
        seen = (
            nn.functional.scaled_dot_product_attention(*parts, is_causal=True)
            .transpose(1, 2)
            .flatten(2)
        )
        x = x + self.dropout(self.mix(seen))
        return x + self.dropout(self.wide(self.norm_wide(x)))


class DecoderOnlyTransformer(nn.Module):
    """As many blocks as bring it nearest to `parameters`."""

    def __init__(
        self, vocabulary_size: int, width: int, longest: int, parameters: int, dropout: float
    ) -> None:
        super().__init__()
        self.embedding, self.position = (
            nn.Embedding(vocabulary_size, width),
            nn.Embedding(longest, width),
        )
        left = parameters - (vocabulary_size + longest) * width
        self.blocks = nn.ModuleList(
            Block(width, dropout) for _ in range(max(1, round(left / (12 * width**2))))
        )
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)
        for embedding in (self.embedding, self.position):
            nn.init.normal_(embedding.weight, std=0.02)

    def forward(self, tokens: Tensor, is_target: Tensor) -> Tensor:
        """The mean −ln p of the target's tokens, a scalar.

        tokens (B, L) int64: source, then target, then padding. is_target (B, L) bool.
        """
        length = tokens.shape[1] - 1
        x = self.dropout(self.embedding(tokens[:, :-1]) + self.position.weight[:length])
        for block in self.blocks:
            x = block(x)
        chosen = is_target[:, 1:]
        logits = nn.functional.linear(self.norm(x)[chosen], self.embedding.weight)
        return nn.functional.cross_entropy(logits.float(), tokens[:, 1:][chosen])


def one_sequence(
    source: Tensor, source_lengths: Tensor, target: Tensor, target_lengths: Tensor
) -> tuple[Tensor, Tensor]:
    """Padded sources (B, S) and targets (B, T) as one sequence.

    Returns the tokens (B, L) of both, and where the target's stand, (B, L) bool.
    """
    whole = source_lengths + target_lengths
    place = torch.arange(int(whole.max()))
    in_target = (place - source_lengths.unsqueeze(1)).clamp(0, target.shape[1] - 1)
    is_source, is_real = place < source_lengths.unsqueeze(1), place < whole.unsqueeze(1)
    padded = nn.functional.pad(source, (0, max(0, len(place) - source.shape[1])), value=PAD)[
        :, : len(place)
    ]
    tokens = torch.where(is_source, padded, target.gather(1, in_target)).masked_fill(~is_real, PAD)
    return tokens, is_real & ~is_source
