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
from torch.nn.functional import linear

from novelgen.i18n import _
from novelgen.models.bahdanau import BahdanauDecoder
from novelgen.models.kernels.api import LoopMemory
from novelgen.models.recurrent import State, layer_weights, layers_of
from novelgen.models.seq2seq import Seq2Seq

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
PackedWeight = npt.NDArray[np.float32] | npt.NDArray[np.uint16]  # bfloat16 as uint16

# What tokens add to gates and readout is looked up, not computed, where the table for all of them
# is no larger than this, in bytes.
LARGEST_TABLE = 2**26

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
    """The last arguments of `stepping.step`."""

    score: Floats  # (A,): −2v
    from_state: PackedWeight  # (A + 4H, H): query over recurrent
    from_context: PackedWeight  # (4H + E, M), or 0 rows where the values are multiplied already
    from_below: PackedWeight  # (L − 1, 4H, 2H): of upper layers, input beside recurrent
    upper_bias: Floats  # (L − 1, 4H)
    from_top: PackedWeight  # (E, H): the readout of the highest layer's output
    output: PackedWeight  # (V, E)
    output_bias: Floats  # (V,)


class _Packed(NamedTuple):
    """Everything that is made of the model once."""

    weights: _Weights
    context: Tensor  # (4H + E, M) float32: what a context adds to gates and readout
    token_table: Floats | None  # (V + first tokens, 4H + E): what every token adds to them


@dataclass(frozen=True)
class _Memory:
    """Sources as `stepping.step` reads them: each once, however many rows attend to it.

    It has a `select` of its own where other memories are tuples of batch-first tensors.
    """

    rows: Integers  # (B,): which source a row attends to
    lengths: Integers  # (U,)
    exp_keys: Floats  # (U, S, A): exp(2 U h_j)
    values: Floats  # (U, S, M) or (U, S, 4H + E)
    weights: _Weights  # without `from_context` where the values need it no more

    def select(self, rows: Tensor) -> _Memory:
        """The memory of the given rows; the sources stay where they are."""
        return dataclasses.replace(self, rows=self.rows[rows.numpy()])


