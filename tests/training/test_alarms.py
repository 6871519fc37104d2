"""Every alarm is set off on purpose, and is silent where all is well."""

import math
import re

import pytest

from novelgen.errors import TrainingError
from novelgen.training import alarms
from novelgen.training.alarms import GpuSupport, Memory, Watch
from novelgen.training.journal import read_metrics
from tests.training.conftest import in_step

GIB = 2**30


def step(number, loss=3.0, norm=0.5):
    return {"step": number, "loss": loss, "bpc": loss, "gradient_norm": norm, "learning_rate": 0.01}


def steps(watch, count, start=0, **figures):
    """The names of the alarms of so many steps; figures are functions of the step's number."""
    return [
        alarm.name
        for number in range(start + 1, start + count + 1)
        for alarm in watch.after_step(step(number, **{k: f(number) for k, f in figures.items()}))
    ]


@pytest.mark.parametrize(
    ("loss", "is_warm", "rings"),
    [
        (lambda number: 7.4, False, True),
        (lambda number: 7.4 - 0.001 * number, False, True),
        (lambda number: 7.4 - 0.01 * number, False, False),
        # Weights that know the text already may have little left to learn.
        (lambda number: 3.4 - 0.0001 * number, True, False),
        # From the base model on another novel.
        (lambda number: 4.0 + 0.0035 * number, True, False),
        (lambda number: 3.4 + 0.01 * number, True, True),
    ],
)
def test_a_loss_that_does_not_fall(loss, is_warm, rings):
    watch = Watch(is_warm=is_warm)
    # Once, however long it goes on.
    assert steps(watch, 3 * watch.steps_to_fall, loss=loss) == ["no_fall"] * rings


def test_a_long_warmup_is_waited_for():
    assert Watch(warmup_steps=400).steps_to_fall == 800


def test_gradients_that_explode_but_not_a_single_peak():
    assert steps(Watch(), 60, norm=lambda number: 27.0 if number == 30 else 0.6) == []
    watch = Watch()
    assert steps(watch, 60, norm=lambda number: number) == ["exploding_gradients"]


def test_validation_that_rises_while_training_falls():
    def run(training, validations):
        watch = Watch()
        found = []
        for number, bpc in enumerate(validations):
            steps(watch, 5, 5 * number, loss=lambda _step, number=number: training[number])
            found += [(number, alarm.name) for alarm in watch.after_validation(bpc)]
        return found

    falling = [6.0, 5.5, 5.0, 4.5, 4.0]
    by_heart = [(3, "learning_by_heart")]
    assert run(falling, [6.5, 6.2, 6.25, 6.3, 6.4]) == by_heart
    assert run(falling, [6.5, 6.2, 6.21, 6.2, 6.21]) == []
    assert run(falling, [6.5, 6.2, 6.3, 6.1, 6.2]) == []
    # What rises in training too is no learning by heart.
    assert run([6.0, 5.5, 5.6, 5.7, 5.8], [6.5, 6.2, 6.25, 6.3, 6.4]) == []


def test_memory_near_its_limit():
    left = iter([Memory(2 * GIB, 8 * GIB), None, Memory(GIB // 4, 8 * GIB), Memory(0, 8 * GIB)])
    assert steps(Watch(memory=lambda: next(left)), 80) == ["low_memory"]


def test_attention_at_one_place():
    assert alarms.stuck_attention(0.99, 500).name == "stuck_attention"
    assert alarms.stuck_attention(0.99, 5) is None
    assert alarms.stuck_attention(0.4, 500) is None
    assert alarms.stuck_attention(math.nan, 500) is None


def test_a_gpu_that_is_not_used():
    cpu_build = alarms.unused_gpu(GpuSupport(True, "2.12.0+cpu", None, False))
    assert "pip install --force-reinstall torch==2.12.0 --index-url https" in cpu_build.message
    old_driver = alarms.unused_gpu(GpuSupport(True, "2.12.0", "12.8", False))
    assert re.search(r"driver .*12\.8", old_driver.message)
    assert alarms.unused_gpu(GpuSupport(True, "2.12.0", "12.8", True)) is None
    assert alarms.unused_gpu(GpuSupport(False, "2.12.0+cpu", None, False)) is None


def test_a_corpus_that_is_too_small():
    assert "771 characters" in alarms.small_corpus(771).message
    assert alarms.small_corpus(500_000) is None


def recorded(trainer):
    records = read_metrics(trainer.run.metrics)
    return [(each["step"], each["alarm"]) for each in records if "alarm" in each]


def test_a_run_shows_and_keeps_each_alarm_once_even_when_resumed(workshop, capsys):
    stuck = alarms.stuck_attention(0.95, 500)

    def session(**changes):
        trainer = workshop.trainer(
            observe=lambda model, validation: [stuck],
            alarms=[None, alarms.small_corpus(771)],
            watch=Watch(memory=lambda: Memory(1, 100)),
            **changes,
        )
        trainer.fit()
        return trainer

    expected = [(0, "small_corpus"), (5, "stuck_attention")]
    assert recorded(session()) == expected
    shown = capsys.readouterr().out
    assert shown.count("alarm: only 771 characters") == shown.count("alarm: attention") == 1
    assert recorded(session(resume=True, max_steps=25)) == [*expected, (20, "low_memory")]
    assert capsys.readouterr().out.count("alarm: ") == 1


def test_a_loss_that_is_not_a_number_ends_the_run_and_is_recorded(workshop):
    trainer = workshop.trainer()

    def spoil():
        next(trainer.model.parameters()).data.fill_(math.nan)

    in_step(trainer, 3, spoil)
    with pytest.raises(TrainingError, match="nan"):
        trainer.fit()
    assert recorded(trainer) == [(3, "not_finite")]
