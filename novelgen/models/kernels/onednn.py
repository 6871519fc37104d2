"""What oneDNN, which multiplies and runs LSTMs for PyTorch on CPUs, can do in bfloat16 on this one.

Each question is answered by trying, once per process: which instructions oneDNN needs differs
from version to version, and the environment can forbid it some (ONEDNN_MAX_CPU_ISA=AVX2). On CPUs
without AVX512 it has neither bfloat16 products nor bfloat16 LSTMs; from AVX-NE-CONVERT on it may
have the products alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch

# Multiply-adds of the products tried: PyTorch leaves those below 16³ to its own loops.
_SIZE = 32


@lru_cache(maxsize=1)
def multiplies_bfloat16() -> bool:
    """Whether products in bfloat16 run; True without oneDNN, where PyTorch's own loops multiply."""
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return _runs(lambda: _ones() @ _ones())
    return _runs(
        lambda: torch.ops.mkldnn._linear_pointwise(_ones(), _ones(), None, "none", [], None)
    )


@lru_cache(maxsize=1)
def packs_bfloat16() -> bool:
    """Whether a bfloat16 weight can be packed once for many products; no documented interface."""
    if not hasattr(torch.ops.mkldnn, "_reorder_linear_weight"):
        return False
    return _runs(lambda: torch.ops.mkldnn._reorder_linear_weight(_ones(), _SIZE))


@lru_cache(maxsize=1)
def has_bfloat16_lstm() -> bool:
    """Whether torch.nn.LSTM runs under autocast to bfloat16, forwards and backwards."""
    return _runs(_lstm_step)


def _runs(attempt: Callable[[], object]) -> bool:
    # Whoever asks first may be generating: gradients must be possible all the same.
    with torch.inference_mode(False), torch.enable_grad():
        try:
            attempt()
        except RuntimeError:
            return False
    return True


def _ones() -> torch.Tensor:
    return torch.ones(_SIZE, _SIZE, dtype=torch.bfloat16)


def _lstm_step() -> None:
    """Weights are constants: random ones would change every draw that follows in the process."""
    sequence = torch.ones(2, 2, _SIZE)  # (B, T, D)
    state = torch.zeros(1, 2, _SIZE)  # (layers, B, H), hidden and cell alike
    weight = torch.ones(4 * _SIZE, _SIZE, requires_grad=True)  # (4H, D), and (4H, H)
    bias = torch.ones(4 * _SIZE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, _, _ = torch.lstm(
            sequence,
            (state, state),
            (weight, weight, bias, bias),
            has_biases=True,
            num_layers=1,
            dropout=0.0,
            train=True,
            bidirectional=False,
            batch_first=True,
        )
    torch.autograd.grad(output.float().sum(), weight)
