"""Training on several processes that `torchrun` started: who is who, sums over all of them, gradients summed on the way.

The processes are ranks of one group; each computes its rows of every batch. Sum, count, divide once: all that is reduced
are sums, and what decides (stop, best, budget) is decided by every rank alike from reduced numbers.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch import distributed as dist

from novelgen.errors import ConfigError, NovelgenError, TrainingError
from novelgen.training.hardware import choose_device

Value = TypeVar("Value")

BUCKET_BYTES = (
    25 * 2**20
)  # as DistributedDataParallel has it (Li et al., 2020): large enough to be fast, small enough to overlap
_PATIENCE = timedelta(days=7)  # for what the first rank alone does: importing 100 GB takes hours


@dataclass(frozen=True)
class Ranks:
    """The group of processes as one of them sees it; by default this process alone, for which everything is at hand."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # on this machine
    store: dist.Store | None = None  # torchrun's: it outlives the ranks

    @property
    def is_first(self) -> bool:
        """Whether this is the rank that prints and writes."""
        return self.rank == 0

    def device(self, name: str) -> torch.device:
        """As `choose_device`; every rank of a machine takes a GPU of its own."""
        device = choose_device(name)
        if self.size == 1 or device.type != "cuda":
            return device
        if self.local_rank >= torch.cuda.device_count():
            raise ConfigError(
                f"这台机器只有 {torch.cuda.device_count()} 块显卡，少于 torchrun 的 --nproc-per-node；请调小 | this machine "
                "has fewer GPUs than --nproc-per-node; lower it"
            )
        torch.cuda.set_device(self.local_rank)
        return torch.device("cuda", self.local_rank)

    def share(self, indices: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """This rank's run of a batch's `indices` (B,), whose rows have `tokens` (B,); about as many tokens for everyone.

        Neighbours in a batch are alike in length and stay together, which pads least. May be empty.
        """
        if self.size == 1:
            return indices
        ends = np.cumsum(tokens)
        owners = ((ends - tokens / 2) / ends[-1] * self.size).astype(
            np.int64
        )  # by where a row's middle lies
        return indices[owners == self.rank]

    def sum(self, values: Sequence[float]) -> list[float]:
        """The sums over all ranks, in float64."""
        if self.size == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64)
        _collective(dist.all_reduce, sums)
        return sums.tolist()

    def any(self, value: bool) -> bool:
        """Whether it is so on any rank."""
        return self.sum([float(value)])[0] > 0

    def broadcast(self, value: float) -> float:
        """The first rank's value."""
        return self.sum([value if self.is_first else 0.0])[0]

    def run_on_rank0(self, work: Callable[[], Value]) -> Value:
        """What `work` gives on the first rank, the only one to do it; the others wait, for days if need be.

        Where it fails the first rank raises and the others leave.
        """
        if self.size == 1:
            return work()
        key = f"novelgen/done/{self.store.add(f'novelgen/calls/{self.rank}', 1)}"
        result = [None]
        if self.is_first:
            try:
                result = [work()]
            except BaseException:
                self.store.set(key, "failed")
                raise
            self.store.set(key, "done")
        else:
            _collective(self.store.wait, [key], _PATIENCE)
            if self.store.get(key) == b"failed":
                raise SystemExit(2)
        _collective(dist.broadcast_object_list, result, device=torch.device("cpu"))
        return result[0]

    def sync_parameters(self, model: nn.Module) -> None:
        """Gives every rank the first one's weights, bit for bit: other processors may have drawn other last bits."""
        if self.size > 1:
            for tensor in model.state_dict().values():
                _collective(dist.broadcast, tensor, src=0)


SINGLE_PROCESS = Ranks()


