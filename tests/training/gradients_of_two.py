"""Run by torchrun: writes the gradients of some batches, as each rank has them.

They go into the directory that is its argument.
"""

import sys
from pathlib import Path

import torch

from novelgen.training.batch_gradients import BatchGradients
from novelgen.training.distributed import Ranks, init_distributed
from novelgen.training.gradient_sum import GradientSum
from novelgen.training.trainer import Trainer
from tests.training.conftest import sums


def fails_once_after(gradient_sum: GradientSum, buckets: int) -> None:
    """Memory runs out in the backward pass, when that many buckets have been sent."""
    send = gradient_sum._send

    def send_until_it_fails() -> None:
        if len(gradient_sum._sent) == buckets and gradient_sum._missing is not None:
            gradient_sum._send = send
            raise torch.OutOfMemoryError("pretended")
        send()

    gradient_sum._send = send_until_it_fails


def prepared(directory: Path, ranks: Ranks) -> Trainer:
    directory = directory / f"rank{ranks.rank}"
    directory.mkdir(exist_ok=True)
    trainer = sums(directory).trainer(dropout=0.0)
    trainer._batch_gradients = BatchGradients(
        trainer.model,
        trainer.config,
        trainer.device,
        torch.float32,
        ranks,
        trainer._prefetcher,
        print,
        bucket_bytes=2000,
    )
    assert len(trainer._batch_gradients.gradient_sum._buckets) > 5
    return trainer


def main(directory: Path) -> None:
    with init_distributed() as ranks:
        for case in ("buckets", "out_of_memory", "one_row"):
            trainer = prepared(directory, ranks)
            indices = trainer._plan(0).batches[0]
            if case == "one_row":
                indices = indices[:1]
            slices = 1
            if case == "out_of_memory" and ranks.rank == 1:
                fails_once_after(trainer._batch_gradients.gradient_sum, 3)
                slices = 2
            total = trainer._gradients(indices)
            assert trainer._batch_gradients.slices == slices
            gradients = {
                name: parameter.grad for name, parameter in trainer.model.named_parameters()
            }
            torch.save(
                {"total": list(vars(total).values()), "gradients": gradients},
                directory / f"{case}-{ranks.rank}.pt",
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
