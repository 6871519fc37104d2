"""Training steps recorded as CUDA graphs, one for every frequent shape of a batch, and replayed.

Replaying spares the launching of thousands of small kernels one by one. A recorded step repeats addresses and shapes, so batches are
padded to few shapes and copied into buffers that stay. Padding has no share in the loss; only dropout draws other numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from novelgen.data.pairs import Batch
from novelgen.errors import ConfigError, TrainingError
from novelgen.models.recurrent import token_mask

_FREQUENT = 3  # how often a shape must come before it is worth recording
_MOST_GRAPHS = 32
_WARM_UPS = 2  # compile kernels and let libraries take their workspaces, which cannot happen while recording

Shape = tuple[int, int, int]
Replay = Callable[[], object]
Recorder = Callable[[Callable[[], None]], Replay]


class _Step(NamedTuple):
    """A recorded step: what it reads, in the order of Batch's fields, what it divides by, what it leaves, and its replay."""

    inputs: tuple[Tensor, ...]
    tokens: Tensor
    nll_sum: Tensor
    replay: Replay


def rounded(size: int) -> int:
    """The next size that steps are recorded for: a multiple of 8, beyond 128 at most an eighth more than asked for."""
    unit = max(8, 1 << max(0, size.bit_length() - 4))
    return -(-size // unit) * unit


def padded(batch: Batch) -> Batch:
    """The same batch with `rounded` rows and lengths. Rows that were added have sources of one PAD and targets of no length."""
    (rows, source_size), target_size = batch.source.shape, batch.target.shape[1]
    more = rounded(rows) - rows

    def pad(ids: np.ndarray, size: int) -> np.ndarray:
        return np.pad(ids, ((0, more), (0, rounded(size) - size)))  # PAD is 0

    return Batch(
        pad(batch.source, source_size),
        np.pad(batch.source_lengths, (0, more), constant_values=1),
        pad(batch.target, target_size),
        np.pad(batch.target_lengths, (0, more)),
        np.pad(batch.characters, (0, more)),
        np.pad(batch.first, (0, more)),
    )


class RecordedSteps:
    """Gradients of whole batches by replayed steps. `record` turns a function without arguments into its replay."""

    def __init__(
        self, model: nn.Module, device: torch.device, precision: torch.dtype, record: Recorder
    ) -> None:
        self._model, self._device, self._precision, self._record = model, device, precision, record
        self._parameters = [
            parameter for parameter in model.parameters() if parameter.requires_grad
        ]
        self._gradients: list[Tensor] = []
        self._seen: Counter[Shape] = Counter()
        self._steps: dict[Shape, _Step] = {}

    def gradients(self, batch: Batch, tokens: int) -> float | None:
        """Sets the gradients of Σ nll_sum / tokens and returns Σ nll_sum; None for a shape that is not recorded, with nothing done."""
        batch = padded(batch)
        shape = (*batch.source.shape, batch.target.shape[1])
        self._seen[shape] += 1
        if shape not in self._steps:
            if self._seen[shape] < _FREQUENT or len(self._steps) == _MOST_GRAPHS:
                return None
            self._steps[shape] = self._make(batch)
        step = self._steps[shape]
        for given, values in zip(step.inputs, batch, strict=True):
            given.copy_(torch.from_numpy(values))
        step.tokens.fill_(tokens)
        step.replay()
        # The optimiser reads them before the next replay overwrites them.
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            parameter.grad = gradient
        return step.nll_sum.item()

    def _make(self, batch: Batch) -> _Step:
        if not self._gradients:
            self._gradients = [torch.zeros_like(parameter) for parameter in self._parameters]
        inputs = tuple(torch.from_numpy(values).to(self._device) for values in batch)
        tokens, nll_sum = (torch.ones((), device=self._device) for _ in range(2))
        source, source_lengths, target, target_lengths, _, first = inputs

        def run() -> None:
            with torch.autocast(
                self._device.type, dtype=self._precision, enabled=self._precision != torch.float32
            ):
                is_token = token_mask(target_lengths, target.shape[1])
                loss = self._model.static_nll_sum(
                    target, is_token, *self._model.start(source, source_lengths), first
                )
            torch._foreach_copy_(
                self._gradients, torch.autograd.grad(loss / tokens, self._parameters)
            )
            nll_sum.copy_(loss.detach())

        return _Step(inputs, tokens, nll_sum, self._record(run))


def record_steps(
    model: nn.Module, device: torch.device, precision: torch.dtype, processes: int = 1
) -> RecordedSteps:
    """RecordedSteps on CUDA. Raises ConfigError on other devices, for several processes and models whose steps cannot be recorded."""
    if device.type != "cuda":
        raise ConfigError(
            "--cuda-graph 只能在 CUDA 显卡上用；请去掉它，续训则用 --no-cuda-graph | this needs a CUDA device; leave it "
            "out, or resume with --no-cuda-graph"
        )
    if processes > 1:
        raise ConfigError(
            "--cuda-graph 只用于一个进程；请去掉它 | this is for one process only; leave it out"
        )
    if not hasattr(model, "static_nll_sum"):
        raise ConfigError(
            "--cuda-graph 不支持 --copy；请去掉其一 | --cuda-graph does not go with --copy; leave one of them out"
        )
    return RecordedSteps(model, device, precision, _CudaRecorder())


class _CudaRecorder:
    """Records CUDA graphs that share one pool of memory: they never run at the same time, and what they leave is not in it."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, run: Callable[[], None]) -> Replay:
        stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                run()
        torch.cuda.current_stream().wait_stream(stream)
        try:
            with torch.cuda.graph(graph, pool=self._pool, stream=stream):
                run()
        except RuntimeError as error:
            # What a broken recording leaves behind, of random numbers above all, is not to be trained with.
            reason = str(error).strip().splitlines()[0]
            raise TrainingError(
                "这个模型的训练步录不成 CUDA graph；请用 --resume --no-cuda-graph 接着训练 | a step could not "
                f"be recorded as a CUDA graph; go on with --resume --no-cuda-graph: {reason}"
            ) from error
        return graph.replay
