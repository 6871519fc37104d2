"""Attention by hand: what would have been written had the model looked elsewhere.

B rows, S source positions, M size of the annotations, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from novelgen.attribution.forced import Floats
from novelgen.decoding.generator import Generator
from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.models.attention import CoverageScore
from novelgen.models.bahdanau import BahdanauDecoder
from novelgen.models.decoders import AttendingDecoder
from novelgen.models.encoder import Encoded
from novelgen.models.seq2seq import Seq2Seq

# The weights of a row of attention by step of the paragraph, from 0.
Pins = Mapping[int, Sequence[float]]


def with_pinned_attention(generator: Generator, pins: Pins) -> Generator:
    """A generator that takes some rows of attention as given.

    It is for one paragraph: `pins` are weights (S,) on its source. They are scaled to sum to one.
    Raises ConfigError for weights that are none, and for a model whose weights cannot be given.
    """
    rows = {step: _normalized(step, weights) for step, weights in pins.items()}
    model = PinnedAttention(generator.network, rows)
    return generator.with_model(model)


def _normalized(step: int, weights: Sequence[float]) -> Floats:
    row = np.asarray(weights, dtype=np.float64)
    if row.ndim != 1 or not np.isfinite(row).all() or (row < 0).any() or not row.sum():
        message = _("row {row} of attention: weights must be numbers from 0 on, and not all 0")
        raise ConfigError(message.format(row=step + 1))
    normalized: Floats = row / row.sum()
    return normalized


class PinnedAttention:
    """A model that attends as it is told at some steps, and by itself at all others.

    The weights α_i of a step are used for its context alone, c_i = Σ_j α_ij h_j. So a step with
    given weights is an ordinary one that reads a source of a single position, whose annotation is
    that sum: over one position every score gives a weight of 1.
    """

    def __init__(self, network: Any, rows: Mapping[int, Floats]) -> None:
        """`rows` are weights (S,) that sum to 1, by step."""
        if not can_be_pinned(network):
            raise ConfigError(
                _(
                    "attention can be given to models that read the source by it alone: bahdanau "
                    "and luong, without --copy and --coverage"
                )
            )
        self._network = network
        self._rows = {
            step: torch.from_numpy(row).to(network.output_bias) for step, row in rows.items()
        }

    @torch.inference_mode()
    def start(self, source: Tensor, lengths: Tensor) -> tuple[Any, tuple[Tensor, ...]]:
        """As `ConditionalLM.start`; the state ends with the number of steps (B,)."""
        for step, row in self._rows.items():
            if len(row) != source.shape[1]:
                message = _("row {row} of attention: {count} weights for a source of {size} tokens")
                raise ConfigError(
                    message.format(row=step + 1, count=len(row), size=source.shape[1])
                )
        memory, state = self._network.start(source, lengths)
        return memory, (*state, torch.zeros_like(lengths))

    @torch.inference_mode()
    def step(
        self, token: Tensor, memory: Any, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...], Tensor]:
        """As `ConditionalLM.step`."""
        *inner, steps = state
        row = self._rows.get(int(steps[0]))
        read = memory if row is None else self._pinned(row, memory)
        logits, after, weights = self._network.step(token, read, tuple(inner))
        if row is not None:
            weights = row.expand(len(token), -1)
        return logits, (*after, steps + 1), weights

    def _pinned(self, row: Tensor, memory: Any) -> Any:
        """A memory of one position, Σ_j α_j h_j."""
        context = row @ memory.annotations  # (B, M)
        annotation = context.unsqueeze(1)  # (B, 1, M)
        is_token = torch.ones(annotation.shape[:2], dtype=torch.bool, device=context.device)
        return self._network.decoder.remember(Encoded(annotation, is_token, context, ()))


def can_be_pinned(network: Any) -> bool:
    """Whether a model reads its source through weights alone that sum to one."""
    if not isinstance(network, Seq2Seq):
        return False
    decoder = network.decoder
    if isinstance(decoder, AttendingDecoder):
        return not isinstance(decoder.attention, CoverageScore)
    return isinstance(decoder, BahdanauDecoder)
