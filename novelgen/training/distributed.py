"""Training on several processes that `torchrun` started: who is who, and sums over all of them.

The processes are ranks of one group; each computes its rows of every batch. Sum, count, divide
once: all that is reduced are sums, and what decides (stop, best, budget) is decided by every rank
alike from reduced numbers. How gradients are summed: `novelgen.training.gradient_sum`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed as dist
from torch import nn

from novelgen.errors import ConfigError, NovelgenError
from novelgen.i18n import ngettext
from novelgen.training.collectives import collective
from novelgen.training.hardware import choose_device

if TYPE_CHECKING:
    # Not at run time: a torch may be built without it.
    from torch._C._distributed_c10d import Store

Value = TypeVar("Value")

# How long the others wait for what rank 0 alone does: importing 100 GB takes hours.
_PATIENCE = timedelta(days=7)


@dataclass(frozen=True)
class Ranks:
    """The group of processes as one of them sees it; by default this process alone."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # on this machine
    store: Store | None = None  # torchrun's: it outlives the ranks

    @property
    def is_first(self) -> bool:
        """Whether this is the rank that prints and writes."""
        return self.rank == 0

    def device(self, name: str) -> torch.device:
        """As `choose_device`; every rank of a machine takes a GPU of its own."""
        device = choose_device(name)
        if self.size == 1 or device.type != "cuda":
            return device
        count = torch.cuda.device_count()
        if self.local_rank >= count:
            raise ConfigError(
                ngettext(
                    "this machine has {count} GPU, fewer than --nproc-per-node; lower it",
                    "this machine has {count} GPUs, fewer than --nproc-per-node; lower it",
                    count,
                ).format(count=count)
            )
        torch.cuda.set_device(self.local_rank)
        return torch.device("cuda", self.local_rank)

    def share(self, indices: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """This rank's part of a batch's `indices` (B,), whose rows have `tokens` (B,) tokens.

        About as many tokens for every rank; a part may be empty. Neighbours in a batch are alike in
        length and stay together, which pads least.
        """
        if self.size == 1:
            return indices
        # A row belongs to the rank in whose part of the batch's tokens its middle is.
        ends = np.cumsum(tokens)
        owners = ((ends - tokens / 2) / ends[-1] * self.size).astype(np.int64)
        mine: NDArray[np.int64] = indices[owners == self.rank]
        return mine

    def sum(self, values: Sequence[float]) -> list[float]:
        """The sums over all ranks, in float64."""
        if self.size == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64)
        collective(dist.all_reduce, sums)
        totals: list[float] = sums.tolist()
        return totals

    def any(self, value: bool) -> bool:
        """Whether it is so on any rank."""
        return self.sum([float(value)])[0] > 0

    def broadcast(self, value: float) -> float:
        """The value of rank 0."""
        if not self.is_first:
            value = 0.0
        return self.sum([value])[0]

    def run_on_rank0(self, work: Callable[[], Value]) -> Value:
        """What `work` returns on rank 0, the only one to do it.

        The others wait, for days if need be. Where it fails rank 0 raises and the others leave.
        """
        store = self.store
        if self.size == 1 or store is None:
            return work()
        # Every rank counts its own calls, and so all agree on the name of this one.
        number = store.add(f"novelgen/calls/{self.rank}", 1)
        key = f"novelgen/done/{number}"
        result: list[Any] = [None]
        if self.is_first:
            try:
                result = [work()]
            except BaseException:
                store.set(key, "failed")
                raise
            store.set(key, "done")
        else:
            collective(store.wait, [key], _PATIENCE)
            if store.get(key) == b"failed":
                raise SystemExit(2)
        collective(dist.broadcast_object_list, result, device=torch.device("cpu"))
        value: Value = result[0]
        return value

    def sync_parameters(self, model: nn.Module) -> None:
        """Gives every rank the weights of rank 0, bit for bit.

        Other processors may have drawn weights that differ in their last bits.
        """
        if self.size == 1:
            return
        for tensor in model.state_dict().values():
            collective(dist.broadcast, tensor, src=0)


SINGLE_PROCESS = Ranks()


@contextlib.contextmanager
def init_distributed() -> Iterator[Ranks]:
    """The group that torchrun's environment variables describe, or this process alone.

    The group is left at the end. Only rank 0 prints. Of the errors that end a job only the first to
    happen is reported, by whichever rank: the others follow from it.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or "RANK" not in os.environ:
        yield SINGLE_PROCESS
        return
    from torch.distributed.rendezvous import rendezvous

    store, rank, size = next(rendezvous("env://"))
    # Gradients are summed by NCCL between GPUs, everything else by gloo.
    backend = "gloo"
    if torch.cuda.is_available() and dist.is_nccl_available():
        backend = "cpu:gloo,cuda:nccl"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size)
    with contextlib.ExitStack() as stack:
        # What the other ranks print would be the same lines again.
        if rank:
            nowhere = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(nowhere))
        try:
            yield Ranks(rank, size, int(os.environ.get("LOCAL_RANK", "0")), store)
        except (NovelgenError, KeyboardInterrupt):
            sys.stdout.flush()
            if _is_reported(store):
                raise SystemExit(2) from None
            raise
    dist.destroy_process_group()


def _is_reported(store: Store) -> bool:
    """Whether another rank has reported already what went wrong; from now on one has."""
    try:
        return store.add("novelgen/reported", 1) > 1
    except RuntimeError:  # the store is gone too
        return False
