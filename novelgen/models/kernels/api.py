"""What the fast loops take and give, and which of them runs where.

B rows, T target steps, S source positions, D inputs, A attention size, H hidden size, M memory
size. Sequences are padded and batch first. `lengths` (B,) int64, from 1 on, says how many steps of
each row are real, None that all are. What a loop gives at padding, and the last state of a row that
ends before others, may be anything finite: nothing that counts reads them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from novelgen.i18n import _

_LOG = logging.getLogger(__name__)

# Hidden units from which on an LSTM with bfloat16 products runs in our own layer.
LSTM_FROM = 512


class LoopMemory(NamedTuple):
    """The source as an attention loop reads it."""

    annotations: Tensor  # (B, S, M): h_j
    keys: Tensor  # (B, S, A): U h_j; with input feeding (B, S, H): k_j
    is_token: Tensor  # (B, S) bool: True = real; real positions come first


class LoopWeights(NamedTuple):
    """The weights of the loop of Bahdanau et al. (2015)."""

    token: Tensor  # (A + 4H, D): what y_{i-1} adds to the query and the gates
    bias: Tensor  # (4H,): of the gates
    query: Tensor  # (A, H): W
    score: Tensor  # (A,): v
    recurrent: Tensor  # (4H, H)
    context: Tensor  # (4H, M)


class LoopOutput(NamedTuple):
    """The outputs of that loop."""

    hiddens: Tensor  # (B, T, H): s_1 … s_T
    cell: Tensor  # (B, H): the last cell
    contexts: Tensor  # (B, T, M): c_1 … c_T
    weights: Tensor  # (B, T, S): α_1 … α_T


class FeedingWeights(NamedTuple):
    """The weights of the loop of Luong et al. (2015) with input feeding. D: readouts too."""

    token: Tensor  # (4H, D): what y_{t-1} adds to the gates
    bias: Tensor  # (4H,)
    recurrent: Tensor  # (4H, H)
    feeding: Tensor  # (4H, D): what h̃_{t-1} adds to them
    readout: Tensor  # (D, M + H): W


class FeedingOutput(NamedTuple):
    """The outputs of that loop."""

    readouts: Tensor  # (B, T, D): h̃_1 … h̃_T
    hidden: Tensor  # (B, H): the last
    cell: Tensor  # (B, H): the last
    weights: Tensor  # (B, T, S): α_1 … α_T


AttentionLoop = Callable[
    [Tensor, Tensor | None, LoopMemory, Tensor, Tensor, LoopWeights], LoopOutput
]


@lru_cache(maxsize=1)
def is_compiled() -> bool:
    """Whether numba is installed and can compile for this CPU; if not, the log says why."""
    try:
        from novelgen.models.kernels import math_numba

        math_numba.tanh(1.0)
    except Exception as error:
        # Whatever is wrong with numba or LLVM: there are loops that need neither.
        message = _("numba cannot be used, a slower implementation runs: {error}")
        _LOG.warning(message.format(error=error))
        return False
    return True


def is_fast(device: torch.device) -> bool:
    """Whether the compiled loops run on a device."""
    return device.type == "cpu" and is_compiled()


def product_dtype(device_type: str, otherwise: torch.dtype) -> torch.dtype:
    """The dtype of matrix products: autocast's where it is on, else `otherwise`."""
    if torch.is_autocast_enabled(device_type):
        return torch.get_autocast_dtype(device_type)
    return otherwise


def attention_loop(
    inputs: Tensor,
    lengths: Tensor | None,
    memory: LoopMemory,
    hidden: Tensor,
    cell: Tensor,
    weights: LoopWeights,
) -> LoopOutput:
    """`reference.attention_loop`, as fast as it is available on the tensors' device."""
    from novelgen.models.kernels import reference

    product = product_dtype(inputs.device.type, weights.score.dtype)
    loop = loop_on(inputs.device, product)
    if inputs.shape[1] == 1:
        # Packing the weights would take longer than the one step.
        loop = reference.attention_loop
    return loop(inputs, lengths, memory, hidden, cell, weights)


