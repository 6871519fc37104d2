"""Which of the time loops runs where."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from novelgen.models.kernels import manual, onednn
from novelgen.models.kernels.reference import (
    FeedingOutput,
    FeedingWeights,
    LoopMemory,
    LoopOutput,
    LoopWeights,
)


@lru_cache(maxsize=1)
def is_compiled() -> bool:
    """Whether numba is here and can compile for this CPU; where it cannot, one line in the log says so."""
    try:
        from novelgen.models.kernels import compiled

        compiled.tanh(1.0)
    except (
        Exception
    ) as error:  # whatever is wrong with numba or LLVM, the loops that need neither are there
        logging.getLogger(__name__).warning(
            "numba 用不了，改用较慢的实现 | numba cannot be used, the slower loops run: %s", error
        )
        return False
    return True


def array(tensor: Tensor) -> np.ndarray:
    """The same memory as numpy sees it; bfloat16 as uint16."""
    tensor = tensor.detach()
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


@lru_cache(maxsize=8)
def has_triton(device: torch.device, product: torch.dtype) -> bool:
    """Whether Triton is here, can compile for this GPU, and its loop agrees with `manual` on a small problem with products in `product`.

    Where not, one line in the log says so.
    """
    try:
        from novelgen.models.kernels import gpu

        # Whoever asks first may be generating: gradients must be possible all the same.
        with torch.inference_mode(False), torch.enable_grad():
            mine, truth = (
                _probe(loop, device, product)
                for loop in (gpu.attention_loop, manual.attention_loop)
            )
        error = ((mine - truth).norm() / truth.norm()).item()
        if not error <= _PROBE_TOLERANCE[product]:
            raise ArithmeticError(f"{product}: relative error {error:g}")
    except (
        Exception
    ) as error:  # no Triton, no C compiler, an old GPU, …: the loop that needs none of it is there
        logging.getLogger(__name__).warning(
            "Triton 用不了，改用较慢的实现 | Triton cannot be used, the slower loop runs: %s", error
        )
        return False
    return True


# Of the norm. The same products are rounded alike in both loops, so that half-precision ones
# hardly add to it.
_PROBE_TOLERANCE = {
    torch.float64: 1e-9,
    torch.float32: 1e-4,
    torch.float16: 0.02,
    torch.bfloat16: 0.02,
}


def _probe(loop: Callable[..., LoopOutput], device: torch.device, product: torch.dtype) -> Tensor:
    """Outputs and gradients of a small problem, all in one vector; no random numbers are drawn, they would be missed elsewhere."""
    rows, steps, positions, size, width, hidden = 2, 2, 19, 8, 16, 8
    shapes = [
        (rows, steps, 4 * hidden),
        (rows, positions, width),
        (rows, positions, size),
        (rows, hidden),
        (rows, hidden),
        (size, hidden),
        (size,),
        (4 * hidden, hidden),
        (4 * hidden, width),
    ]
    whole = product if product in (torch.float32, torch.float64) else torch.float32
    leaves = [
        torch.arange(math.prod(shape), dtype=whole, device=device)
        .mul_(1 + seed)
        .sin_()
        .view(shape)
        .requires_grad_()
        for seed, shape in enumerate(shapes)
    ]
    is_token = torch.arange(positions, device=device) < torch.tensor(
        [[positions], [3]], device=device
    )
    with torch.autocast(device.type, product, enabled=product != whole):
        found = loop(
            leaves[0], LoopMemory(*leaves[1:3], is_token), *leaves[3:5], LoopWeights(*leaves[5:])
        )
    gradients = torch.autograd.grad(sum(part.to(whole).square().sum() for part in found), leaves)
    return torch.cat([part.detach().to(whole).flatten() for part in (*found, *gradients)])


def loop_on(device: torch.device, product: torch.dtype) -> Callable[..., LoopOutput]:
    """The fastest `attention_loop` on a device, for products in a dtype."""
    if device.type == "cpu" and is_compiled():
        from novelgen.models.kernels import cpu

        return cpu.attention_loop
    if device.type == "cuda" and has_triton(device, product):
        from novelgen.models.kernels import gpu

        return gpu.attention_loop
    return manual.attention_loop


def attention_loop(
    gates: Tensor, memory: LoopMemory, hidden: Tensor, cell: Tensor, weights: LoopWeights
) -> LoopOutput:
    """`reference.attention_loop` by the fastest means there are on the tensors' device."""
    kind = gates.device.type
    product = (
        torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weights.score.dtype
    )
    return loop_on(gates.device, product)(gates, memory, hidden, cell, weights)


def has_input_feeding_loop(device: torch.device) -> bool:
    """Whether `input_feeding_loop` runs there."""
    return device.type == "cpu" and is_compiled()


def input_feeding_loop(
    gates: Tensor,
    memory: LoopMemory,
    hidden: Tensor,
    cell: Tensor,
    fed: Tensor,
    drop: Tensor | None,
    weights: FeedingWeights,
) -> FeedingOutput:
    """`reference.input_feeding_loop`, fast, where `has_input_feeding_loop`."""
    from novelgen.models.kernels import input_feeding

    return input_feeding.input_feeding_loop(gates, memory, hidden, cell, fed, drop, weights)


_LSTM_FROM = 512  # hidden units


def has_recurrent_layer(layer: nn.RNNBase, sequence: Tensor) -> bool:
    """Whether `recurrent_layer` runs such a layer along sequence (B, T, D): where it was measured to be clearly faster than PyTorch.

    That is in training on CPUs: every GRU, which PyTorch runs step by step in single operations
    (cho's steps: 1.23 times as fast in bfloat16, 1.1 times in float32), and with bfloat16
    products LSTMs whose weights outgrow a core's cache (steps of sutskever 1.14 times, seq2seq
    1.10, lm 1.05 on an idle core, 1.2 times and more on one that others use too). oneDNN, which
    PyTorch takes for LSTMs, is as fast or faster below that, in float32 and without gradients;
    and what writes a few lines need not wait for numba.
    """
    if sequence.device.type != "cpu" or not torch.is_grad_enabled():
        return False
    gains = (
        isinstance(layer, nn.LSTM)
        and layer.hidden_size >= _LSTM_FROM
        and torch.is_autocast_enabled("cpu")
    )
    return (gains or isinstance(layer, nn.GRU)) and is_compiled()


def needs_float32(layer: nn.RNNBase, sequence: Tensor) -> bool:
    """Whether a layer must leave autocast: an LSTM where oneDNN, which runs it, has none in bfloat16.

    With bfloat16 products but without such an LSTM (CPUs with AVX-NE-CONVERT and no AVX512) models
    train in bfloat16 all the same, and only these layers keep the dtype of their weights.
    """
    if not isinstance(layer, nn.LSTM) or sequence.device.type != "cpu":
        return False
    if not torch.is_autocast_enabled("cpu") or has_recurrent_layer(layer, sequence):
        return False
    return not onednn.has_bfloat16_lstm()


def recurrent_layer(
    sequence: Tensor,
    lengths: Tensor | None,
    state: tuple[Tensor, ...],
    *weights: Tensor,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """`layers.recurrent_layer`, where `has_recurrent_layer`."""
    from novelgen.models.kernels import layers

    return layers.recurrent_layer(sequence, lengths, state, *weights)
