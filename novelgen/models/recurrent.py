"""Recurrent parts: the bidirectional encoder, dropout that stays the same along time."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def token_mask(lengths: Tensor, size: int) -> Tensor:
    """True where a position holds a real token: lengths (B,) → (B, size) bool."""
    return torch.arange(size, device=lengths.device) < lengths.unsqueeze(1)


def reverse_by_length(sequence: Tensor, lengths: Tensor) -> Tensor:
    """Reverses each row within its own length and leaves its padding where it is.

    sequence (B, S, …), lengths (B,) → the same shape. It is its own inverse.
    """
    positions = torch.arange(sequence.shape[1], device=sequence.device)
    index = torch.where(token_mask(lengths, sequence.shape[1]), lengths.unsqueeze(1) - 1 - positions, positions)
    index = index.view(*index.shape, *[1] * (sequence.dim() - 2)).expand_as(sequence)
    return sequence.gather(1, index)


class VariationalDropout(nn.Module):
    """Dropout with one mask for a whole sequence (Gal and Ghahramani, 2016): (B, T, D) → (B, T, D)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, sequence: Tensor) -> Tensor:
        """Zeroes the same features at every step of a row and scales the rest by 1 / (1 − rate)."""
        if not self.training or self.rate == 0:
            return sequence
        keep = 1 - self.rate
        mask = sequence.new_empty(sequence.shape[0], 1, sequence.shape[2]).bernoulli_(keep).div_(keep)
        return sequence * mask


def run_lstm(lstm: nn.LSTM, sequence: Tensor, state: tuple[Tensor, Tensor] | None = None,
             ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """`lstm(sequence, state)`, batch first; on CUDA in the precision of its weights even under autocast.

    PyTorch's autocast runs cuDNN's LSTM in float16, whatever dtype was asked for, and gradients underflow there.
    """
    if sequence.device.type != "cuda":
        return lstm(sequence, state)
    dtype = lstm.weight_hh_l0.dtype
    with torch.autocast("cuda", enabled=False):
        return lstm(sequence.to(dtype), state and tuple(part.to(dtype) for part in state))


class BidirectionalEncoder(nn.Module):
    """Reads the source in both directions; h_j = [→h_j; ←h_j] (Bahdanau et al., 2015, section 3.2).

    The backward direction is an ordinary LSTM over the source reversed within its length: no packing, so shapes stay
    static and the padding never touches a state that is used.
    """

    def __init__(self, input_size: int, hidden_size: int, layers: int, dropout: float) -> None:
        super().__init__()
        sizes = [input_size] + [2 * hidden_size] * (layers - 1)
        self.forwards = nn.ModuleList(nn.LSTM(size, hidden_size, batch_first=True) for size in sizes)
        self.backwards = nn.ModuleList(nn.LSTM(size, hidden_size, batch_first=True) for size in sizes)
        self.dropout = VariationalDropout(dropout)

    def forward(self, embedded: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """embedded (B, S, D), lengths (B,) → annotations (B, S, 2H), zero at padding, and the last state (B, 2H).

        The last state is the top layer's: forward after the last token, beside backward after the first token.
        """
        is_token = token_mask(lengths, embedded.shape[1]).unsqueeze(-1)
        annotations = embedded
        for layer, (forwards, backwards) in enumerate(zip(self.forwards, self.backwards, strict=True)):
            below = self.dropout(annotations) if layer else embedded
            ahead, _ = run_lstm(forwards, below)
            behind, _ = run_lstm(backwards, reverse_by_length(below, lengths))
            annotations = torch.cat([ahead, reverse_by_length(behind, lengths)], dim=-1)
        rows = torch.arange(len(lengths), device=lengths.device)
        last = torch.cat([ahead[rows, lengths - 1], behind[rows, lengths - 1]], dim=-1)
        return annotations.masked_fill(~is_token, 0.0), last
