"""Gradient × input: what of the source each written token leans on, to first order.

S source positions, T written tokens, D size of the embeddings.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from novelgen.attribution.forced import Floats, Written, chosen_log_probs, rows_for


def gradient_times_input(model: nn.Module, written: Written, device: torch.device) -> Floats:
    """Σ_d x_jd ∂ log₂ p(y_t) / ∂x_jd (T, S), x_j being the embedding of source token j.

    After Denil et al. (2014, "Extraction of Salient Sentences from Labelled Documents"). Positive
    where the token speaks for y_t; what a straight line says of leaving it out.
    """
    found = []
    # Tensors that are made in inference mode could not be differentiated.
    with torch.inference_mode(False), torch.enable_grad():
        source = torch.tensor([written.source], device=device)  # (1, S)
        target = torch.tensor([written.tokens], device=device)  # (1, T)
        step = rows_for(len(written.tokens))
        for start in range(0, len(written.tokens), step):
            # What comes behind a token has no part in it.
            until = target[:, : start + step]
            found.append(_attributed(model, source, until, written.first, start))
    return np.concatenate(found)


def _attributed(model: nn.Module, source: Tensor, target: Tensor, first: int, start: int) -> Floats:
    """Rows `start` to T of the result, for target (1, T): one copy of the source for each."""
    # Every variant has these functions; they have no common class that says so.
    variant: Any = model
    rows = target.shape[1] - start  # R
    sources = source.expand(rows, -1)
    lengths = torch.full((rows,), source.shape[1], device=source.device)
    embedded = variant.embed_source(sources).detach().requires_grad_()  # (R, S, D)
    memory, state = variant.start_embedded(embedded, sources, lengths)
    targets = target.expand(rows, -1)
    begin = torch.full((rows,), first, device=source.device)
    logits, _ = variant.unroll(targets, memory, state, begin)  # (R, T, V)
    log_probs = chosen_log_probs(logits, targets)[:, start:]  # (R, R)
    (gradient,) = torch.autograd.grad(log_probs.diagonal().sum(), embedded)
    attributed: Floats = (gradient * embedded).sum(-1).detach().double().cpu().numpy() / np.log(2)
    return attributed