def loop_on(device: torch.device, product: torch.dtype) -> AttentionLoop:
    """The fastest `attention_loop` on a device for products in a dtype."""
    if is_fast(device):
        from novelgen.models.kernels import bahdanau

        return bahdanau.attention_loop
    if device.type == "cuda" and has_triton(device, product):
        from novelgen.models.kernels.triton import loop

        return loop.attention_loop
    from novelgen.models.kernels import reference

    return reference.attention_loop


def input_feeding_loop(
    inputs: Tensor,
    lengths: Tensor | None,
    memory: LoopMemory,
    hidden: Tensor,
    cell: Tensor,
    fed: Tensor,
    drop: Tensor | None,
    weights: FeedingWeights,
) -> FeedingOutput:
    """`reference.input_feeding_loop`, fast where `is_fast`."""
    from novelgen.models.kernels import reference

    loop = reference.input_feeding_loop
    if is_fast(inputs.device):
        # It imports numba, which may be missing.
        from novelgen.models.kernels import luong

        loop = luong.input_feeding_loop
    return loop(inputs, lengths, memory, hidden, cell, fed, drop, weights)


def padded_linear(
    sequences: list[Tensor], lengths: Tensor | None, mask: Tensor | None, layer: nn.Linear
) -> Tensor:
    """layer(mask · [x_1; x_2; …]) of sequences (B, T, D_i): (B, T, out).

    mask (B, 1, Σ D_i) is that of a dropout, or None. In inference mode it is PyTorch's: what writes
    a few lines need not wait for numba to compile it.
    """
    is_short = sequences[0].shape[1] == 1 or torch.is_inference_mode_enabled()
    if is_fast(sequences[0].device) and not is_short:
        from novelgen.models.kernels import linear

        flat = None if mask is None else mask.squeeze(1)
        return linear.padded_linear(sequences, lengths, flat, layer.weight, layer.bias)
    joint = torch.cat(sequences, dim=-1)
    if mask is not None:
        joint = joint * mask
    made: Tensor = layer(joint)
    return made


def has_recurrent_layer(layer: nn.RNNBase, sequence: Tensor) -> bool:
    """Whether `recurrent.recurrent_layers` runs such a layer along sequence (B, T, D).

    It does on CPUs for every GRU and every LSTM in float32, which PyTorch runs along the padding
    too; in bfloat16 for those whose weights outgrow a core's cache. In inference mode PyTorch runs
    them: what writes a few lines need not wait for numba to compile.
    """
    if torch.is_inference_mode_enabled() or not is_fast(sequence.device):
        return False
    if isinstance(layer, nn.LSTM) and torch.is_autocast_enabled("cpu"):
        return layer.hidden_size >= LSTM_FROM
    return isinstance(layer, nn.LSTM | nn.GRU)


def needs_float32(layer: nn.RNNBase, sequence: Tensor) -> bool:
    """Whether a layer must leave autocast: an LSTM where oneDNN has none in bfloat16.

    With bfloat16 products but without such an LSTM (CPUs with AVX-NE-CONVERT and no AVX512) models
    train in bfloat16 all the same, and only these layers keep the dtype of their weights.
    """
    from novelgen.models.kernels import onednn

    if not isinstance(layer, nn.LSTM) or sequence.device.type != "cpu":
        return False
    if not torch.is_autocast_enabled("cpu") or has_recurrent_layer(layer, sequence):
        return False
    return not onednn.has_bfloat16_lstm()


@lru_cache(maxsize=8)
def has_triton(device: torch.device, product: torch.dtype) -> bool:
    """Whether Triton is installed, compiles for this GPU, and computes what `reference` does.

    The last is tried on a small problem with products in `product`. If not, one line in the log
    says so.
    """
    try:
        from novelgen.models.kernels.triton.check import check

        check(device, product)
    except Exception as error:
        # No Triton, no C compiler, an old GPU, …: there is a loop that needs none of them.
        message = _("Triton cannot be used, a slower implementation runs: {error}")
        _LOG.warning(message.format(error=error))
        return False
    return True
