"""Scheduled sampling: in training the decoder reads some of its own tokens (Bengio et al., 2015).

When it writes, a decoder reads what it wrote itself; with teacher forcing, the true tokens alone.
Between the two lies a history of both: a token that the decoder reads is the true one with the
probability of `Schedule.teacher_forcing`, else one that the model draws. Targets stay true.

The paper draws step by step: a token follows what was drawn before it. Here all are drawn at once,
in a first pass over the true history; the second pass reads the mixed one and learns (Mihaylova and
Martins, 2019; Duckworth et al., 2019, who may repeat the first). So all steps of a target still run
together, in every variant. But a drawn token knows nothing of those that were drawn before it.

B batch, T target length.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad


def mixed_history(
    model: Any,
    target: Tensor,
    is_token: Tensor,
    memory: Any,
    state: tuple[Tensor, ...],
    first: Tensor,
    teacher_forcing: float,
) -> Tensor:
    """The target (B, T) int64 with drawn tokens for some of those that the decoder reads.

    The other arguments are those of `ConditionalLM.nll_sum`, and `teacher_forcing` the probability
    that a token stays. Tokens are drawn, not the likeliest taken, since by drawing the model writes
    too. Nothing of it is differentiated.
    """
    # 1. Which places. What ends a row is never read.
    is_read = pad(is_token[:, 1:], (0, 1))  # (B, T)
    is_drawn = is_read & (torch.rand(target.shape, device=target.device) >= teacher_forcing)
    if not is_drawn.any():
        return target

    # 2. The first pass, with dropout masks of its own.
    with torch.no_grad():
        drawn = model.sample(target, is_drawn, memory, state, first, is_token.sum(1))  # (N,)
    return target.masked_scatter(is_drawn, drawn)
