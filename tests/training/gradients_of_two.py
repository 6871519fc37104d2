"""Run by torchrun: writes the gradients of some batches, as each rank has them.

They go into the directory that is its argument.
"""

import sys
from pathlib import Path

import torch
from torch import distributed, nn

from novelgen.training.distributed import Ranks, init_distributed
from tests.training.conftest import of_batch, sums


class CountedSends:
    """Counts the buckets of gradients that are sent.

    All of a model's parameters are to be watched: memory runs out in the backward pass, once, when
    `failing_at` buckets have been sent, or more.
    """

    def __init__(self) -> None:
        self.count = 0
        self.failing_at: int | None = None
        self._all_reduce = distributed.all_reduce
        distributed.all_reduce = self._counted

    def _counted(self, tensor: torch.Tensor, *, async_op: bool = False) -> object:
        # What is not sent asynchronously is the loss and its counts.
        self.count += async_op
        return self._all_reduce(tensor, async_op=async_op)

    def watch(self, parameter: nn.Parameter) -> None:
        parameter.register_post_accumulate_grad_hook(self._fail_once)

    def _fail_once(self, _parameter: nn.Parameter) -> None:
        # A gradient may fill several buckets at once.
        if self.failing_at is not None and self.count >= self.failing_at:
            self.failing_at = None
            raise torch.OutOfMemoryError("pretended")


def probe(case: str, directory: Path, ranks: Ranks, sends: CountedSends) -> None:
    workshop = sums(directory)
    model = workshop.model(dropout=0.0)
    gradients = workshop.gradients(model, ranks, bucket_bytes=2000, dropout=0.0)
    indices = workshop.plan().batches[0]
    if case == "one_row":
        indices = indices[:1]
    sends.count = 0
    slices = 1
    if case == "out_of_memory" and ranks.rank == 1:
        sends.failing_at = 3
        slices = 2
        # Behind the hooks that send.
        for parameter in model.parameters():
            sends.watch(parameter)
    total = of_batch(gradients, workshop.train, indices)
    assert sends.failing_at is None
    assert sends.count > 5
    assert gradients.slices == slices
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    torch.save(
        {"total": list(vars(total).values()), "gradients": found},
        directory / f"{case}-{ranks.rank}.pt",
    )


def main(directory: Path) -> None:
    with init_distributed() as ranks:
        sends = CountedSends()
        for case in ("buckets", "out_of_memory", "one_row"):
            probe(case, directory, ranks, sends)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
