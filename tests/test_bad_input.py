"""A user's mistake: one clear line, exit code 2, nothing lost, no traceback."""

import runpy
import sys
from pathlib import Path

import pytest

from novelgen.shipped import shipped_novel

PROJECT = Path(__file__).parents[1]
NOVEL = PROJECT / "corpus" / "novel.txt"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs a command as a shell in `tmp_path` would, in this process: what it prints, its code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOVELGEN_LANG", "en")

    def run(command, *arguments):
        words = map(str, arguments)
        if command == "train":
            script, words = PROJECT / "train.py", [*words]
        else:
            script, words = PROJECT / "novelgen" / "__main__.py", [command, *words]
        monkeypatch.setattr(sys, "argv", [str(script), *words])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(script), run_name="__main__")
        return capsys.readouterr(), ended.value.code

    return run


@pytest.fixture
def complaint(run):
    """Runs a command that is refused; the one line that it answers with."""

    def complaint(*arguments):
        printed, code = run(*arguments)
        assert code == 2
        (line,) = printed.err.splitlines()
        assert line.startswith("error: ")
        return line

    return complaint


@pytest.fixture(scope="session")
def checkpoint(make_run, tmp_path_factory):
    """A run directory with an untrained model."""
    return make_run(tmp_path_factory.mktemp("runs") / "run")


def empty(path):
    path.write_bytes(b"")


def folder_without_text(path):
    path.mkdir()
    (path / "picture.png").write_bytes(b"\x89PNG")


def binary(path):
    path.write_bytes(bytes(range(256)) * 400)


def undecodable(path):
    path.write_bytes(
        "第一章　雨\n天下着雨，谁也没有出门。\n".encode() * 20
        + b"\xff\xfe\xfa"
        + "后来雨停了。\n".encode() * 300
    )


def one_paragraph(path):
    path.write_text("只有一段。", encoding="utf-8")


def one_endless_line(path):
    path.write_text("啊" * 3_000_000, encoding="utf-8")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "no such file"),
        (folder_without_text, "no text file"),
        (empty, "empty"),
        (binary, "binary"),
        (undecodable, "--errors replace"),
        (one_paragraph, "at least two"),
        (one_endless_line, "sentence"),
    ],
)
def test_a_corpus_that_cannot_be_used(tmp_path, make, words, complaint):
    path = tmp_path / "book.txt"
    make(path)
    assert words in complaint("train", "--corpus", path, "--preset", "tiny", "--max-steps", 1)
    assert not (tmp_path / "checkpoints" / "book").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--preset", "smal"], "small"),
        (["--tokenizer", "chars"], "char"),
        (["--dropout", "1.5"], "--dropout"),
        (["--max-steps", "many"], "--max-steps"),
        (["--lerning-rate", "1"], "--lerning-rate"),
        (["--batch-tokens", "0"], "--batch-tokens"),
        (["--device", "tpu"], "cuda"),
        (["--resume", "--overwrite"], "--overwrite"),
        (["--encoding", "gb18031"], "gb18030"),
        (["--hold-out", "novl"], "novel"),
        (["--hold-out", "novel"], "this novel alone"),
    ],
)
def test_training_options_out_of_range(tmp_path, options, words, complaint):
    assert words in complaint("train", "--corpus", NOVEL, *options)
    assert not (tmp_path / "checkpoints" / "novel").exists()


def test_a_model_that_comes_without_its_corpus(checkpoint, tmp_path, complaint):
    """As the base model does: it has a vocabulary and weights, and nothing says of what."""
    before = sorted(checkpoint.iterdir())
    for words in (
        ("evaluate", "--checkpoint", checkpoint),
        ("train", "--resume", "--output", checkpoint, "--max-steps", 9),
        ("train", "--resume", "--output", checkpoint, "--max-steps", 9, "--corpus", NOVEL),
        ("compare", "--runs", checkpoint, "--output", tmp_path / "compared"),
    ):
        line = complaint(*words)
        assert "evaluate it with --corpus" in line
        assert "--init" in line
    assert sorted(checkpoint.iterdir()) == before


def test_output_inside_the_corpus_folder(tmp_path, complaint):
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "one.txt").write_text("船来了。\n水落了。\n", encoding="utf-8")
    assert "inside the corpus folder" in complaint(
        "train", "--corpus", "books", "--output", "books/run"
    )


def test_a_held_out_novel_that_leaves_nothing_to_train_on(tmp_path, complaint):
    (tmp_path / "books").mkdir()
    for name in ("one", "two"):
        (tmp_path / "books" / f"{name}.txt").write_bytes(NOVEL.read_bytes())
    options = ("--corpus", "books", "--output", "store", "--hold-out", "one")
    assert "no pair to train on" in complaint("prepare", *options)
    assert not (tmp_path / "store").exists()


def test_a_list_of_removed_lines_that_there_is_not(complaint):
    options = ("--corpus", NOVEL, "--output", "store", "--show-removed", "word")
    assert "words" in complaint("prepare", *options)


def test_decoding_options_without_anything_to_decode(checkpoint, complaint):
    assert "--generate" in complaint("evaluate", "--checkpoint", checkpoint, "--top-k", "5")


def test_training_without_a_corpus_names_the_novel_that_comes_with_the_program(
    complaint, monkeypatch
):
    assert f"--corpus {shipped_novel()}," in complaint("train")
    monkeypatch.chdir(PROJECT)
    assert "--corpus corpus/novel.txt," in complaint("train")


