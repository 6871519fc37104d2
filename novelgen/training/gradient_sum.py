"""The sum of all ranks' gradients, computed while the backward pass goes on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch import distributed as dist

from novelgen.training.collectives import collective
from novelgen.training.distributed import Ranks

if TYPE_CHECKING:
    # Not at run time: a torch may be built without it.
    from torch._C._distributed_c10d import Work

# As DistributedDataParallel has it (Li et al., 2020): large enough to be fast, small enough to
# overlap with the backward pass.
BUCKET_BYTES = 25 * 2**20


class GradientSum:
    """The gradients of some parameters summed over all ranks, during the backward pass.

    As in DistributedDataParallel (Li et al., 2020) gradients gather in buckets, the model's last
    parameters first, and a bucket is sent as soon as it is full. DistributedDataParallel itself
    would not do: the loss is more than one forward, a rank may have no row of a batch, and a
    backward pass that runs out of memory is taken again in smaller parts. What was sent by then is
    finished and is not sent twice, so that every rank sends each bucket once, in the same order.

    A parameter without a gradient here counts as zero. The buckets take as much memory again as the
    gradients.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], ranks: Ranks, bucket_bytes: int = BUCKET_BYTES
    ) -> None:
        self._buckets: list[_Bucket] = []
        self._sent: list[Work] = []  # of the first so many buckets
        # Gradients that each bucket waits for, during a step's last backward pass.
        self._missing: list[int] | None = None
        if ranks.size == 1:
            return
        # The backward pass comes to the last parameters first.
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
            # torch leaves this method untyped.
            parameter.register_post_accumulate_grad_hook(  # type: ignore[no-untyped-call]
                lambda _parameter: self._arrived(number)
            )

    def backward(self, loss: Tensor, *, is_last: bool) -> None:
        """Differentiates a part of the step's loss.

        During the last part buckets are sent as they fill.
        """
        self._missing = None
        if is_last:
            self._missing = [len(bucket.parameters) for bucket in self._buckets]
        torch.autograd.backward(loss)

    def finish(self) -> None:
        """Leaves the sums in the parameters' `grad`; once a step.

        Sends the buckets that are not sent yet, and waits for all.
        """
        self._missing = None
        while len(self._sent) < len(self._buckets):
            self._send()
        for bucket, work in zip(self._buckets, self._sent, strict=True):
            collective(work.wait)
            bucket.hand_back()
        self._sent = []

    def _arrived(self, number: int) -> None:
        """A gradient of a bucket is there: sends the buckets that are full, in their order."""
        if self._missing is None:
            return
        self._missing[number] -= 1
        while len(self._sent) < len(self._buckets) and self._missing[len(self._sent)] <= 0:
            self._send()

    def _send(self) -> None:
        bucket = self._buckets[len(self._sent)]
        bucket.gather()
        self._sent.append(collective(dist.all_reduce, bucket.flat, async_op=True))


class _Bucket:
    """Parameters whose gradients are sent together, as one flat tensor."""

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        self.parameters = parameters
        first = parameters[0]
        sizes = [parameter.numel() for parameter in parameters]
        self.flat = torch.zeros(sum(sizes), dtype=first.dtype, device=first.device)
        # Each parameter's part of `flat`, in its own shape.
        parts = torch.split(self.flat, sizes)
        self._views = [
            part.view_as(parameter) for part, parameter in zip(parts, parameters, strict=True)
        ]

    def gather(self) -> None:
        """Copies the parameters' gradients into `flat`."""
        for parameter, view in zip(self.parameters, self._views, strict=True):
            if parameter.grad is None:
                view.zero_()
            else:
                view.copy_(parameter.grad)

    def hand_back(self) -> None:
        """Makes the parts of `flat` the parameters' gradients."""
        for parameter, view in zip(self.parameters, self._views, strict=True):
            parameter.grad = view


def _bytes(parameters: Sequence[nn.Parameter]) -> int:
    return sum(parameter.numel() * parameter.element_size() for parameter in parameters)