@contextlib.contextmanager
def init_distributed() -> Iterator[Ranks]:
    """The group that torchrun's environment variables describe, or this process alone; left at the end.

    Only the first rank prints, and of the mistakes that end a job only the first to happen is told, by whichever rank: the
    others follow from it. The gradients travel by NCCL between GPUs, everything else by gloo.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or "RANK" not in os.environ:
        yield SINGLE_PROCESS
        return
    store, rank, size = next(dist.rendezvous("env://"))
    has_nccl = torch.cuda.is_available() and dist.is_nccl_available()
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if has_nccl else "gloo", store=store, rank=rank, world_size=size
    )
    with contextlib.ExitStack() as stack:
        if rank:
            nowhere = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(nowhere))
        try:
            yield Ranks(rank, size, int(os.environ.get("LOCAL_RANK", "0")), store)
        except (NovelgenError, KeyboardInterrupt):
            sys.stdout.flush()
            if _is_told(store):
                raise SystemExit(2) from None
            raise
    dist.destroy_process_group()


def _is_told(store: dist.Store) -> bool:
    """Whether another rank has said already what went wrong; from now on one has."""
    try:
        return store.add("novelgen/told", 1) > 1
    except RuntimeError:  # the store went too
        return False


def _collective(function: Callable[..., Value], *args: Any, **options: Any) -> Value:
    """Calls one of torch.distributed's functions; raises TrainingError when another rank is no more there to answer."""
    try:
        return function(*args, **options)
    except RuntimeError as error:
        reason = re.sub(r"^\[\S*\] ", "", str(error).splitlines()[0])[
            :120
        ]  # without the place in torch's source
        raise TrainingError(
            "另一个训练进程意外结束了（被杀、断网或内存不足）；最后一次存盘完好，用 --resume 接着练，进程数可以不同"
            " | another process of this training ended unexpectedly (killed, out of memory, network lost); the "
            f"last save is whole: go on with --resume, with any number of processes ({reason})"
        ) from None


class GradientSum:
    """The gradients of some parameters summed over all ranks, while the backward pass is still at work.

    As in DistributedDataParallel (Li et al., 2020) gradients gather in buckets, the model's last parameters first, and a
    bucket sets off as soon as it is full. Its own, because the loss is more than one forward, a rank may have no row of a
    batch, and a backward pass that runs out of memory is taken again in smaller parts: what has set off by then is
    finished and is not sent twice, so that every rank sends each bucket once, in the same order. A parameter without a
    gradient here counts as zero. The buckets take as much memory again as the gradients.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], ranks: Ranks, bucket_bytes: int = BUCKET_BYTES
    ) -> None:
        self._buckets: list[_Bucket] = []
        self._sent: list[dist.Work] = []
        self._missing: list[int] | None = (
            None  # gradients that each bucket waits for, during a step's last backward pass
        )
        if ranks.size == 1:
            return
        chosen: list[nn.Parameter] = []
        for parameter in reversed(list(parameters)):
            if chosen and _bytes([*chosen, parameter]) > bucket_bytes:
                self._add(chosen)
                chosen = []
            chosen.append(parameter)
        self._add(chosen)

    def _add(self, parameters: list[nn.Parameter]) -> None:
        number = len(self._buckets)
        self._buckets.append(_Bucket(parameters))
        for parameter in parameters:
            parameter.register_post_accumulate_grad_hook(lambda _: self._arrived(number))

    def backward(self, loss: Tensor, *, is_last: bool) -> None:
        """Differentiates a part of the step's loss; during the last part the buckets set off as they fill."""
        self._missing = [len(bucket.parameters) for bucket in self._buckets] if is_last else None
        loss.backward()

    def finish(self) -> None:
        """Sends the rest, waits for all, and leaves the sums in the parameters' `grad`; once a step."""
        self._missing = None
        while len(self._sent) < len(self._buckets):
            self._send()
        for bucket, work in zip(self._buckets, self._sent, strict=True):
            _collective(work.wait)
            bucket.hand_back()
        self._sent = []

    def _arrived(self, number: int) -> None:
        if self._missing is None:
            return
        self._missing[number] -= 1
        while len(self._sent) < len(self._buckets) and self._missing[len(self._sent)] <= 0:
            self._send()

    def _send(self) -> None:
        bucket = self._buckets[len(self._sent)]
        bucket.gather()
        self._sent.append(_collective(dist.all_reduce, bucket.flat, async_op=True))


class _Bucket:
    """Parameters whose gradients travel together, as one flat tensor."""

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        self.parameters = parameters
        first = parameters[0]
        self.flat = torch.zeros(
            sum(parameter.numel() for parameter in parameters),
            dtype=first.dtype,
            device=first.device,
        )
        parts = self.flat.split([parameter.numel() for parameter in parameters])
        self._views = [
            part.view_as(parameter) for part, parameter in zip(parts, parameters, strict=True)
        ]

    def gather(self) -> None:
        for parameter, view in zip(self.parameters, self._views, strict=True):
            if parameter.grad is None:
                view.zero_()
            else:
                view.copy_(parameter.grad)

    def hand_back(self) -> None:
        for parameter, view in zip(self.parameters, self._views, strict=True):
            parameter.grad = view


def _bytes(parameters: Sequence[nn.Parameter]) -> int:
    return sum(parameter.numel() * parameter.element_size() for parameter in parameters)
