"""A trained model for generation on a CPU: weights packed, one step compiled.

B rows that are generated, U sources, S source length, L layers, H hidden size, A attention size,
M size of the annotations, E size of embeddings and readout, V vocabulary.
"""

from __future__ import annotations

import dataclasses
import sys
import threading
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import linear, pad

from novelgen.i18n import _
from novelgen.models.bahdanau import BahdanauDecoder
from novelgen.models.kernels.api import LoopMemory
from novelgen.models.kernels.packed import by_rows
from novelgen.models.recurrent import layer_weights, layers_of
from novelgen.models.seq2seq import Seq2Seq

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
# In panels (P, K, columns) as `matmul_numba` multiplies them; bfloat16 as uint16.
PackedWeight = npt.NDArray[np.float32] | npt.NDArray[np.uint16]

# What tokens add to gates and readout is looked up, not computed, where the table for all of them
# is no larger than this, in bytes.
LARGEST_TABLE = 2**26

# What annotations add is multiplied before the first step where at least so many rows read each
# source, and sources have at most this part of the annotations' size in positions.
BEAM_ROWS = 4
SHORTER = 4

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


class _Weights(NamedTuple):
    """The weights as `inference.step` takes them, which says their shapes."""

    score: Floats
    from_state: PackedWeight
    from_context: PackedWeight  # without panels where the values are multiplied already
    from_below: PackedWeight
    upper_bias: Floats
    from_top: PackedWeight
    output: PackedWeight
    output_bias: Floats


class _Packed(NamedTuple):
    """Everything that is made of the model once."""

    kernel: ModuleType  # `inference`
    weights: _Weights
    token_table: Floats | None  # (V + first tokens, 4H + E): what every token adds to them


@dataclass(frozen=True)
class _Memory:
    """Sources as `inference.step` reads them: each once, however many rows attend to it.

    It has a `select` of its own where other memories are tuples of batch-first tensors.
    """

    rows: Integers  # (B,): which source a row attends to
    lengths: Integers  # (U,)
    exp_keys: Floats  # (U, S, A): exp(2 U h_j)
    values: Floats  # (U), packed (M, S) or (4H + E, S)
    weights: _Weights  # without `from_context` where the values need it no more
    annotations: Floats  # (U, S, M)
    kernel: ModuleType  # `inference`

    def select(self, rows: Tensor) -> _Memory:
        """The memory of the given rows; the sources stay where they are."""
        return self.for_rows(self.rows[rows.numpy()])

    def for_rows(self, rows: Integers) -> _Memory:
        """The memory of rows that read these sources, (B,)."""
        memory = dataclasses.replace(self, rows=rows)
        from_context = self.weights.from_context
        if not len(from_context) or not self._multiplies_ahead(len(rows)):
            return memory
        sources, positions, _ = self.annotations.shape
        panels, _, columns = from_context.shape
        values = np.empty((sources, panels, positions, columns), np.float32)
        self.kernel.multiply_ahead(self.annotations, from_context, values)
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


@dataclass(frozen=True)
class _State:
    """The states of rows: each is there once, however many rows go on from it."""

    layers: Floats  # (R, 2L, H): hidden and cell of each layer
    rows: Integers  # (B,): which of these a row goes on from

    def select(self, rows: Tensor) -> _State:
        """The state of the given rows."""
        return _State(self.layers, self.rows[rows.numpy()])


