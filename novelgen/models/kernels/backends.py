"""Which of the time loops runs where."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor, nn

from novelgen.i18n import _
from novelgen.models.kernels import manual, onednn
from novelgen.models.kernels.autograd import product_dtype
from novelgen.models.kernels.reference import (
    FeedingOutput,
    FeedingWeights,
    LoopMemory,
    LoopOutput,
    LoopWeights,
)

_LOG = logging.getLogger(__name__)

# Hidden units from which on an LSTM with bfloat16 products runs in our own layer.
LSTM_FROM = 512

# Largest error of a probe, relative to its norm. The same products are rounded alike in both loops,
# so that half-precision ones hardly add to it.
_PROBE_TOLERANCE = {
    torch.float64: 1e-9,
    torch.float32: 1e-4,
    torch.float16: 0.02,
    torch.bfloat16: 0.02,
}


@lru_cache(maxsize=1)
def is_compiled() -> bool:
    """Whether numba is installed and can compile for this CPU.

    If not, one line in the log says so.
    """
    try:
        from novelgen.models.kernels import math_numba

        math_numba.tanh(1.0)
    except Exception as error:
        # Whatever is wrong with numba or LLVM: there are loops that need neither.
        message = _("numba cannot be used, a slower implementation runs: {error}")
        _LOG.warning(message.format(error=error))
        return False
    return True


@lru_cache(maxsize=8)
def has_triton(device: torch.device, product: torch.dtype) -> bool:
    """Whether Triton is installed, compiles for this GPU, and computes what `manual` does.

    The last is tried on a small problem with products in `product`. If not, one line in the log
    says so.
    """
    try:
        _check_triton(device, product)
    except Exception as error:
        # No Triton, no C compiler, an old GPU, …: there is a loop that needs none of them.
        message = _("Triton cannot be used, a slower implementation runs: {error}")
        _LOG.warning(message.format(error=error))
        return False
    return True


def _check_triton(device: torch.device, product: torch.dtype) -> None:
    """Raises whatever Triton raises, or ArithmeticError where it computes something else."""
    from novelgen.models.kernels import gpu

    # Whoever asks first may be generating: gradients must be possible all the same.
    with torch.inference_mode(False), torch.enable_grad():
        mine = _probe(gpu.attention_loop, device, product)
        truth = _probe(manual.attention_loop, device, product)
    error = ((mine - truth).norm() / truth.norm()).item()
    # Not `error > tolerance`: that is False for NaN.
    if not error <= _PROBE_TOLERANCE[product]:
        raise ArithmeticError(f"{product}: relative error {error:g}")


def _probe(loop: Callable[..., LoopOutput], device: torch.device, product: torch.dtype) -> Tensor:
    """Outputs and gradients of a small problem, all in one vector.

    No random numbers are drawn: every draw that follows in the process would change.
    """
    rows, steps, positions = 2, 2, 19  # B, T, S
    size, width, hidden = 8, 16, 8  # A, M, H
    shapes = [
        (rows, steps, 4 * hidden),  # gates
        (rows, positions, width),  # annotations
        (rows, positions, size),  # keys
        (rows, hidden),  # s_0
        (rows, hidden),  # its cell
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
    gates, annotations, keys, state, cell, *weights = leaves
    lengths = torch.tensor([[positions], [3]], device=device)
    is_token = torch.arange(positions, device=device) < lengths
    # 2. Outputs, and the gradients of their sum of squares.
    with torch.autocast(device.type, product, enabled=product != whole):
        memory = LoopMemory(annotations, keys, is_token)
        outputs = loop(gates, memory, state, cell, LoopWeights(*weights))
    total = torch.stack([part.to(whole).square().sum() for part in outputs]).sum()
    gradients = torch.autograd.grad(total, leaves)
    return torch.cat([part.detach().to(whole).flatten() for part in (*outputs, *gradients)])


def loop_on(device: torch.device, product: torch.dtype) -> Callable[..., LoopOutput]:
    """The fastest `attention_loop` on a device for products in a dtype."""
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
    """`reference.attention_loop`, as fast as it is available on the tensors' device."""
    product = product_dtype(gates.device.type, weights.score.dtype)
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


def has_recurrent_layer(layer: nn.RNNBase, sequence: Tensor) -> bool:
    """Whether `recurrent_layer` runs such a layer along sequence (B, T, D).

    It does where it was measured to be clearly faster than PyTorch, in training on CPUs:
    - Every GRU, which PyTorch runs step by step in single operations. cho's training steps are 1.23
      times as fast in bfloat16, 1.1 times in float32.
    - With bfloat16 products, LSTMs whose weights outgrow a core's cache. Steps of sutskever are
    1.14
      times as fast, of seq2seq 1.10, of lm 1.05 on an idle core, and 1.2 times and more on a core
      that others use too.
    oneDNN, which PyTorch takes for LSTMs, is as fast or faster below that size, in float32 and
    without gradients; and what writes a few lines need not wait for numba to compile.
    """
    if sequence.device.type != "cpu" or not torch.is_grad_enabled():
        return False
    if isinstance(layer, nn.LSTM):
        is_large = layer.hidden_size >= LSTM_FROM
        return is_large and torch.is_autocast_enabled("cpu") and is_compiled()
    return isinstance(layer, nn.GRU) and is_compiled()


def needs_float32(layer: nn.RNNBase, sequence: Tensor) -> bool:
    """Whether a layer must leave autocast: an LSTM where oneDNN has none in bfloat16.

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
