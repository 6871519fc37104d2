"""A trained model for generation on a CPU: one step compiled.

B rows that are generated, U sources, S source length, L layers, H hidden size, A attention size,
M size of the annotations, E size of embeddings and readout, V vocabulary.
"""

from __future__ import annotations

import dataclasses
import sys
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from novelgen.i18n import _
from novelgen.models.bahdanau import BahdanauDecoder
from novelgen.models.kernels.api import LoopMemory
from novelgen.models.kernels.packed import by_rows
from novelgen.models.packed_decoder import (
    LARGEST_TABLE,
    DecoderWeights,
    Floats,
    Integers,
    PackedDecoder,
    pack_decoder,
    panels,
)
from novelgen.models.seq2seq import Seq2Seq

# What annotations add is multiplied before the first step where at least so many rows read each
# source, and sources have at most this part of the annotations' size in positions.
BEAM_ROWS = 4
SHORTER = 4

# Rows from which on threads share a step. To ask for threads costs a step of one row a twentieth.
FEWEST_SHARED = 16

# Of an error's first line that is shown.
_LONGEST_REASON = 160


def optimize_for_inference(model: Any, precision: str = "auto") -> Any:
    """A `CompiledDecoder` where there is one for this model and device, else the model itself.

    Either has `start` and `step`. precision is that of the weights that a step reads: "float32"
    gives the model's own texts; "bfloat16", which "auto" takes, is faster. The compiled decoder
    holds copies of the weights as they are when it is first used.
    """
    if not isinstance(model, Seq2Seq) or not isinstance(model.decoder, BahdanauDecoder):
        return model
    weight = model.output_bias
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return model
    dtype = torch.bfloat16
    if precision == "float32":
        dtype = torch.float32
    return CompiledDecoder(model, model.decoder, dtype)


@dataclass(frozen=True)
class CompiledState:
    """The states of rows: each is there once, however many rows go on from it."""

    layers: Floats  # (R, 2L, H): hidden and cell of each layer
    rows: Integers  # (B,): which of them a row goes on from

    def select(self, rows: Integers | Tensor) -> CompiledState:
        """The state of the given rows."""
        return CompiledState(self.layers, self.rows[np.asarray(rows)])


@dataclass(frozen=True)
class CompiledMemory:
    """Sources as `inference.step` reads them: each once, however many rows attend to it."""

    packed: PackedDecoder
    weights: DecoderWeights  # without `from_context` where the values need it no more
    rows: Integers  # (B,): which source a row attends to
    lengths: Integers  # (U,)
    exp_keys: Floats  # (U, S, A): exp(2 U h_j)
    values: Floats  # (U), packed (M, S) or (4H + E, S)
    annotations: Floats  # (U, S, M)

    def predict(
        self, tokens: Integers, state: CompiledState
    ) -> tuple[Floats, Floats, CompiledState]:
        """One step after tokens (B,): log-probabilities (B, V), weights (B, S), the next state.

        The log-probabilities are the log-softmax of the model's logits as decoding takes it: +inf
        counts as float32's largest number, and a row of nothing but -inf stays as it is.
        """
        log_probabilities, weights, after, _ = self.predict_with_readout(tokens, state)
        return log_probabilities, weights, after

    def predict_with_readout(
        self, tokens: Integers, state: CompiledState
    ) -> tuple[Floats, Floats, CompiledState, Floats]:
        """As `predict`, and the readout (B, E)."""
        places, added = self.packed.added_by(tokens)
        rows = len(tokens)
        log_probabilities = np.empty((rows, len(self.weights.output_bias)), np.float32)
        after = np.empty((rows, *state.layers.shape[1:]), np.float32)
        alphas = np.empty((rows, self.exp_keys.shape[1]), np.float32)
        readout = np.empty((rows, self.packed.embedding.embedding_dim), np.float32)

        def run(first: int, last: int) -> None:
            self.packed.kernel.step(
                places[first:last],
                added,
                state.layers,
                state.rows[first:last],
                self.rows[first:last],
                self.lengths,
                self.exp_keys,
                self.values,
                *self.weights,
                log_probabilities[first:last],
                after[first:last],
                alphas[first:last],
                readout[first:last],
            )

        if rows < FEWEST_SHARED:
            run(0, rows)
        else:
            by_rows(run, rows)
        return log_probabilities, alphas, CompiledState(after, np.arange(rows)), readout

    def best_continuations(self, *given: Any) -> tuple[Any, ...]:
        """As `decoding.beam.best_continuations`, compiled."""
        found: tuple[Any, ...] = self.packed.kernel.best_continuations(*given)
        return found

    def select(self, rows: Integers | Tensor) -> CompiledMemory:
        """The memory of the given rows; the sources stay where they are."""
        return self.for_rows(self.rows[np.asarray(rows)])

    def for_rows(self, rows: Integers) -> CompiledMemory:
        """The memory of rows that read these sources, (B,)."""
        memory = dataclasses.replace(self, rows=rows)
        from_context = self.weights.from_context
        if not len(from_context) or not self._multiplies_ahead(len(rows)):
            return memory
        sources, positions, _ = self.annotations.shape
        count, _, columns = from_context.shape
        values = np.empty((sources, count, positions, columns), np.float32)
        self.packed.kernel.multiply_ahead(self.annotations, from_context, values)
        weights = self.weights._replace(from_context=from_context[:0])
        return dataclasses.replace(memory, values=values, weights=weights)

    def _multiplies_ahead(self, rows: int) -> bool:
        """Whether W h_j is computed once for all j, and not W c_i at every step.

        What every position adds to gates and readout is W c_i = Σ_j α_ij W h_j, so a step can read
        W h_j and not W.
        """
        sources, positions, size = self.annotations.shape
        # A step reads less: 4H + E numbers a position, and W has M times as many.
        is_smaller = sources * positions <= size
        # A step multiplies less where the rows are many, such as those of beams, and the work is
        # soon made up for: after 11 steps with a beam of 5 and 50 positions, after 30 with 120.
        is_beam = rows >= BEAM_ROWS * sources and positions <= size // SHORTER
        return bool(is_smaller or is_beam)


