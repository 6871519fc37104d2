"""Whether Triton computes on this GPU what the reference does: a small problem, run by both."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from novelgen.models.kernels import reference
from novelgen.models.kernels.api import AttentionLoop, LoopMemory, LoopWeights
from novelgen.models.kernels.triton import loop

# Largest error of a probe, relative to its norm.
_PROBE_TOLERANCE = {
    torch.float64: 1e-9,
    torch.float32: 1e-4,
    torch.float16: 0.02,
    torch.bfloat16: 0.02,
}


def check(device: torch.device, product: torch.dtype) -> None:
    """Raises whatever Triton raises, or ArithmeticError where it computes something else."""
    # Whoever asks first may be generating: gradients must be possible all the same.
    with torch.inference_mode(False), torch.enable_grad():
        mine = _probe(loop.attention_loop, device, product)
        truth = _probe(reference.attention_loop, device, product)
    error = ((mine - truth).norm() / truth.norm()).item()
    # Not `error > tolerance`: that is False for NaN.
    if not error <= _PROBE_TOLERANCE[product]:
        raise ArithmeticError(f"{product}: relative error {error:g}")


def _probe(attention_loop: AttentionLoop, device: torch.device, product: torch.dtype) -> Tensor:
    """Outputs and gradients of a small problem, all in one vector.

    No random numbers are drawn: every draw that follows in the process would change.
    """
    rows, steps, positions = 2, 2, 19  # B, T, S
    size, width, hidden = 8, 16, 8  # A, M, H
    shapes = [
        (rows, steps, width),  # inputs
        (rows, positions, width),  # annotations
        (rows, positions, size),  # keys
        (rows, hidden),  # s_0
        (rows, hidden),  # its cell
        (size + 4 * hidden, width),  # token
        (4 * hidden,),  # bias
        (size, hidden),  # query
        (size,),  # score
        (4 * hidden, hidden),  # recurrent
        (4 * hidden, width),  # context
    ]
    whole = product if product in (torch.float32, torch.float64) else torch.float32
    # 1. Leaves full of sines.
    leaves = []
    for number, shape in enumerate(shapes):
        places = torch.arange(math.prod(shape), dtype=whole, device=device)
        leaves.append(places.mul_(1 + number).sin_().view(shape).requires_grad_())
    inputs, annotations, keys, state, cell, *weights = leaves
    lengths = torch.tensor([[positions], [3]], device=device)
    is_token = torch.arange(positions, device=device) < lengths
    # 2. Outputs, and the gradients of their sum of squares.
    with torch.autocast(device.type, product, enabled=product != whole):
        memory = LoopMemory(annotations, keys, is_token)
        outputs = attention_loop(inputs, None, memory, state, cell, LoopWeights(*weights))
    total = torch.stack([part.to(whole).square().sum() for part in outputs]).sum()
    gradients = torch.autograd.grad(total, leaves)
    return torch.cat([part.detach().to(whole).flatten() for part in (*outputs, *gradients)])
