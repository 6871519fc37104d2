import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import novelgen
from novelgen.cli import Parser
from novelgen.commands.train import add_arguments, main
from novelgen.errors import ConfigError
from novelgen.training.checkpoint import load_run
from novelgen.training.distributed import Ranks
from novelgen.training.journal import read_metrics
from novelgen.training.run_directory import RunDirectory
from tests.training.conftest import of_batch

ROOT = Path(novelgen.__file__).parents[1]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
OPTIONS = [
    "--preset",
    "tiny",
    "--device",
    "cpu",
    "--precision",
    "float32",
    "--dropout",
    "0",
    "--embedding-size",
    "16",
    "--decoder-size",
    "16",
    "--batch-tokens",
    "600",
    "--validate-every",
    "3",
    "--save-every",
    "2",
    "--warmup-steps",
    "2",
    "--final-learning-rate",
    "1",
]  # the rate does not depend on the budget, which differs before --resume
PROBE = Path(__file__).with_name("gradients_of_two.py")


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A corpus, and ways to train on it with one process, this one, or with two."""
    directory = tmp_path_factory.mktemp("ranks")

    def arguments(name, steps, *more):
        given = []
        if "--resume" not in more:
            given = ["--corpus", str(ROOT / "corpus" / "novel.txt"), *OPTIONS]
        return [*given, "--output", str(directory / name), "--max-steps", str(steps), *more]

    def alone(name, steps, *more):
        parser = Parser()
        add_arguments(parser)
        main(parser.parse_args(arguments(name, steps, *more)))
        return RunDirectory(directory / name)

    def two(name, steps, *more):
        done = subprocess.run(
            command(name, steps, *more),
            env=environment(),
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        return done, RunDirectory(directory / name)

    def command(name, steps, *more):
        return [
            *TORCHRUN,
            "--nproc-per-node=2",
            str(ROOT / "train.py"),
            *arguments(name, steps, *more),
        ]

    return SimpleNamespace(directory=directory, alone=alone, two=two, command=command)


def environment():
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
        "CUDA_VISIBLE_DEVICES": "",
    }


@pytest.fixture(scope="module")
def whole(room):
    """Six steps of one process."""
    return room.alone("whole", 6)


def assert_same_run(run, whole, steps):
    """The same numbers in metrics.jsonl, each once; float32 sums are rounded in another order."""
    ours, theirs = (
        [
            {name: value for name, value in record.items() if name not in ("seconds", "waited")}
            for record in read_metrics(one.metrics)
            if record["step"] <= steps
        ]
        for one in (run, whole)
    )
    assert len(ours) == len(theirs) >= steps
    for one, other in zip(ours, theirs, strict=True):
        # Names, of the n-gram models that a validation beats, are no numbers.
        assert one.pop("better_than", None) == other.pop("better_than", None)
        assert one == pytest.approx(other, rel=1e-4)


def assert_same_weights(run, whole):
    ours, theirs = (one.load_trainer()["model"] for one in (run, whole))
    for name, tensor in theirs.items():
        torch.testing.assert_close(
            ours[name], tensor, rtol=1e-3, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}"
        )


@given(st.lists(st.integers(1, 300), min_size=1, max_size=60), st.integers(1, 9))
def test_the_shares_add_up_to_the_batch_and_are_of_similar_size(lengths, size):
    tokens, indices = np.array(lengths), np.arange(100, 100 + len(lengths))
    shares = [Ranks(rank, size).share(indices, tokens) for rank in range(size)]
    assert np.array_equal(np.concatenate(shares), indices)
    for share in shares:
        assert tokens[share - 100].sum() <= tokens.sum() / size + tokens.max()


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one_and_one_goes_on(room, whole):
    done, run = room.two("two", 3)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("2 processes") == 1  # one rank alone prints
    assert_same_run(run, whole, 3)
    assert sorted(
        path.name for path in run.path.iterdir() if "tfevents" not in path.name
    ) == sorted(path.name for path in whole.path.iterdir() if "tfevents" not in path.name)
    assert len(list(run.path.glob("events.*"))) == 1
    assert load_run(run.path, "cpu").ngram.order == 3
    room.alone("two", 6, "--resume")
    assert_same_run(run, whole, 6)
    assert_same_weights(run, whole)


@pytest.mark.slow
def test_two_processes_go_on_where_one_stopped(room, whole):
    room.alone("grown", 3)
    done, run = room.two("grown", 6, "--resume")
    assert done.returncode == 0, done.stderr
    assert "step 3" in done.stdout
    assert_same_run(run, whole, 6)
    assert_same_weights(run, whole)
    assert load_run(run.path, "cpu").info["best"] == pytest.approx(
        load_run(whole.path, "cpu").info["best"], rel=1e-4
    )


@pytest.mark.slow
def test_a_killed_worker_ends_the_job_and_resume_goes_on(room):
    job = subprocess.Popen(
        room.command("killed", 100_000, "--validate-every", "1000"),
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    run = RunDirectory(room.directory / "killed")
    try:
        deadline = time.monotonic() + 300  # of a busy machine; a few seconds else
        while (
            job.poll() is None
            and len(read_metrics(run.metrics)) < 5
            and time.monotonic() < deadline
        ):
            time.sleep(0.05)
        os.kill(workers(job.pid)[1], signal.SIGKILL)
        out, errors = job.communicate(timeout=300)
    finally:
        job.kill()
    assert job.returncode != 0
    assert errors.count("error: ") == 1
    assert "ended unexpectedly" in errors
    assert "--resume" in errors
    assert 'train.py", line' not in errors
    assert "stopping after this step" not in out
    saved = run.load_trainer()["position"]["step"]
    assert saved >= 4
    assert not list(run.path.glob(".*.partial"))
    room.alone("killed", saved + 2, "--resume")
    assert run.load_trainer()["position"]["step"] == saved + 2
    steps = [record["step"] for record in read_metrics(run.metrics) if "loss" in record]
    assert steps == list(range(1, saved + 3))


def workers(launcher):
    """The ranks' process ids, in order."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children")
    if not children.exists():
        pytest.skip("no /proc")
    return sorted(
        int(child)
        for child in children.read_text(encoding="utf-8").split()
        if b"train.py" in Path(f"/proc/{child}/cmdline").read_bytes()
    )


