"""The mean of the kept weights and those that a run began with."""

import signal

import pytest
import torch

from novelgen.training.checkpoint import load_run
from novelgen.training.journal import read_metrics
from novelgen.training.loss import evaluate_loss
from tests.training.conftest import in_step

# Every run learns little, so that better weights to begin with are far ahead of it.
STEPS = {"max_steps": 10}


def kept(workshop, name):
    return load_run(workshop.directory / name, "cpu").model.state_dict()


def mean(learnt, begun, share):
    return {name: (1 - share) * learnt[name] + share * begun[name] for name in learnt}


def bpc(workshop, weights):
    model = workshop.model()
    model.load_state_dict(weights)
    device = torch.device("cpu")
    return evaluate_loss(model, workshop.valid, batch_tokens=400, device=device).bits_per_character


@pytest.fixture
def learnt(workshop):
    """The weights that a run keeps which has no others to go back to."""
    workshop.trainer("alone", **STEPS).fit()
    return kept(workshop, "alone")


@pytest.fixture
def begun(workshop, learnt):
    """Weights far beyond better ones: a little of them helps, and a half does not."""
    workshop.trainer("better", max_steps=40).fit()
    better = kept(workshop, "better")
    return {name: learnt[name] + 100 * (better[name] - learnt[name]) for name in learnt}


def test_kept_weights_move_to_the_first_ones_until_validation_rises(workshop, learnt, begun):
    values = [bpc(workshop, mean(learnt, begun, number / 20)) for number in range(11)]
    number = next(place for place in range(10) if values[place + 1] > values[place])
    assert 0 < number < 10
    trainer = workshop.trainer("run", start=lambda: begun, **STEPS)
    outcome = trainer.fit()
    # 1. It is in the file, in the outcome, in config.json and in the journal.
    run = load_run(trainer.run.path, "cpu")
    for name, tensor in mean(learnt, begun, number / 20).items():
        assert torch.allclose(run.model.state_dict()[name], tensor, atol=1e-6), name
    assert outcome.best == pytest.approx(values[number], abs=1e-5)
    assert run.info["best"]["validation_bpc"] == outcome.best
    assert run.info["best"]["start_share"] == pytest.approx(number / 20)
    *others, last = read_metrics(trainer.run.metrics)
    assert last["averaged_validation_bpc"] == outcome.best
    assert last["start_share"] == run.info["best"]["start_share"]
    # 2. It is no validation: a run that goes on compares its weights with trained ones.
    trained = min(each["validation_bpc"] for each in others if "validation_bpc" in each)
    assert trained > outcome.best
    workshop.trainer("run", resume=True, start=lambda: begun, max_steps=15).fit()
    validated = [each for each in read_metrics(trainer.run.metrics) if "validation_bpc" in each]
    assert validated[-1]["is_best"]
    assert outcome.best < validated[-1]["validation_bpc"] < trained


def test_learnt_weights_stay_where_the_first_ones_do_harm(workshop, learnt):
    begun = {name: torch.full_like(tensor, 3.0) for name, tensor in learnt.items()}
    trainer = workshop.trainer("run", start=lambda: begun, **STEPS)
    outcome = trainer.fit()
    run = load_run(trainer.run.path, "cpu")
    for name, tensor in run.model.state_dict().items():
        assert torch.equal(tensor, learnt[name]), name
    assert run.info["best"]["start_share"] == 0
    assert outcome.best == run.info["best"]["validation_bpc"]
    assert "start_share" not in read_metrics(trainer.run.metrics)[-1]


def test_an_interrupted_run_is_averaged_at_its_end(workshop, begun):
    workshop.trainer("whole", start=lambda: begun, **STEPS).fit()
    stopped = workshop.trainer("stopped", start=lambda: begun, **STEPS)
    in_step(stopped, 7, lambda: signal.raise_signal(signal.SIGINT))
    assert stopped.fit().reason == "interrupted"
    assert load_run(stopped.run.path, "cpu").info["best"]["start_share"] == 0
    workshop.trainer("stopped", resume=True, start=lambda: begun, **STEPS).fit()
    files = [
        (workshop.directory / name / "model.safetensors").read_bytes()
        for name in ("whole", "stopped")
    ]
    assert files[0] == files[1]
    assert load_run(stopped.run.path, "cpu").info["best"]["start_share"] > 0
