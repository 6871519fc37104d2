"""`compare` on the command line: tiny models, a few steps, a novel of forty chapters."""

import contextlib
import json
import os
import signal

import pytest

from novelgen.cli import Parser
from novelgen.commands import compare as compare_command
from novelgen.commands import evaluate, train
from novelgen.errors import CheckpointError, ConfigError, CorpusError, TrainingError
from novelgen.evaluation.comparison import speed
from novelgen.report.tables import MEASURES
from novelgen.training.gradient_step import GradientStep
from novelgen.training.journal import read_metrics
from novelgen.training.run_lock import locked
from novelgen.training.trainer import Trainer

TINY = (
    "--preset",
    "tiny",
    "--embedding-size",
    8,
    "--decoder-size",
    16,
    "--batch-tokens",
    400,
    "--device",
    "cpu",
    "--precision",
    "float32",
)
STEPS = 4


def call(command, *arguments):
    parser = Parser(prog="x")
    command.add_arguments(parser)
    command.main(parser.parse_args(list(map(str, arguments))))


@pytest.fixture
def compare(novel, tmp_path):
    """Compares into the folder `name`, with four steps and one text each; returns table.json."""

    def compare(name, *arguments, models="seq2seq,lm", tokenizers="char"):
        call(
            compare_command,
            "--corpus",
            novel,
            "--models",
            models,
            "--tokenizers",
            tokenizers,
            "--output",
            tmp_path / name,
            "--generate",
            1,
            "--steps",
            STEPS,
            "--validate-every",
            2,
            *TINY,
            *arguments,
        )
        return table(tmp_path / name)

    return compare


def compare_runs(*arguments):
    call(compare_command, "--device", "cpu", "--generate", 1, *arguments)


def table(folder):
    return json.loads((folder / "table.json").read_text(encoding="utf-8"))


def without_times(content):
    """The runs with all that does not depend on how fast the machine is."""
    timed = ("minutes", "characters_per_second")
    return [
        {
            **{name: value for name, value in run.items() if name not in timed},
            "curve": [look[1:] for look in run["curve"]],
        }
        for run in content["runs"]
    ]


class Killed(BaseException):
    """Ends the program in the middle of a step, as kill -9 does: nothing is saved or tidied up."""


def at_step(monkeypatch, number, act):
    """Lets `act` happen in the step `number`, counted through all runs."""
    compute, taken = GradientStep.compute, []

    def counted(*batch):
        taken.append(batch)
        if len(taken) == number:
            act()
        return compute(*batch)

    monkeypatch.setattr(GradientStep, "compute", counted)
    return taken


def kill():
    raise Killed