class CompiledDecoder:
    """Steps as a `Seq2Seq` with a `BahdanauDecoder` does, by `stepping.step`.

    Its state is one tensor (B, 2L, H). Where numba is missing or cannot compile here, it is the
    model itself, and says so once. Several threads may use one: what moves is in memory and state
    alone.
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
        self._packed: _Packed | None = None
        self._kernel: ModuleType | None = None

    @torch.inference_mode()
    def start(self, source: Tensor, lengths: Tensor) -> tuple[Any, State]:
        """As `ConditionalLM.start`."""
        memory, state = self._model.start(source, lengths)
        with self._lock:
            if not self._is_ready:
                self._prepare()
        if self._kernel is None or self._packed is None:
            return memory, state

        annotations, keys, _ = LoopMemory(*memory)

        # What every position adds to gates and readout is W c_i = Σ_j α_ij W h_j: with W h_j
        # computed once, a step reads those and not W. They are wider than h_j, so it pays for
        # sources that are short together.
        weights = self._packed.weights
        if source.numel() <= annotations.shape[2]:
            weights = weights._replace(from_context=weights.from_context[:0])
            annotations = annotations @ self._packed.context.t()  # (U, S, 4H + E)
        compiled_memory = _Memory(
            np.arange(len(source)),
            lengths.numpy(),
            self._kernel.exponentials(keys.numpy()),
            np.ascontiguousarray(annotations.numpy()),
            weights,
        )
        return compiled_memory, (torch.stack(state, dim=1),)  # (B, 2L, H)

    def step(self, token: Tensor, memory: Any, state: State) -> tuple[Tensor, State, Tensor]:
        """As `ConditionalLM.step`."""
        if self._kernel is None or self._packed is None or not isinstance(memory, _Memory):
            return self._model.step(token, memory, state)
        # What the tokens add to gates and readout: rows of `added`, in which `places` finds them.
        added = self._packed.token_table
        places = token.numpy()  # (B,)
        if added is None:
            added = self._from_tokens(self._model.embedding(token)).detach().numpy()  # (B, 4H + E)
            places = np.arange(len(token))
        logits, after, alphas = self._kernel.step(
            places,
            added,
            state[0].numpy(),
            memory.rows,
            memory.lengths,
            memory.exp_keys,
            memory.values,
            *memory.weights,
        )
        return torch.from_numpy(logits), (torch.from_numpy(after),), torch.from_numpy(alphas)

    def _prepare(self) -> None:
        """Packs the weights and compiles the step, by taking one."""
        self._is_ready = True
        self._packed = self._pack()
        try:
            from novelgen.models.kernels import stepping

            self._take_empty_step(stepping, self._packed.weights)
            self._kernel = stepping
        except Exception as error:  # numba fails in many ways, and generation must not
            lines = str(error).splitlines() or [type(error).__name__]
            reason = lines[0][:_LONGEST_REASON]
            message = _("numba cannot be used, writing is slower: {reason}").format(reason=reason)
            print(message, file=sys.stderr, flush=True)

    def _pack(self) -> _Packed:
        """The model's weights as `stepping.step` reads them."""
        model = self._model
        decoder = self._decoder
        size = decoder.recurrent.in_features  # H
        memory_size = decoder.key.in_features  # M

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

        # 3. Contiguous copies.
        weights = _Weights(
            score=(-2 * decoder.score).numpy(),
            from_state=self._copy(torch.cat([decoder.query.weight, decoder.recurrent.weight])),
            from_context=self._copy(context),
            from_below=self._copy(from_below),
            upper_bias=upper_bias.numpy(),
            from_top=self._copy(from_top),
            output=self._copy(model.embedding.vocabulary),
            output_bias=model.output_bias.numpy().copy(),
        )
        return _Packed(weights, context, self._token_table(len(context)))

    def _token_table(self, width: int) -> Floats | None:
        """What every token adds to gates and readout, `width` float32; None where too large."""
        embedding = self._model.embedding
        if 4 * width * embedding.num_embeddings > self._largest_table:
            return None
        return self._from_tokens(embedding.weight).numpy()

    def _take_empty_step(self, stepping: ModuleType, weights: _Weights) -> None:
        """Compiles `stepping.step` for these weights: one row, one source of one position."""
        size = weights.from_state.shape[1]  # H
        width, memory_size = weights.from_context.shape  # 4H + E, M
        layers = 1 + len(weights.from_below)
        row = np.zeros(1, np.int64)
        key = np.ones((1, 1, len(weights.score)), np.float32)
        stepping.step(
            row,  # places
            np.zeros((1, width), np.float32),  # what the token adds
            np.zeros((1, 2 * layers, size), np.float32),  # state
            row,  # rows
            np.ones(1, np.int64),  # lengths
            stepping.exponentials(key),
            np.zeros((1, 1, memory_size), np.float32),  # values
            *weights,
        )

    def _from_tokens(self, embedded: Tensor) -> Tensor:
        """What tokens add to gates and readout, biases included: (N, E) → (N, 4H + E)."""
        readout = self._decoder.readout
        columns = readout.weight[:, -embedded.shape[1] :]  # (E, E): those for y
        gates = self._decoder.token(embedded)  # (N, 4H)
        return torch.cat([gates, linear(embedded, columns, readout.bias)], dim=1)

    def _copy(self, weight: Tensor) -> PackedWeight:
        """A contiguous copy: float32, or bfloat16 as uint16."""
        copied = weight.to(self._dtype).contiguous().clone()
        if self._dtype != torch.float32:
            copied = copied.view(torch.uint16)
        packed: PackedWeight = copied.numpy()
        return packed
