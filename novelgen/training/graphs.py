"""Training steps recorded as CUDA graphs, one for every frequent shape of a batch, and replayed.

Replaying spares the launching of thousands of small kernels one by one. A recorded step repeats
addresses and shapes, so batches are padded to few shapes and copied into buffers that stay. Padding
has no share in the loss; only dropout draws other numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from novelgen.data.pairs import Batch
from novelgen.errors import ConfigError, TrainingError
from novelgen.i18n import _
from novelgen.models.recurrent import token_mask

FREQUENT = 3  # how often a shape must come before it is worth recording
MOST_STEPS = 32
# They compile kernels and let libraries take their workspaces, which cannot happen while recording.
_WARM_UPS = 2

Shape = tuple[int, int, int]  # B, S, T
Replay = Callable[[], object]
Recorder = Callable[[Callable[[], None]], Replay]


class _Step(NamedTuple):
    """A recorded step: the buffers that it reads and writes, and its replay."""

    inputs: tuple[Tensor, ...]  # in the order of Batch's fields
    tokens: Tensor  # () what the loss is divided by
    nll_sum: Tensor  # () what it leaves, beside the gradients
    replay: Replay


def rounded(size: int) -> int:
    """The next size that steps are recorded for.

    A multiple of 8, beyond 128 at most an eighth more than asked for.
    """
    unit = max(8, 1 << max(0, size.bit_length() - 4))
    return -(-size // unit) * unit


def padded(batch: Batch) -> Batch:
    """The same batch with `rounded` rows and lengths.

    Rows that were added have sources of one PAD and targets of no length.
    """
    rows, source_size = batch.source.shape
    target_size = batch.target.shape[1]
    more = rounded(rows) - rows

    def pad(ids: NDArray[np.int64], size: int) -> NDArray[np.int64]:
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
    """Gradients of whole batches by replayed steps.

    `record` turns a function without arguments into its replay. A shape is recorded when it comes
    for the `frequent`-th time, as long as fewer than `most` are.
    """

    def __init__(
        self,
        model: nn.Module,
        device: torch.device,
        precision: torch.dtype,
        record: Recorder,
        *,
        frequent: int = FREQUENT,
        most: int = MOST_STEPS,
    ) -> None:
        self._model: Any = model  # every variant that can be recorded has `static_nll_sum`
        self._device = device
        self._precision = precision
        self._record = record
        self._frequent = frequent
        self._most = most
        self._parameters = [
            parameter for parameter in model.parameters() if parameter.requires_grad
        ]
        self._gradients: list[Tensor] = []  # of the parameters, shared by all steps
        self._seen: Counter[Shape] = Counter()
        self._steps: dict[Shape, _Step] = {}

    def gradients(self, batch: Batch, tokens: int) -> float | None:
        """Sets the gradients of Σ nll_sum / tokens and returns Σ nll_sum.

        None for a shape that is not recorded, with nothing done.
        """
        # 1. The step of the batch's shape, recorded when the shape has come often enough.
        batch = padded(batch)
        rows, source_size = batch.source.shape
        shape = (rows, source_size, batch.target.shape[1])
        self._seen[shape] += 1
        if shape not in self._steps:
            if self._seen[shape] < self._frequent or len(self._steps) == self._most:
                return None
            self._steps[shape] = self._make(batch)
        step = self._steps[shape]
        # 2. The batch into the step's buffers, and the replay.
        for buffer, values in zip(step.inputs, batch, strict=True):
            buffer.copy_(torch.from_numpy(values))
        step.tokens.fill_(tokens)
        step.replay()
        # 3. The optimiser reads the gradients before the next replay overwrites them.
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            parameter.grad = gradient
        return step.nll_sum.item()

    def _make(self, batch: Batch) -> _Step:
        """Records the step of a batch's shape."""
        if not self._gradients:
            self._gradients = [torch.zeros_like(parameter) for parameter in self._parameters]
        inputs = tuple(torch.from_numpy(values).to(self._device) for values in batch)
        named = dict(zip(Batch._fields, inputs, strict=True))
        tokens = torch.ones((), device=self._device)
        nll_sum = torch.ones((), device=self._device)
        uses_autocast = self._precision != torch.float32

        def run() -> None:
            with torch.autocast(self._device.type, dtype=self._precision, enabled=uses_autocast):
                target = named["target"]  # (B, T)
                is_token = token_mask(named["target_lengths"], target.shape[1])  # (B, T)
                start = self._model.start(named["source"], named["source_lengths"])
                loss = self._model.static_nll_sum(target, is_token, *start, named["first"])
            found = torch.autograd.grad(loss / tokens, self._parameters)
            torch._foreach_copy_(self._gradients, found)
            nll_sum.copy_(loss.detach())

        return _Step(inputs, tokens, nll_sum, self._record(run))


def record_steps(
    model: nn.Module, device: torch.device, precision: torch.dtype, processes: int = 1
) -> RecordedSteps:
    """RecordedSteps on CUDA.

    Raises ConfigError on other devices, for several processes, and for models whose steps cannot be
    recorded.
    """
    if device.type != "cuda":
        raise ConfigError(
            _(
                "--cuda-graph: this needs a CUDA device; leave it out, or resume with "
                "--no-cuda-graph"
            )
        )
    if processes > 1:
        raise ConfigError(_("--cuda-graph: this is for one process only; leave it out"))
    if not hasattr(model, "static_nll_sum"):
        raise ConfigError(_("--cuda-graph does not go with --copy; leave one of them out"))
    return RecordedSteps(model, device, precision, _CudaRecorder())


class _CudaRecorder:
    """Records CUDA graphs that share one pool of memory.

    They never run at the same time, and what they leave is not in the pool.
    """

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, run: Callable[[], None]) -> Replay:
        # torch leaves its constructor untyped.
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        graph = torch.cuda.CUDAGraph()
        # 1. Warm up, on the stream that records.
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _warm_up in range(_WARM_UPS):
                run()
        torch.cuda.current_stream().wait_stream(stream)
        # 2. Record.
        try:
            with torch.cuda.graph(graph, pool=self._pool, stream=stream):
                run()
        except RuntimeError as error:
            # A broken recording leaves a state behind, of random numbers above all, that must not
            # be trained with.
            reason = str(error).strip().splitlines()[0]
            raise TrainingError(
                _(
                    "a step of this model could not be recorded as a CUDA graph; go on with "
                    "--resume --no-cuda-graph ({reason})"
                ).format(reason=reason)
            ) from error
        return graph.replay
