"""The fast twin of a trained model for writing on a CPU: the same `start` and `step`, with weights packed and code compiled."""

from __future__ import annotations

import dataclasses
import sys
import threading
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from novelgen.models.decoders import BahdanauDecoder
from novelgen.models.recurrent import State
from novelgen.models.seq2seq import Seq2Seq

# The tokens' share in gates and readout is looked up, not computed, where the table for all of them is no larger than this.
_LARGEST_TABLE = 2**26


def optimize_for_inference(model: Any, precision: str = "auto") -> Any:
    """What decoding should step: a `CompiledDecoder` where there is one for this model and device, else the model itself.

    precision is that of the weights that a step reads: "float32" gives the model's own texts; "bfloat16", which "auto" takes, is
    faster. The twin holds copies of the weights as they are when it is first used.
    """
    if not isinstance(model, Seq2Seq) or not isinstance(model.decoder, BahdanauDecoder):
        return model
    if (model.output_bias.device.type, model.output_bias.dtype) != ("cpu", torch.float32):
        return model
    return CompiledDecoder(model, torch.float32 if precision == "float32" else torch.bfloat16)


class _Weights(NamedTuple):
    """The last arguments of `stepping.step`, which says their shapes."""

    score: np.ndarray
    from_state: np.ndarray
    from_context: np.ndarray
    from_below: np.ndarray
    upper_bias: np.ndarray
    from_top: np.ndarray
    output: np.ndarray
    output_bias: np.ndarray


@dataclass(frozen=True)
class _Memory:
    """Sources as `stepping.step` reads them: each once, however many rows write from it."""

    rows: np.ndarray  # (B,) int64: which source a row writes from
    lengths: np.ndarray  # (U,) int64
    exp_keys: np.ndarray  # (U, S, A) float32: exp(2 U h_j)
    values: np.ndarray  # (U, S, M) or (U, S, 4H + E) float32
    weights: _Weights  # without `from_context` where the values need it no more

    def select(self, rows: Tensor) -> _Memory:
        """For the given rows; the sources stay where they are."""
        return dataclasses.replace(self, rows=self.rows[rows.numpy()])


class CompiledDecoder:
    """Writes as a `Seq2Seq` with a `BahdanauDecoder` does; `stepping.step` is what it calls.

    Its state is one tensor (B, 2L, H). Where numba is missing or cannot compile here, it is the model itself, and says so once.
    Several threads may use one: what moves is in memory and state alone.
    """

    def __init__(self, model: Seq2Seq, dtype: torch.dtype) -> None:
        self._model, self._dtype = model, dtype
        self._lock = threading.Lock()
        self._kernel: ModuleType | None = None
        self._is_ready = False

    @torch.inference_mode()
    def start(self, source: Tensor, lengths: Tensor) -> tuple[Any, State]:
        """As `ConditionalLM.start`."""
        memory, state = self._model.start(source, lengths)
        with self._lock:
            if not self._is_ready:
                self._prepare()
        if self._kernel is None:
            return memory, state
        weights, annotations = self._weights, memory.annotations
        # What every position adds to gates and readout is W c_i = Σ_j α_ij W h_j: with W h_j computed once, a step reads those and
        # not W. They are wider than h_j, so it pays for sources that are short together.
        if source.numel() <= annotations.shape[2]:
            weights, annotations = (
                weights._replace(from_context=weights.from_context[:0]),
                annotations @ self._context.t(),
            )
        return (
            _Memory(
                np.arange(len(source)),
                lengths.numpy(),
                self._kernel.exponentials(memory.keys.numpy()),
                np.ascontiguousarray(annotations.numpy()),
                weights,
            ),
            (torch.stack(state, dim=1),),
        )

    def step(self, token: Tensor, memory: Any, state: State) -> tuple[Tensor, State, Tensor]:
        """As `ConditionalLM.step`."""
        if not isinstance(memory, _Memory):
            return self._model.step(token, memory, state)
        if self._table is None:
            places, fixed = (
                np.arange(len(token)),
                self._token_share(self._model.embedding(token)).detach().numpy(),
            )
        else:
            places, fixed = token.numpy(), self._table
        logits, after, alphas = self._kernel.step(
            places,
            fixed,
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
        decoder = self._model.decoder
        size, memory_size = decoder.recurrent.in_features, decoder.key.in_features
        from_top, from_context, _ = decoder.readout.weight.split(
            [size, memory_size, self._model.embedding.embedding_dim], dim=1
        )
        self._context = torch.cat([decoder.context.weight, from_context])
        table = (
            4 * size + len(from_top)
        ) * self._model.embedding.num_embeddings <= _LARGEST_TABLE // 4
        self._table = self._token_share(self._model.embedding.weight).numpy() if table else None
        above = [
            torch.cat([layer.weight_ih_l0, layer.weight_hh_l0], dim=1) for layer in decoder.upper
        ]
        biases = [layer.bias_ih_l0 + layer.bias_hh_l0 for layer in decoder.upper]
        none = self._context.new_empty
        self._weights = _Weights(
            (-2 * decoder.score).numpy(),
            self._packed(torch.cat([decoder.query.weight, decoder.recurrent.weight])),
            self._packed(self._context),
            self._packed(torch.stack(above) if above else none(0, 4 * size, 2 * size)),
            (torch.stack(biases) if biases else none(0, 4 * size)).numpy(),
            self._packed(from_top),
            self._packed(self._model.embedding.vocabulary),
            self._model.output_bias.numpy().copy(),
        )
        try:
            from novelgen.models.kernels import stepping

            one, key = (
                np.zeros((1, 4 * size + len(from_top)), np.float32),
                np.ones((1, 1, len(decoder.score)), np.float32),
            )
            state = np.zeros((1, 2 + 2 * len(above), size), np.float32)
            stepping.step(
                np.zeros(1, np.int64),
                one,
                state,
                np.zeros(1, np.int64),
                np.ones(1, np.int64),
                stepping.exponentials(key),
                np.zeros((1, 1, memory_size), np.float32),
                *self._weights,
            )
            self._kernel = stepping
        except Exception as error:  # numba fails in many ways, and writing must not
            reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
            print(
                f"numba 用不了，写得慢些 | numba cannot be used, writing is slower: {reason}",
                file=sys.stderr,
                flush=True,
            )

    def _token_share(self, embedded: Tensor) -> Tensor:
        """What tokens add to gates and readout, biases included: (N, E) → (N, 4H + E)."""
        decoder = self._model.decoder
        of_token = decoder.readout.weight[:, -embedded.shape[1] :]
        return torch.cat(
            [
                decoder.token(embedded),
                nn.functional.linear(embedded, of_token, decoder.readout.bias),
            ],
            dim=1,
        )

    def _packed(self, weight: Tensor) -> np.ndarray:
        """A contiguous copy: float32, or bfloat16 as uint16."""
        packed = weight.to(self._dtype).contiguous().clone()
        return packed.numpy() if self._dtype == torch.float32 else packed.view(torch.uint16).numpy()