@pytest.mark.slow
def test_an_error_that_all_ranks_find_is_reported_once(room):
    done, _ = room.two("wrong", 3, "--model", "cho", "--copy")  # found by both
    assert done.returncode != 0
    assert done.stderr.count("error: ") == 1


@pytest.fixture(scope="module")
def probed(tmp_path_factory):
    """What two processes found the gradients of some batches to be."""
    directory = tmp_path_factory.mktemp("probe")
    done = subprocess.run(
        [*TORCHRUN, "--nproc-per-node=2", str(PROBE), str(directory)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {path.stem: torch.load(path) for path in directory.glob("*.pt")}


@pytest.mark.slow
@pytest.mark.parametrize("case", ["buckets", "out_of_memory", "one_row"])
def test_the_gradients_are_those_of_one_process(workshop, probed, case):
    """`out_of_memory` happens on the second rank alone, when half of its gradients have been sent.

    `one_row` leaves nothing to one of the ranks.
    """
    model = workshop.model(dropout=0.0)
    indices = workshop.plan().batches[0]
    if case == "one_row":
        indices = indices[:1]
    total = of_batch(workshop.gradients(model, dropout=0.0), workshop.train, indices)
    for rank in (0, 1):
        found = probed[f"{case}-{rank}"]
        assert found["total"] == pytest.approx(list(vars(total).values()), rel=1e-5)
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(
                found["gradients"][name], parameter.grad, rtol=1e-4, atol=1e-6
            )


def test_accumulation_takes_the_step_of_one_large_batch(workshop):
    whole, parts = (
        workshop.trainer("whole", dropout=0.0, max_steps=1),
        workshop.trainer("parts", dropout=0.0, max_steps=1, accumulation_steps=3),
    )
    rows, start = [], parts.model.start

    def counting_start(source, lengths):
        if parts.model.training:
            rows.append(len(source))
        return start(source, lengths)

    parts.model.start = counting_start
    indices = workshop.plan().batches[0]
    whole.fit()
    parts.fit()
    one, other = (read_metrics(trainer.run.metrics)[0] for trainer in (whole, parts))
    assert len(rows) == 3
    assert sum(rows) == len(indices)
    assert max(rows) < len(indices)
    for name in ("loss", "bpc", "gradient_norm"):
        assert one[name] == pytest.approx(other[name], rel=1e-5)
    for mine, theirs in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match="--nproc-per-node"):
        Ranks(3, 4, local_rank=3).device("cuda")
    assert Ranks(3, 4, local_rank=3).device("cpu") == torch.device("cpu")
