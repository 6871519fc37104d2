"""A guide for attention: to look at what is about to be written, where the source holds it.

Likelihood alone teaches attention late: what it could find in the source is worth a few hundredths
of a bit a character. Where a target token stands in the source, though, one knows where to look.
This term of the loss says so (cf. Liu et al., 2016, "Neural Machine Translation with Supervised
Attention", whose alignments come from outside).

B batch, T target length, S source length.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Ids below are specials and bytes; from it on they are characters and words, commonest first.
FIRST_SYMBOL = 259
# The offset in the law of Zipf and Mandelbrot, p(r) ∝ 1 / (r + offset) for rank r: with 5 it gives
# the share of a character in 红楼梦 within a quarter for ranks from 3 to 300.
_OFFSET = 5.0


def copy_nll(
    weights: Tensor, source: Tensor, target: Tensor, is_token: Tensor, vocabulary_size: int
) -> Tensor:
    """Σ_i r_i · −ln Σ_{j ∈ C_i} α_ij over the target tokens y_i that the source holds: a scalar.

    weights α (B, T, S), source x (B, S), target y (B, T), is_token (B, T). C_i are the places j
    with x_j = y_i; where there are such that x_{j-1} = y_{i-1} too, only these. What both share by
    chance says nothing: r_i = 1 / (1 + S p(y_i)), S p being how often the source would hold the
    token by chance; it is near 1 for a rare token, and a fifth for a comma. How frequent a token
    is, p, follows from its id, so that the term of a batch is the sum of those of its parts.
    """
    is_symbol = is_token & (target >= FIRST_SYMBOL)  # (B, T)
    is_same = source.unsqueeze(1) == target.unsqueeze(2)  # (B, T, S)
    is_copy = is_same & is_symbol.unsqueeze(2)
    goes_on = torch.zeros_like(is_copy)
    goes_on[:, 1:, 1:] = is_copy[:, 1:, 1:] & is_same[:, :-1, :-1]
    is_copy = torch.where(goes_on.any(2, keepdim=True), goes_on, is_copy)
    copied = (weights.float() * is_copy).sum(2)  # (B, T)

    lengths = (source > 0).sum(1, keepdim=True)  # S without padding: (B, 1)
    expected = lengths * _frequency(target, vocabulary_size)  # (B, T): how many by chance
    rarity = 1 / (1 + expected)

    is_held = is_copy.any(2)  # (B, T)
    smallest = torch.finfo(copied.dtype).tiny
    terms: Tensor = rarity[is_held] * copied[is_held].clamp_min(smallest).log()
    return -terms.sum()


def _frequency(tokens: Tensor, vocabulary_size: int) -> Tensor:
    """How frequent symbols are by the law of Zipf and Mandelbrot; the shape of `tokens`."""
    symbols = max(vocabulary_size - FIRST_SYMBOL, 1)
    ranks = (tokens - FIRST_SYMBOL).clamp_min(0)
    frequency: Tensor = 1 / ((ranks + _OFFSET) * math.log(1 + symbols / _OFFSET))
    return frequency
