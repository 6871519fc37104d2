"""Those who train side by side on the same batches.

A contestant takes `steps` training steps and says how long it took.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.peers.eager import EagerSeq2Seq
from benchmarks.peers.gpt import DecoderOnlyTransformer, one_sequence
from benchmarks.peers.joeynmt_translation import Recipe, configuration
from benchmarks.peers.worker import Worker
from novelgen.config import Config
from novelgen.data.pairs import Batch, Pairs
from novelgen.models.build import build_model
from novelgen.training.checkpoint import RunDirectory
from novelgen.training.epochs import EpochPlan
from novelgen.training.hardware import choose_precision, tune_malloc
from novelgen.training.schedule import Schedule
from novelgen.training.trainer import Trainer

LEARNING_RATE = 3e-3  # of all contestants


class Contestant(Protocol):
    """A model in training."""

    precision: str
    parameters: int

    def run(self, steps: int) -> float:
        """Takes the next steps, over and over through the same batches; returns seconds."""


@dataclass(frozen=True)
class Race:
    """What is the same for everybody: `plan` is the batches as indices into `pairs`."""

    config: Config
    vocabulary_size: int
    pairs: Pairs
    plan: list[np.ndarray]
    device: torch.device
    threads: int

    @property
    def batches(self) -> list[Batch]:
        """The batches themselves."""
        return [self.pairs.batch(indices) for indices in self.plan]


def timed(steps: int, step: Callable[[], object], device: torch.device) -> float:
    """Seconds until the device has done all of them."""
    start = time.perf_counter()
    for _ in range(steps):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def size_of(model: nn.Module) -> int:
    """Parameters; what is tied counts once."""
    return sum(parameter.numel() for parameter in model.parameters())


class Ours:
    """novelgen's model as its Trainer trains it; with another time loop if one is given."""

    def __init__(self, race: Race, loop: Callable[..., Any] | None = None) -> None:
        config = race.config.replace(
            max_steps=10**9,
            batch_tokens=3200,
            warmup_steps=50,
            learning_rate=LEARNING_RATE,
            device=race.device.type,
        ).training
        torch.manual_seed(1)
        model = build_model(race.config.model, race.vocabulary_size).train()
        if loop is not None:
            model.decoder.loop = loop
        # Nothing is written into the directory: no step is saved.
        run = RunDirectory(Path(tempfile.gettempdir()))
        self._trainer = Trainer(model, config, race.pairs, {"next": race.pairs}, run)
        # The batches of the race, instead of those that would be planned.
        self._trainer.schedule = Schedule(
            config, lambda epoch: EpochPlan(epoch, race.pairs, race.plan)
        )
        precision = choose_precision(config.precision, race.device)
        self.precision = str(precision).removeprefix("torch.")
        self.parameters = size_of(model)

    def run(self, steps: int) -> float:
        """As `Contestant`; without the line that people see while training."""
        with contextlib.redirect_stdout(io.StringIO()):
            return timed(steps, self._trainer.step, self._trainer.device)


class _Loop:
    """A training loop as it is usually written."""

    precision = "float32"

    def __init__(self, race: Race, model: nn.Module) -> None:
        self._race, self.model, self._taken = race, model.to(race.device).train(), 0
        self._optimizer = torch.optim.AdamW(self.model.parameters(), lr=LEARNING_RATE, fused=True)
        self.parameters = size_of(model)

    def run(self, steps: int) -> float:
        """As `Contestant`."""
        return timed(steps, self._step, self._race.device)

    def _step(self) -> None:
        batch = self._race.pairs.batch(self._race.plan[self._taken % len(self._race.plan)])
        self._taken += 1
        self._optimizer.zero_grad()
        loss = self.loss(*(torch.from_numpy(part) for part in batch[:4]))
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self._race.config.training.clip_norm)
        self._optimizer.step()
        loss.item()

    def loss(
        self, source: Tensor, source_lengths: Tensor, target: Tensor, target_lengths: Tensor
    ) -> Tensor:
        """The mean loss of a token."""
        raise NotImplementedError


class Eager(_Loop):
    """Our model in plain PyTorch, in float32."""

    def __init__(self, race: Race) -> None:
        super().__init__(race, EagerSeq2Seq(race.config.model, race.vocabulary_size))

    def loss(
        self, source: Tensor, source_lengths: Tensor, target: Tensor, target_lengths: Tensor
    ) -> Tensor:
        """As `_Loop`."""
        device = self._race.device
        return self.model(source.to(device), source_lengths, target.to(device))