def test_resuming_what_is_not_there(tmp_path, complaint):
    refused = complaint("train", "--output", tmp_path / "run", "--resume")
    assert "python -m novelgen train" in refused


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--top-p", "1.5"], "--top-p"),
        (["--temperature", "-1"], "--temperature"),
        (["--decoder", "beam", "--beam-size", "0"], "--beam-size"),
        (["--decoder", "beem"], "beam"),
        (["--num-samples", "9", "--decoder", "beam", "--beam-size", "2"], "--beam-size"),
        (["--attention", "weights.txt"], ".npz"),
        (["--min-length", "50", "--max-length", "20"], "--min-length"),
    ],
)
def test_decoding_options_out_of_range(checkpoint, options, words, complaint):
    assert words in complaint(
        "generate", "--checkpoint", checkpoint, "--prompt", "船来了。", *options
    )


@pytest.mark.parametrize("prompt", ["", "  　\n", "\u200b"])
def test_an_empty_prompt(checkpoint, prompt, complaint):
    assert "--prompt" in complaint("generate", "--checkpoint", checkpoint, "--prompt", prompt)


def test_a_checkpoint_that_is_missing_or_damaged(checkpoint, tmp_path, complaint):
    assert "python -m novelgen train" in complaint(
        "generate", "--checkpoint", tmp_path / "none", "--prompt", "船来了。"
    )
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (copy / name).write_bytes((checkpoint / name).read_bytes())
    (copy / "model.safetensors").write_bytes((checkpoint / "model.safetensors").read_bytes()[:5000])
    for name in ("generate", "evaluate"):
        options = ["--prompt", "船来了。"] if name == "generate" else []
        assert "model.safetensors" in complaint(name, "--checkpoint", copy, *options)


def test_a_prompt_longer_than_the_source_limit_says_what_is_read(checkpoint, run):
    prompt = "船来了。他上了船，没有回头。" * 30
    options = ("--checkpoint", checkpoint, "--prompt", prompt, "--max-length", "9")
    printed, code = run("generate", *options)
    assert "the model reads the last 1" in printed.err
    assert code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--part", "tests"],
        ["--generate", "-1"],
        ["--pairs", "none.tsv"],
        ["--corpus", "none.txt"],
        ["--part", "test", "--pairs", "x.tsv"],
        ["--device", "gpu"],
        ["--encoding", "big5"],
    ],
)
def test_evaluation_options(checkpoint, arguments, complaint):
    assert (
        arguments[0].strip("-") in complaint("evaluate", "--checkpoint", checkpoint, *arguments)
        or "none" in arguments[1]
    )


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["train", "corpus/novel.txt"], "--corpus corpus/novel.txt"),
        (["train", "--epoch", "3"], "--epochs"),
        (["train", "--lr=0.1"], "--learning-rate"),
        (["train", "--max_steps", "3"], "--max-steps"),
        (["train", "--layers", "2"], "--encoder-layers"),
        (["app", "novel"], "--checkpoint novel"),
        (["evaluate", "novel"], "--checkpoint novel"),
        (["report", "novel"], "--checkpoint novel"),
        (["generate", "rain"], "--prompt rain"),
        (["compare", "novel.txt"], "--corpus novel.txt"),
    ],
)
def test_what_a_command_does_not_know_is_answered_with_what_may_be_meant(complaint, words, meant):
    line = complaint(*words)
    assert f"did you mean {meant}?" in line
    assert f"{words[0]} --help" in line


def test_what_nothing_is_near_to_is_only_refused(complaint):
    assert "did you mean" not in complaint("train", "--xyzzy", "3")


def test_a_folder_of_runs_is_answered_with_the_runs_in_it(complaint, make_run, tmp_path):
    for name in ("one", "two"):
        make_run(tmp_path / "runs" / name)
    (tmp_path / "runs" / "notes.txt").write_text("", encoding="utf-8")
    line = complaint("generate", "--checkpoint", "runs", "--prompt", "你好")
    assert "a folder of runs" in line
    assert all(str(Path("runs") / name) in line for name in ("one", "two"))
    assert "notes" not in line


def test_no_temperature_at_all_is_greedy(complaint, checkpoint):
    words = ("generate", "--checkpoint", checkpoint, "--prompt", "你", "--temperature", "0")
    assert "--decoder greedy" in complaint(*words)


@pytest.mark.parametrize(
    ("options", "unused"),
    [
        (["--decoder", "beam", "--temperature", "0.7"], "note: --temperature: without effect"),
        (["--decoder", "greedy", "--top-k", "3", "--top-p", "0.5"], "note: --top-k, --top-p:"),
        (["--beam-size", "3"], "note: --beam-size: without effect with --decoder sample"),
        (["--dry-base", "2"], "note: --dry-base: without effect without --dry-multiplier"),
        (["--dry-base", "2", "--dry-multiplier", "0.5"], None),
        (["--dry-window", "9", "--style", "bold"], None),
        (["--decoder", "beam", "--beam-size", "3", "--seed", "1"], None),
    ],
)
def test_an_option_without_effect_is_said_to_be_one(run, checkpoint, options, unused):
    words = ("--checkpoint", checkpoint, "--prompt", "宝玉", "--max-length", "5", *options)
    printed, code = run("generate", *words)
    assert code == 0
    notes = [line for line in printed.err.splitlines() if line.startswith("note: ")]
    assert len(notes) == (unused is not None)
    assert unused is None or unused in notes[0]
