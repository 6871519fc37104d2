import itertools
import math
import os
import signal

import pytest
import torch

from novelgen.errors import CheckpointError, ConfigError, TrainingError
from novelgen.training import validation as validation_module
from novelgen.training.checkpoint import load_run
from novelgen.training.journal import read_metrics
from novelgen.training.loss import LossStats, evaluate_loss
from novelgen.training.speed import Speed, Timing, Trial
from tests.training.conftest import in_step, of_batch


def losses(trainer):
    """The exact loss of every step, by its number."""
    return {
        record["step"]: record["loss"]
        for record in read_metrics(trainer.run.metrics)
        if "loss" in record
    }


def weights(trainer):
    return {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


class Killed(BaseException):
    """Ends a run in the middle of a step, as kill -9 does: nothing is saved or tidied up."""


def kill_at(trainer, step):
    """Lets a trainer die while it computes the gradients of the given step."""

    def die():
        raise Killed

    in_step(trainer, step, die)
    with pytest.raises(Killed):
        trainer.fit()


@pytest.mark.parametrize("died_at", [2, 4, 7, 11])
@pytest.mark.parametrize(
    "changes", [{}, {"max_steps": None, "epochs": 3}, {"teacher_forcing": 0.0}]
)
def test_a_run_that_died_continues_bit_for_bit(workshop, died_at, changes):
    whole = workshop.trainer("whole", **changes)
    expected = whole.fit()
    broken = workshop.trainer("broken", **changes)
    kill_at(broken, died_at)
    resumed = workshop.trainer("broken", resume=True, **changes)
    last_save = max(died_at // 4 * 4, died_at // 5 * 5)  # a validation saves too
    assert resumed.position.step == last_save
    outcome = resumed.fit()
    assert outcome.steps_taken == expected.step - last_save
    assert outcome == expected._replace(steps_taken=outcome.steps_taken)
    assert losses(resumed) == losses(whole)
    assert_same(weights(resumed), weights(whole))
    kept = [
        (workshop.directory / name / "model.safetensors").read_bytes()
        for name in ("whole", "broken")
    ]
    assert kept[0] == kept[1]


def validations(trainer):
    return [
        {name: value for name, value in record.items() if name != "seconds"}
        for record in read_metrics(trainer.run.metrics)
        if "loss" not in record
    ]


def test_a_run_that_died_validates_on_the_same_sample(workshop, monkeypatch):
    """The first validation, at step 5, decides for all; its own count is not that of the second."""
    monkeypatch.setattr(validation_module, "affordable_characters", lambda trained: trained // 20)
    whole = workshop.trainer("whole", max_steps=14)
    outcome = whole.fit()
    assert outcome.is_sample
    broken = workshop.trainer("broken", max_steps=14)
    kill_at(broken, 7)
    resumed = workshop.trainer("broken", max_steps=14, resume=True)
    assert resumed.fit().best == outcome.best
    assert validations(resumed) == validations(whole)
    counts = {record["validation_pairs"] for record in validations(whole)}
    assert len(counts) == 1
    assert 0 < counts.pop() < len(workshop.valid)


def test_the_best_weights_are_measured_on_all_pairs_at_the_end_where_that_is_cheap(
    workshop, monkeypatch
):
    monkeypatch.setattr(validation_module, "affordable_characters", lambda trained: trained // 10)
    trainer = workshop.trainer()
    outcome = trainer.fit()
    *before, last = read_metrics(trainer.run.metrics)
    assert before[-1]["validation_is_sample"]
    run = load_run(trainer.run.path, "cpu")
    whole = evaluate_loss(run.model, workshop.valid, batch_tokens=400, device=run.device)
    assert outcome.best == last["whole_validation_bpc"] == run.info["best"]["validation_bpc"]
    assert outcome.best == pytest.approx(whole.bits_per_character)
    assert not outcome.is_sample
    assert not run.info["best"]["is_sample"]
    # What is resumed goes on from the last weights and by the sample's values.
    assert workshop.trainer(resume=True, max_steps=20).fit().steps_taken == 8


def test_a_half_written_last_record_is_dropped_on_resume(workshop):
    broken = workshop.trainer()
    kill_at(broken, 7)
    with broken.run.metrics.open("a") as file:
        file.write('{"step": 7, "lo')
    resumed = workshop.trainer(resume=True)
    resumed.fit()
    assert list(losses(resumed)) == list(range(1, 13))


def test_another_seed_gives_other_losses(workshop):
    one, other = workshop.trainer("one"), workshop.trainer("other", seed=4)
    one.fit()
    other.fit()
    assert losses(one) != losses(other)


def test_the_best_weights_are_kept_not_the_last(workshop, monkeypatch):
    values = iter([5.0, 3.0, 4.0])
    seen = []

    def evaluate_loss(model, pairs, **_):
        seen.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return LossStats(nll_sum=next(values) * math.log(2), tokens=1, characters=1, pairs=1)

    monkeypatch.setattr(validation_module, "evaluate_loss", evaluate_loss)
    trainer = workshop.trainer(max_steps=15)
    outcome = trainer.fit()
    assert outcome.reason == "budget"
    assert outcome.best == pytest.approx(3.0)
    run = load_run(trainer.run.path, "cpu")
    assert_same(run.model.state_dict(), seen[1])
    best = {"step": 10, "validation_bpc": pytest.approx(3.0), "is_sample": False}
    assert run.info["best"] == {**best, "start_share": 0.0}


def test_stops_when_patience_runs_out(workshop, monkeypatch):
    values = itertools.chain([3.0], itertools.repeat(4.0))
    monkeypatch.setattr(
        validation_module,
        "evaluate_loss",
        lambda *_, **__: LossStats(next(values), 1, 1, 1),
    )
    trainer = workshop.trainer(max_steps=1000, patience=3, validate_every=2)
    assert trainer.fit().reason == "patience"
    assert trainer.position.step == 8


@pytest.mark.parametrize(
    ("changes", "steps"), [({"max_steps": 7}, 7), ({"max_steps": None, "epochs": 2}, None)]
)
def test_spends_exactly_its_budget(workshop, changes, steps):
    trainer = workshop.trainer(**changes)
    trainer.fit()
    assert trainer.position.step == (steps or 2 * len(workshop.plan().batches))
    if steps is None:
        assert trainer.position.epoch == 2
        assert trainer.position.batch == 0
    # It was validated at the very end.
    assert read_metrics(trainer.run.metrics)[-1]["step"] == trainer.position.step


def test_the_speed_of_the_first_steps_chooses_the_configuration(workshop):
    """They count, but those that are slow are left out; then the text begins anew."""
    speeds = []

    def choose(speed):
        speeds.append(speed)
        return workshop.config(batch_tokens=90, max_steps=14).training

    def clock():
        """Three steps take 100 seconds, five one each, and the larger ones two."""
        steps = trainer.position.step if trainer else 0
        return sum(100 if step < 3 else 1 if step < 8 else 2 for step in range(steps))

    trainer = None
    small, large = (workshop.config(batch_tokens=size).training for size in (40, 120))
    trials = [Trial(small, 8, 3), Trial(large, 3, 1)]
    trainer = workshop.trainer(batch_tokens=40, trials=trials, choose=choose, clock=clock)
    trainer.fit()
    records = [record for record in read_metrics(trainer.run.metrics) if "loss" in record]
    assert len(records) == 14
    seen = [record["characters"] for record in records]
    timings = [Timing((seen[7] - seen[2]) / 5, 1.0), Timing((seen[10] - seen[8]) / 2, 2.0)]
    assert timings[1].characters > 2 * timings[0].characters
    assert speeds == [pytest.approx(Speed.measured(timings))]
    assert [record["epoch"] for record in records[8:]] == [0] * 6
    assert trainer.config.batch_tokens == 90


def test_a_budget_of_minutes_ends_by_the_clock(workshop):
    seconds = 0
    trainer = workshop.trainer(max_steps=None, max_minutes=0.1, clock=lambda: seconds)
    start = trainer.model.start

    def start_of_a_second(*source):
        nonlocal seconds
        seconds += trainer.model.training
        return start(*source)

    trainer.model.start = start_of_a_second
    assert trainer.fit().step == 6
    assert trainer.position.seconds == 6


def test_a_budget_that_is_spent_already_takes_no_step(workshop):
    assert workshop.trainer().fit().steps_taken == 12
    outcome = workshop.trainer(resume=True).fit()
    assert (outcome.reason, outcome.step, outcome.steps_taken) == ("budget", 12, 0)


def test_a_trainer_without_a_budget_is_refused(workshop):
    with pytest.raises(ConfigError, match="--max-minutes"):
        workshop.trainer(max_steps=None)


@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_state(workshop, broken):
    trainer = workshop.trainer()
    nll_sum = trainer.model.nll_sum

    def spoiled(*batch):
        loss = nll_sum(*batch)
        if trainer.position.step != 9:
            return loss
        if broken == "gradient":
            loss.register_hook(lambda gradient: gradient * math.inf)
            return loss
        return loss + math.nan  # whose gradients are finite

    trainer.model.nll_sum = spoiled
    with pytest.raises(TrainingError, match=r"step 10 .*--learning-rate"):
        trainer.fit()
    saved = trainer.run.load_trainer()
    assert saved["position"]["step"] == 8
    assert all(tensor.isfinite().all() for tensor in saved["model"].values())
    assert all(tensor.isfinite().all() for tensor in trainer.model.parameters())


def test_a_token_counts_alike_in_batches_of_any_size(workshop):
    """The gradients of a batch are the sum of those of its pairs, whatever else is in it."""
    model = workshop.model(dropout=0.0)
    gradients = workshop.gradients(model)
    pairs, indices = workshop.train, workshop.plan().batches[0][:3]
    summed = [torch.zeros_like(parameter) for parameter in model.parameters()]
    for number in range(3):
        of_batch(gradients, pairs, indices[number : number + 1])
        for total, parameter in zip(summed, model.parameters(), strict=True):
            total += parameter.grad
    of_batch(gradients, pairs, indices)
    for total, parameter in zip(summed, model.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, total, rtol=1e-4, atol=1e-6)


def out_of_memory_above(model, rows):
    """Pretends that batches of more than `rows` pairs do not fit."""
    start = model.start

    def greedy_start(source, lengths):
        if len(source) > rows:
            raise torch.OutOfMemoryError("pretended")
        return start(source, lengths)

    model.start = greedy_start


def test_out_of_memory_halves_the_micro_batch_and_takes_the_same_step(workshop):
    whole, sliced = workshop.model(dropout=0.0), workshop.model(dropout=0.0)
    of_whole, of_sliced = workshop.gradients(whole), workshop.gradients(sliced)
    pairs, indices = workshop.train, workshop.plan().batches[0]
    out_of_memory_above(sliced, len(indices) // 3)
    assert of_batch(of_sliced, pairs, indices).nll_sum == pytest.approx(
        of_batch(of_whole, pairs, indices).nll_sum, rel=1e-5
    )
    for one, other in zip(whole.parameters(), sliced.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-6)
    assert of_whole.slices == 1
    assert of_sliced.slices == 4


def test_memory_too_small_for_one_pair_is_reported(workshop):
    trainer = workshop.trainer()
    out_of_memory_above(trainer.model, 0)
    with pytest.raises(TrainingError, match="--segment-length"):
        trainer.fit()


def test_an_interrupted_run_is_saved_and_continues_bit_for_bit(workshop):
    whole = workshop.trainer("whole")
    whole.fit()
    stopped = workshop.trainer("stopped")
    before = signal.getsignal(signal.SIGINT)
    in_step(stopped, 2, lambda: signal.raise_signal(signal.SIGINT))
    assert stopped.fit().reason == "interrupted"
    assert stopped.position.step == 3
    # There are weights to write with although no validation has been.
    load_run(stopped.run.path, "cpu")
    resumed = workshop.trainer("stopped", resume=True)
    resumed.fit()
    assert losses(resumed) == losses(whole)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_full_disk_leaves_the_checkpoint_whole(workshop, monkeypatch):
    trainer = workshop.trainer()
    fsync, calls = os.fsync, itertools.count()

    def full(descriptor):
        if next(calls) >= 6:
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    kill_at(trainer, 5)
    before = {
        path.name: path.read_bytes()
        for path in trainer.run.path.iterdir()
        if path.suffix in (".pt", ".safetensors")
    }
    monkeypatch.setattr("os.fsync", full)
    resumed = workshop.trainer(resume=True)
    with pytest.raises(CheckpointError, match="disk is full"):
        resumed.fit()
    monkeypatch.undo()
    assert not list(trainer.run.path.glob(".*.partial"))
    for name, content in before.items():
        assert (trainer.run.path / name).stat().st_size == len(content)
    assert workshop.trainer(resume=True).fit().reason == "budget"


def test_gradients_are_clipped_to_the_norm_that_is_asked_for(workshop):
    trainer = workshop.trainer(max_steps=1, clip_norm=0.01)
    trainer.fit()
    norms = [parameter.grad.norm() for parameter in trainer.model.parameters()]
    assert torch.stack(norms).norm().item() == pytest.approx(0.01, rel=1e-3)
    # The journal has the norm from before.
    assert read_metrics(trainer.run.metrics)[0]["gradient_norm"] > 0.01


def test_the_optimizer_has_the_rate_that_the_journal_tells(workshop):
    trainer = workshop.trainer(max_steps=8, validate_every=100, save_every=100)
    trainer.fit()
    steps = [record for record in read_metrics(trainer.run.metrics) if "loss" in record]
    groups = trainer.run.load_trainer()["optimizer"]["param_groups"]
    last = steps[-1]["learning_rate"]
    assert [group["lr"] for group in groups] == [last, last]
    # It warms up over two steps and falls from then on.
    rates = [record["learning_rate"] for record in steps]
    assert rates[0] < rates[1] == max(rates)
    assert rates[1:] == sorted(rates[1:], reverse=True)


def test_the_share_of_true_tokens_falls_over_the_budget_as_the_journal_tells(workshop):
    forced = workshop.trainer("forced", max_steps=4)
    mixed = workshop.trainer("mixed", max_steps=4, teacher_forcing=0.2)
    for trainer in (forced, mixed):
        trainer.fit()
    steps = [record for record in read_metrics(mixed.run.metrics) if "loss" in record]
    assert "teacher_forcing" not in steps[0]
    assert [record["teacher_forcing"] for record in steps[1:]] == pytest.approx([0.8, 0.6, 0.4])
    # The first step reads the truth alone.
    of_forced, of_mixed = losses(forced), losses(mixed)
    assert [of_forced[step] == of_mixed[step] for step in (1, 2, 3, 4)] == [True] + 3 * [False]


def test_patience_counts_on_after_a_resume(workshop, monkeypatch):
    def validations(*values):
        losses = itertools.chain(values, itertools.repeat(4.0))
        monkeypatch.setattr(
            validation_module,
            "evaluate_loss",
            lambda *_, **__: LossStats(next(losses), 1, 1, 1),
        )

    def dies_at_step_4(_model, validation):
        if validation.step == 4:
            raise Killed

    changes = {"max_steps": 1000, "patience": 3, "validate_every": 2}
    # 1. Validations at 2 (the best), 4, 6 and 8.
    validations(3.0)
    assert workshop.trainer("whole", **changes).fit().step == 8
    # 2. The same, killed behind the one at 4.
    validations(3.0)
    with pytest.raises(Killed):
        workshop.trainer("broken", observe=dies_at_step_4, **changes).fit()
    outcome = workshop.trainer("broken", resume=True, **changes).fit()
    assert (outcome.reason, outcome.step) == ("patience", 8)


def test_a_validation_is_observed_in_evaluation_mode_and_training_goes_on_in_its_own(workshop):
    modes = []
    trainer = workshop.trainer(
        max_steps=4, validate_every=2, observe=lambda model, _: modes.append(model.training)
    )
    trainer.fit()
    assert modes == [False, False]
    assert trainer.model.training