class Gpt(_Loop):
    """A decoder-only transformer of as many parameters as ours, in our precision."""

    def __init__(self, race: Race) -> None:
        config, longest = (
            race.config.model,
            max(batch.source.shape[1] + batch.target.shape[1] for batch in race.batches),
        )
        wanted = size_of(build_model(config, race.vocabulary_size))
        super().__init__(
            race,
            DecoderOnlyTransformer(
                race.vocabulary_size, config.embedding_size, longest, wanted, config.dropout
            ),
        )
        self._dtype = choose_precision(race.config.training.precision, race.device)
        self.precision = str(self._dtype).removeprefix("torch.")

    def loss(
        self, source: Tensor, source_lengths: Tensor, target: Tensor, target_lengths: Tensor
    ) -> Tensor:
        """As `_Loop`."""
        tokens, is_target = (
            part.to(self._race.device)
            for part in one_sequence(source, source_lengths, target, target_lengths)
        )
        with torch.autocast(
            self._race.device.type, dtype=self._dtype, enabled=self._dtype != torch.float32
        ):
            return self.model(tokens, is_target)


class Apart:
    """A contestant in a process of its own, where OMP_WAIT_POLICY is what PyTorch's users have."""

    def __init__(
        self,
        contestant: Callable[[Race], Contestant],
        make_race: Callable[[Any], Race],
        args: Any,
    ) -> None:
        """`contestant` of `make_race(args)`: all three are sent to the process."""
        context = multiprocessing.get_context("spawn")
        self._pipe, other_end = context.Pipe()
        own_policy = os.environ.pop("OMP_WAIT_POLICY", None)
        arguments = (other_end, contestant, make_race, args)
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        if own_policy is not None:
            os.environ["OMP_WAIT_POLICY"] = own_policy
        self.precision, self.parameters = self._pipe.recv()

    def run(self, steps: int) -> float:
        """As `Contestant`."""
        self._pipe.send(steps)
        return self._pipe.recv()

    def close(self) -> None:
        """Ends the process."""
        self._pipe.send(None)
        self._process.join()


def _serve(
    pipe: Any, contestant: Callable[[Race], Contestant], make_race: Callable[[Any], Race], args: Any
) -> None:
    """Runs a contestant as the other end of a pipe asks for."""
    if args.threads:
        torch.set_num_threads(args.threads)
    tune_malloc()
    runner = contestant(make_race(args))
    pipe.send((runner.precision, runner.parameters))
    while (steps := pipe.recv()) is not None:
        pipe.send(runner.run(steps))


class JoeyNMT:
    """JoeyNMT 2.3 in its own environment, driven over a pipe, in float32 as is its default."""

    precision = "float32"

    def __init__(self, race: Race, environment: Path) -> None:
        self._directory = tempfile.TemporaryDirectory()
        batches = Path(self._directory.name) / "batches.npz"
        np.savez(
            batches,
            **{
                f"{name}{number}": part
                for number, batch in enumerate(race.batches)
                for name, part in zip(("source", "lengths", "target"), batch[:3], strict=True)
            },
        )
        model = race.config.model
        config = configuration(
            Path(self._directory.name), Recipe(10**9, 1e-3, model.dropout, race.device.type), 1
        )
        config["model"]["tied_embeddings"] = True  # source and target have one vocabulary, as ours
        self._worker = Worker(environment, "joeynmt_worker.py")
        hello = self._worker.ask(
            {
                "threads": race.threads,
                "batches": str(batches),
                "vocabulary_size": race.vocabulary_size,
                "config": config,
            }
        )
        if hello["device"] != race.device.type:  # it falls back to the CPU without a word
            raise SystemExit(
                f"JoeyNMT's torch {hello['torch']} cannot use {race.device.type}; "
                "build its environment with "
                "--torch-index '', or leave it out: --without joeynmt"
            )
        self.parameters = hello["parameters"]
        # Real target tokens, by its own count: that they are ours says that it trains on the same
        # batches.
        self._tokens = [int(batch.target_lengths.sum()) for batch in race.batches]

    def run(self, steps: int) -> float:
        """As `Contestant`; `steps` must be whole rounds through the batches."""
        answer = self._worker.ask({"steps": steps})
        if answer["tokens"] * len(self._tokens) != sum(self._tokens) * steps:
            raise RuntimeError(
                f"JoeyNMT counts {answer['tokens']} target tokens where we have {sum(self._tokens)}"
            )
        return answer["seconds"]

    def close(self) -> None:
        """Ends the worker."""
        self._worker.close()
        self._directory.cleanup()