class CompiledDecoder:
    """Steps as a `Seq2Seq` with a `BahdanauDecoder` does, by `inference.step`.

    What `start` returns as the memory predicts by itself (`CompiledMemory.predict`). Where numba is
    missing or cannot compile here, the memory is the model's own and `step` the model's, which is
    said once. Several threads may use one: what moves is in memory and state alone.
    """

    def __init__(
        self,
        model: Seq2Seq,
        decoder: BahdanauDecoder,
        dtype: torch.dtype,
        largest_table: int = LARGEST_TABLE,
    ) -> None:
        """`decoder` is that of the model; `dtype` is that of the weights that a step reads."""
        self._model = model
        self._decoder = decoder
        self._dtype = dtype
        self._largest_table = largest_table
        self._lock = threading.Lock()
        self._is_ready = False
        self._packed: PackedDecoder | None = None  # until it is ready, and where numba fails

    @property
    def network(self) -> Seq2Seq:
        """The model whose weights it has, which autograd can follow."""
        return self._model

    @torch.inference_mode()
    def start(self, source: Tensor, lengths: Tensor) -> tuple[Any, Any]:
        """As `ConditionalLM.start`."""
        memory, state = self._model.start(source, lengths)
        with self._lock:
            if not self._is_ready:
                self._prepare()
        packed = self._packed
        if packed is None:
            return memory, state

        annotations, keys, _ = LoopMemory(*memory)
        kernel = packed.kernel
        rows = np.arange(len(source))
        compiled_memory = CompiledMemory(
            packed,
            packed.weights,
            rows,
            lengths.numpy(),
            kernel.exponentials(keys.numpy()),
            panels(annotations.transpose(1, 2), kernel.COLUMNS).numpy(),
            annotations.contiguous().numpy(),
        ).for_rows(rows)
        return compiled_memory, CompiledState(torch.stack(state, dim=1).numpy(), rows)

    def step(self, token: Tensor, memory: Any, state: Any) -> tuple[Tensor, Any, Tensor]:
        """As `ConditionalLM.step`; compiled, the logits are log-probabilities."""
        return self.step_with_readout(token, memory, state)[:3]

    def step_with_readout(
        self, token: Tensor, memory: Any, state: Any
    ) -> tuple[Tensor, Any, Tensor, Tensor]:
        """As `ConditionalLM.step_with_readout`; compiled, the logits are log-probabilities."""
        if not isinstance(memory, CompiledMemory):
            return self._model.step_with_readout(token, memory, state)
        found = memory.predict_with_readout(token.numpy(), state)
        log_probabilities, weights, state, readout = found
        return (
            torch.from_numpy(log_probabilities),
            state,
            torch.from_numpy(weights),
            torch.from_numpy(readout),
        )

    def _prepare(self) -> None:
        """Packs the weights and compiles the step, by taking one."""
        self._is_ready = True
        try:
            from novelgen.models.kernels import inference

            packed = pack_decoder(
                self._model, self._decoder, self._dtype, inference, self._largest_table
            )
            _take_empty_step(packed)
            self._packed = packed
        except Exception as error:  # numba fails in many ways, and generation must not
            lines = str(error).splitlines() or [type(error).__name__]
            reason = lines[0][:_LONGEST_REASON]
            message = _("numba cannot be used, writing is slower: {reason}").format(reason=reason)
            print(message, file=sys.stderr, flush=True)


def _take_empty_step(packed: PackedDecoder) -> None:
    """Compiles `inference` for these weights: no row, one source of no position."""
    weights = packed.weights
    count, memory_size, columns = weights.from_context.shape
    size = weights.from_state.shape[1]  # H
    layers = 1 + len(weights.from_below)
    nobody = np.zeros(0, np.int64)
    memory = CompiledMemory(
        packed,
        weights,
        nobody,
        np.zeros(1, np.int64),
        packed.kernel.exponentials(np.zeros((1, 0, len(weights.score)), np.float32)),
        np.zeros((1, count, 0, columns), np.float32),
        np.zeros((1, 0, memory_size), np.float32),
    ).for_rows(nobody)
    state = CompiledState(np.zeros((0, 2 * layers, size), np.float32), nobody)
    logits, _weights, _state = memory.predict(nobody, state)
    memory.best_continuations(logits, True, np.zeros(0), nobody, np.ones(1, np.int64))
