"""What `novelgen train` prints at its end; the training itself is told to have been done."""

import pytest

from novelgen.api import observer
from novelgen.api.training import TrainingResult
from novelgen.cli import Parser
from novelgen.commands import train as command
from novelgen.training.run_directory import RunDirectory


@pytest.fixture
def ended(make_run, tmp_path, monkeypatch, capsys):
    """Runs the command for a training that ended in a given way; returns what it prints."""
    run = make_run(tmp_path / "run")
    info = RunDirectory(run).load_info()
    config = info["config"].replace(max_steps=20, epochs=None, max_minutes=None)
    RunDirectory(run).save_info({**info, "config": config.to_dict()})

    def call(reason, steps_taken, *arguments):
        result = TrainingResult(run, reason, 4.5, 20, steps_taken)
        monkeypatch.setattr(command, "train", lambda *_, **__: result)
        monkeypatch.setattr(command, "resume", lambda *_, **__: result)
        monkeypatch.setattr(observer, "sample_texts", lambda *_: [("船来了。", "水落了。")])
        parser = Parser(prog="train")
        command.add_arguments(parser)
        command.main(parser.parse_args(["--corpus", "a.txt", *arguments]))
        return capsys.readouterr().out

    return call


def test_a_training_ends_with_samples_and_the_commands_that_use_it(ended):
    printed = ended("budget", 20)
    assert "the budget is spent\nbest validation: 4.500 BPC" in printed
    assert "prompt:        船来了。\ncontinuation:  水落了。" in printed
    assert "novelgen generate --checkpoint" in printed
    assert "loss.png" not in printed  # where there is none


@pytest.mark.parametrize("reason", ["budget", "interrupted"])
def test_what_there_is_to_look_at_is_named_at_the_end(ended, tmp_path, reason):
    for name in ("loss.png", "samples.md", "metrics.jsonl"):
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run" / name).write_text("", encoding="utf-8")
    printed = ended(reason, 20)
    assert all(f"run/{name}" in printed for name in ("loss.png", "samples.md", "metrics.jsonl"))


def test_a_resumed_run_that_took_no_step_says_what_to_pass(ended):
    printed = ended("budget", 0, "--resume")
    assert "at step 20, its budget (--max-steps 20) is spent" in printed
    assert "--patience above" in ended("patience", 0, "--resume")
    assert "stopped early: no more progress" in ended("patience", 5, "--resume")


def test_an_interrupted_run_says_how_to_go_on_and_shows_no_samples(ended):
    printed = ended("interrupted", 5)
    assert "stopped and saved" in printed
    assert "--resume" in printed
    assert "船来了" not in printed