class CompiledDecoder:
    """Steps as a `Seq2Seq` with a `BahdanauDecoder` does, by `inference.step`.

    Where numba is missing or cannot compile here, it is the model itself, and says so once. Several
    threads may use one: what moves is in memory and state alone.
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
        self._packed: _Packed | None = None  # until it is ready, and where numba fails

    @property
    def gives_log_probabilities(self) -> bool:
        """Whether `step` returns the log-softmax of the logits; else the logits themselves."""
        return self._packed is not None

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
        compiled_memory = _Memory(
            rows,
            lengths.numpy(),
            kernel.exponentials(keys.numpy()),
            _panels(annotations.transpose(1, 2), kernel.COLUMNS).numpy(),
            packed.weights,
            annotations.contiguous().numpy(),
            kernel,
        ).for_rows(rows)
        return compiled_memory, _State(torch.stack(state, dim=1).numpy(), rows)

    def step(self, token: Tensor, memory: Any, state: Any) -> tuple[Tensor, Any, Tensor]:
        """As `ConditionalLM.step`, but that the logits are normalized."""
        packed = self._packed
        if packed is None or not isinstance(memory, _Memory):
            return self._model.step(token, memory, state)
        # What the tokens add to gates and readout: rows of `added`, in which `places` finds them.
        added = packed.token_table
        places = token.numpy()  # (B,)
        if added is None:
            added = self._from_tokens(self._model.embedding(token)).detach().numpy()  # (B, 4H + E)
            places = np.arange(len(token))
        rows = len(token)
        _, places_of_state, size = state.layers.shape
        log_probabilities = np.empty((rows, len(memory.weights.output_bias)), np.float32)
        after = np.empty((rows, places_of_state, size), np.float32)
        alphas = np.empty((rows, memory.exp_keys.shape[1]), np.float32)

        def run(first: int, last: int) -> None:
            packed.kernel.step(
                places[first:last],
                added,
                state.layers,
                state.rows[first:last],
                memory.rows[first:last],
                memory.lengths,
                memory.exp_keys,
                memory.values,
                *memory.weights,
                log_probabilities[first:last],
                after[first:last],
                alphas[first:last],
            )

        by_rows(run, rows)
        return (
            torch.from_numpy(log_probabilities),
            _State(after, np.arange(rows)),
            torch.from_numpy(alphas),
        )

    def _prepare(self) -> None:
        """Packs the weights and compiles the step, by taking one."""
        self._is_ready = True
        try:
            from novelgen.models.kernels import inference

            packed = self._pack(inference)
            self._take_empty_step(packed)
            self._packed = packed
        except Exception as error:  # numba fails in many ways, and generation must not
            lines = str(error).splitlines() or [type(error).__name__]
            reason = lines[0][:_LONGEST_REASON]
            message = _("numba cannot be used, writing is slower: {reason}").format(reason=reason)
            print(message, file=sys.stderr, flush=True)

    def _pack(self, inference: ModuleType) -> _Packed:
        """The model's weights as `inference.step` reads them."""
        model = self._model
        decoder = self._decoder
        size = decoder.recurrent.in_features  # H
        memory_size = decoder.key.in_features  # M

        def panels(weight: Tensor) -> PackedWeight:
            packed = _panels(weight.to(self._dtype), inference.COLUMNS)
            if self._dtype != torch.float32:
                # The two halves of a row alternate.
                halves = packed.view(*packed.shape[:-1], 2, inference.COLUMNS // 2)
                packed = halves.transpose(-1, -2).reshape(packed.shape).view(torch.uint16)
            result: PackedWeight = packed.numpy()
            return result

        # 1. The readout's columns for s, c and y; those for c go with what c adds to the gates.
        columns = [size, memory_size, model.embedding.embedding_dim]
        from_top, from_context, _ = torch.split(decoder.readout.weight, columns, dim=1)
        context = torch.cat([decoder.context.weight, from_context])  # (4H + E, M)

        # 2. The layers above the first, or none.
        above = [layer_weights(layer) for layer in layers_of(decoder.upper)]
        from_below = context.new_empty(0, 4 * size, 2 * size)
        upper_bias = context.new_empty(0, 4 * size)
        if above:
            from_below = torch.stack(
                [torch.cat([layer.weight_ih, layer.weight_hh], dim=1) for layer in above]
            )  # (L − 1, 4H, 2H)
            upper_bias = torch.stack(
                [layer.bias_ih + layer.bias_hh for layer in above]
            )  # (L − 1, 4H)

        weights = _Weights(
            score=(-2 * decoder.score).numpy(),
            from_state=panels(torch.cat([decoder.query.weight, decoder.recurrent.weight])),
            from_context=panels(context),
            from_below=panels(from_below),
            upper_bias=upper_bias.numpy(),
            from_top=panels(from_top),
            output=panels(model.embedding.vocabulary),
            output_bias=model.output_bias.numpy().copy(),
        )
        return _Packed(inference, weights, self._token_table(len(context)))

    def _token_table(self, width: int) -> Floats | None:
        """What every token adds to gates and readout, `width` float32; None where too large."""
        embedding = self._model.embedding
        if 4 * width * embedding.num_embeddings > self._largest_table:
            return None
        return self._from_tokens(embedding.weight).numpy()

    def _take_empty_step(self, packed: _Packed) -> None:
        """Compiles `inference` for these weights: no row, one source of no position."""
        weights = packed.weights
        panels, memory_size, columns = weights.from_context.shape
        values = np.zeros((1, panels, 0, columns), np.float32)
        packed.kernel.multiply_ahead(
            np.zeros((1, 0, memory_size), np.float32), weights.from_context, values
        )
        size = weights.from_state.shape[1]  # H
        nobody = np.zeros(0, np.int64)
        key = np.zeros((1, 0, len(weights.score)), np.float32)
        packed.kernel.step(
            nobody,
            np.zeros((1, panels * columns), np.float32),
            np.zeros((0, 2 * (1 + len(weights.from_below)), size), np.float32),
            nobody,
            nobody,
            np.zeros(1, np.int64),
            packed.kernel.exponentials(key),
            values,
            *weights,
            np.zeros((0, len(weights.output_bias)), np.float32),
            np.zeros((0, 2 * (1 + len(weights.from_below)), size), np.float32),
            np.zeros((0, 0), np.float32),
        )

    def _from_tokens(self, embedded: Tensor) -> Tensor:
        """What tokens add to gates and readout, biases included: (N, E) → (N, 4H + E)."""
        readout = self._decoder.readout
        columns = readout.weight[:, -embedded.shape[1] :]  # (E, E): those for y
        gates = self._decoder.token(embedded)  # (N, 4H)
        return torch.cat([gates, linear(embedded, columns, readout.bias)], dim=1)


def _panels(weight: Tensor, columns: int) -> Tensor:
    """A packed copy of (…, N, K): (…, P, K, columns), the last panel padded with zeros."""
    *before, size, depth = weight.shape
    panels = -(-size // columns)
    padded = pad(weight, (0, 0, 0, panels * columns - size))
    return padded.view(*before, panels, columns, depth).transpose(-1, -2).contiguous()
