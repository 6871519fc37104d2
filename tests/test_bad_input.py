"""A user's mistake: one clear line, exit code 2, nothing lost, no traceback."""

import importlib.util
from pathlib import Path

import pytest

from novelgen.shipped import shipped_novel

# Test modules are no package; the sibling is loaded by its path.
_SPEC = importlib.util.spec_from_file_location(
    "command_line", Path(__file__).with_name("test_command_line.py")
)
shell = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(shell)
checkpoint = shell.checkpoint


def complaint(*arguments, cwd):
    """The one line that a command answers with."""
    done = shell.run(*arguments, cwd=cwd, code=2)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert "Traceback" not in done.stdout
    return lines[0]


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
def test_a_corpus_that_cannot_be_used(tmp_path, make, words):
    path = tmp_path / "book.txt"
    make(path)
    assert words in complaint(
        "train", "--corpus", path, *shell.TINY, "--max-steps", 1, cwd=tmp_path
    )
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
def test_training_options_out_of_range(tmp_path, options, words):
    assert words in complaint("train", "--corpus", shell.NOVEL, *options, cwd=tmp_path)
    assert not (tmp_path / "checkpoints" / "novel").exists()


def test_output_inside_the_corpus_folder(tmp_path):
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "one.txt").write_text("船来了。\n水落了。\n", encoding="utf-8")
    assert "inside the corpus folder" in complaint(
        "train", "--corpus", "books", "--output", "books/run", cwd=tmp_path
    )


def test_a_held_out_novel_that_leaves_nothing_to_train_on(tmp_path):
    (tmp_path / "books").mkdir()
    for name in ("one", "two"):
        (tmp_path / "books" / f"{name}.txt").write_bytes(Path(shell.NOVEL).read_bytes())
    options = ("--corpus", "books", "--output", "store", "--hold-out", "one")
    assert "no pair to train on" in complaint("prepare", *options, cwd=tmp_path)
    assert not (tmp_path / "store").exists()


def test_a_list_of_removed_lines_that_there_is_not(tmp_path):
    options = ("--corpus", shell.NOVEL, "--output", "store", "--show-removed", "word")
    assert "words" in complaint("prepare", *options, cwd=tmp_path)


def test_decoding_options_without_anything_to_decode(checkpoint, tmp_path):
    assert "--generate" in complaint(
        "evaluate", "--checkpoint", checkpoint, "--top-k", "5", cwd=tmp_path
    )


def test_training_without_a_corpus_names_the_novel_that_comes_with_the_program(tmp_path):
    assert f"--corpus {shipped_novel()}," in complaint("train", cwd=tmp_path)
    assert "--corpus corpus/novel.txt," in complaint("train", cwd=shell.PROJECT)


def test_resuming_what_is_not_there(tmp_path):
    assert "python -m novelgen train" in complaint(
        "train", "--output", tmp_path / "run", "--resume", cwd=tmp_path
    )


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
def test_decoding_options_out_of_range(checkpoint, tmp_path, options, words):
    assert words in complaint(
        "generate", "--checkpoint", checkpoint, "--prompt", "船来了。", *options, cwd=tmp_path
    )


@pytest.mark.parametrize("prompt", ["", "  　\n", "\u200b"])
def test_an_empty_prompt(checkpoint, tmp_path, prompt):
    assert "--prompt" in complaint(
        "generate", "--checkpoint", checkpoint, "--prompt", prompt, cwd=tmp_path
    )


def test_a_checkpoint_that_is_missing_or_damaged(checkpoint, tmp_path):
    assert "python -m novelgen train" in complaint(
        "generate", "--checkpoint", tmp_path / "none", "--prompt", "船来了。", cwd=tmp_path
    )
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (copy / name).write_bytes((checkpoint / name).read_bytes())
    (copy / "model.safetensors").write_bytes((checkpoint / "model.safetensors").read_bytes()[:5000])
    for name in ("generate", "evaluate"):
        options = ["--prompt", "船来了。"] if name == "generate" else []
        assert "model.safetensors" in complaint(name, "--checkpoint", copy, *options, cwd=tmp_path)


def test_a_prompt_longer_than_the_source_limit_says_what_is_read(checkpoint, tmp_path):
    prompt = "船来了。他上了船，没有回头。" * 30
    done = shell.run(
        "generate",
        "--checkpoint",
        checkpoint,
        "--prompt",
        prompt,
        "--max-length",
        "9",
        cwd=tmp_path,
    )
    assert "the model reads the last 1" in done.stderr


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
def test_evaluation_options(checkpoint, tmp_path, arguments):
    assert (
        arguments[0].strip("-")
        in complaint("evaluate", "--checkpoint", checkpoint, *arguments, cwd=tmp_path)
        or "none" in arguments[1]
    )
