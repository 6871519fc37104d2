"""The optimiser of a run."""

from __future__ import annotations

import torch
from torch import nn

from novelgen.config import TrainingConfig
from novelgen.models.zoo import present


def build_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter, 2019); vectors, biases and scores do not decay."""
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() <= 1]
    # Two groups, which differ in their weight decay; `fused` updates all tensors in one call.
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=present(config.learning_rate),
        betas=(0.9, 0.99),
        fused=True,
    )