def test_a_comparison_that_another_process_fills_is_refused(compare, tmp_path):
    (tmp_path / "out").mkdir()
    with locked(tmp_path / "out"), pytest.raises(ConfigError, match="has been training here"):
        compare("out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.slow
def test_a_run_that_another_process_trains_ends_the_comparison(compare, tmp_path, monkeypatch):
    run = tmp_path / "out" / "lm-char-1"
    with contextlib.ExitStack() as other:
        # It begins while the run before it is trained.
        at_step(monkeypatch, 1, lambda: other.enter_context(locked(run)))
        with pytest.raises(ConfigError, match=r"lm-char-1: process \d+ has been training here"):
            compare("out")
    monkeypatch.undo()
    assert [row["name"] for row in table(run.parent)["runs"]] == ["seq2seq-char-1"]
    assert [row["name"] for row in compare("out")["runs"]] == ["seq2seq-char-1", "lm-char-1"]


@pytest.mark.slow
def test_two_models_and_both_tokenizers_are_compared(compare, tmp_path, capsys):
    content = compare("out", models="bahdanau,lm", tokenizers="char,word")
    names = [run["name"] for run in content["runs"]]
    assert names == ["bahdanau-char-1", "bahdanau-word-1", "lm-char-1", "lm-word-1"]
    assert len({run["held_out"] for run in content["runs"]}) == 1
    assert content["same_test_texts"]
    assert {"cpu", "cores", "python", "torch"} <= content["machines"][0].keys()
    assert len(set(content["prompts"])) == 3
    for run in content["runs"]:
        assert run["steps"] == STEPS
        records = read_metrics(tmp_path / "out" / run["name"] / "metrics.jsonl")
        assert run["minutes"] == records[-1]["seconds"] / 60
        assert run["characters_per_second"] == speed(records)
        assert run["parameters"] > 1000
        assert sum(found[2] for found in run["by_length"]) == sum(
            found[2] for found in content["runs"][0]["by_length"]
        )
        assert len(run["curve"]) == STEPS / 2
        assert run["curve"][-1][2] == pytest.approx(run["validation_bpc"], abs=0.5)
        assert len(run["continuations"]) == 3
        assert run["writing"].keys() == MEASURES.keys()
    for name in ("curves.png", "by_length.png"):
        assert (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "── 2/4 bahdanau-word-1 · about " in printed
    assert "── 1/4 bahdanau-char-1 ──" in printed
    assert str(tmp_path / "out" / "table.md") in printed
    call(evaluate, "--checkpoint", tmp_path / "out" / "lm-word-1", "--json", "--device", "cpu")
    measured = json.loads(capsys.readouterr().out)
    assert measured["bits_per_character"] == pytest.approx(content["runs"][3]["test_bpc"], rel=1e-5)


@pytest.mark.slow
def test_a_killed_comparison_goes_on_where_it_was(compare, tmp_path, monkeypatch, capsys):
    whole = compare("whole")
    # In the middle of the first run, and of the second; each time behind a validation, which saves.
    for killed_at, done in ((3, []), (STEPS + 1, ["seq2seq-char-1"])):
        with monkeypatch.context() as patch:
            at_step(patch, killed_at, kill)
            with pytest.raises(Killed):
                compare("broken")
        assert [run["name"] for run in table(tmp_path / "broken")["runs"]] == done
    with monkeypatch.context() as patch:
        taken = at_step(patch, 0, kill)
        content = compare("broken")
    assert len(taken) == STEPS - 2
    assert without_times(content) == without_times(whole)
    before = (tmp_path / "broken" / "table.json").read_bytes()
    with monkeypatch.context() as patch:
        at_step(patch, 1, kill)
        compare("broken")  # nothing is left to be trained
    assert (tmp_path / "broken" / "table.json").read_bytes() == before
    assert "done before" in capsys.readouterr().out


@pytest.mark.slow
def test_a_run_that_was_killed_before_its_first_save_starts_over(compare, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "fit", lambda trainer: kill())
        with pytest.raises(Killed):
            compare("out")
    assert (tmp_path / "out" / "seq2seq-char-1" / "config.json").exists()
    (tmp_path / "out" / "seq2seq-char-1" / "config.json").unlink()
    assert [run["steps"] for run in compare("out")["runs"]] == [STEPS, STEPS]


@pytest.mark.slow
def test_ctrl_c_ends_in_order_and_says_how_to_go_on(compare, tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        at_step(patch, STEPS + 2, lambda: os.kill(os.getpid(), signal.SIGINT))
        assert [run["name"] for run in compare("out")["runs"]] == ["seq2seq-char-1"]
    assert "the same command goes on from there" in capsys.readouterr().out.splitlines()[-1]
    content = compare("out")
    assert [run["steps"] for run in content["runs"]] == [STEPS, STEPS]
    assert "step 2" in capsys.readouterr().out


def test_a_run_that_cannot_be_trained_does_not_stop_the_others(compare, monkeypatch):
    def fail():
        raise TrainingError("it is broken")

    with monkeypatch.context() as patch:
        at_step(patch, 2, fail)
        first, second = compare("out")["runs"]
    assert first["error"] == "it is broken"
    assert first["test_bpc"] is None
    assert second["error"] is None
    assert second["test_bpc"] > 0


@pytest.mark.parametrize(
    "changed",
    [
        ("--decoder-size", 8),
        ("--steps", STEPS + 1),
        ("--models", "lm"),
        ("--seeds", 2),
        ("--tokenizers", "word"),
        ("--generate", 2),
        ("--dropout", 0.2),
    ],
)
def test_another_request_in_the_same_folder_is_refused(compare, tmp_path, monkeypatch, changed):
    with monkeypatch.context() as patch:
        at_step(patch, 1, kill)
        with pytest.raises(Killed):
            compare("out")
    before = (tmp_path / "out" / "table.json").read_bytes()
    with pytest.raises(
        ConfigError, match=f"holds a comparison with another {changed[0]};"
    ) as refused:
        compare("out", *changed)
    assert "\n" not in str(refused.value)
    assert (tmp_path / "out" / "table.json").read_bytes() == before


def test_another_corpus_in_the_same_folder_is_refused(compare, novel, monkeypatch):
    with monkeypatch.context() as patch:
        at_step(patch, 1, kill)
        with pytest.raises(Killed):
            compare("out")
    novel.write_text(novel.read_text(encoding="utf-8") + "又来了一段。\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="another --corpus"):
        compare("out")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--models", "lm,luon"), "did you mean luong"),
        (("--models", "lm,lm"), "a name occurs twice"),
        (("--tokenizers", "byte"), "char, word"),
        (("--minutes", 1), "only one of these"),
        (("--steps", 0), "--steps 0"),
        (("--seeds", 0), "--seeds 0"),
        (("--generate", -1), "--generate -1"),
        (("--cell", "gru", "--models", "lm,transformer"), "no such part"),
        (("--preset", "tinny"), "did you mean tiny"),
        (("--user-dict", "x.txt"), "--user-dict"),
        (("--device", "gpu"), "--device"),
        (("--dropout", 2), "--dropout"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_done(compare, tmp_path, arguments, said):
    with pytest.raises(ConfigError, match=said):
        compare("out", *arguments)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(compare, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="holds no comparison"):
        compare("out")
    with pytest.raises(ConfigError, match="a file, not a folder"):
        compare("out/mine.txt")
    with pytest.raises(CorpusError):
        compare("new", "--corpus", tmp_path / "gone.txt")
    with pytest.raises(ConfigError, match="inside the corpus folder"):
        compare("corpus", "--corpus", tmp_path)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_runs_are_compared_after_the_fact(novel, make_novel, tmp_path, capsys):
    other = make_novel([3 + number % 3 for number in range(40)], "other.txt", seed=2)
    for corpus, name, model in (
        (novel, "one", "seq2seq"),
        (novel, "two", "luong"),
        (other, "three", "seq2seq"),
    ):
        call(
            train,
            "--corpus",
            corpus,
            "--output",
            tmp_path / name,
            "--model",
            model,
            *TINY,
            "--max-steps",
            2,
        )
    compare_runs("--runs", tmp_path / "one", tmp_path / "two", "--output", tmp_path / "same")
    content = table(tmp_path / "same")
    assert [(run["name"], run["model"], run["steps"]) for run in content["runs"]] == [
        ("one", "seq2seq", 2),
        ("two", "luong", 2),
    ]
    assert content["same_test_texts"]
    assert "do not compare" not in capsys.readouterr().out
    compare_runs("--runs", tmp_path / "one", tmp_path / "three", "--output", tmp_path / "mixed")
    assert not table(tmp_path / "mixed")["same_test_texts"]
    said = capsys.readouterr().out
    assert "do not compare directly" in said
    assert "did not begin alike" not in said
    begins = ("--init", tmp_path / "one", "--model", "seq2seq", *TINY, "--max-steps", 2)
    call(train, "--corpus", novel, "--output", tmp_path / "four", *begins)
    compare_runs("--runs", tmp_path / "one", tmp_path / "four", "--output", tmp_path / "begun")
    assert "with trained weights four, with random ones one" in capsys.readouterr().out
    call(evaluate, "--checkpoint", tmp_path / "three", "--json", "--device", "cpu")
    measured = json.loads(capsys.readouterr().out)["bits_per_character"]
    assert measured == pytest.approx(table(tmp_path / "mixed")["runs"][1]["test_bpc"], rel=1e-5)
    for arguments, said in (
        (("--runs", tmp_path / "one", "--output", tmp_path / "same"), "another --runs"),
        (
            ("--runs", tmp_path / "one", tmp_path / "one", "--output", tmp_path / "new"),
            "occurs twice",
        ),
        (
            (
                "--runs",
                tmp_path / "one",
                "--dropout",
                "0.5",
                "--seeds",
                "2",
                "--output",
                tmp_path / "new",
            ),
            "leave out --seeds, --dropout",
        ),
    ):
        with pytest.raises(ConfigError, match=said):
            compare_runs(*arguments)
    with pytest.raises(CheckpointError, match="no trained model"):
        compare_runs("--runs", tmp_path / "one", tmp_path / "gone", "--output", tmp_path / "new")
    assert not (tmp_path / "new").exists()
