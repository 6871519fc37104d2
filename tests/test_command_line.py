"""The program as its users meet it: commands in a shell."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from novelgen.training.journal import read_metrics
from tests.in_process import run_command

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[1]
NOVEL = PROJECT / "corpus" / "novel.txt"
TINY = ("--preset", "tiny", "--device", "cpu", "--precision", "float32", "--batch-tokens", "600")
# Commands speak English, as `conftest` has it in the environment.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}


def command(*arguments):
    """The words of a shell command; training by its shim, as in a clone."""
    first, *rest = map(str, arguments)
    program = [str(PROJECT / "train.py")] if first == "train" else ["-m", "novelgen", first]
    return [sys.executable, *program, *rest]


def start(*arguments, code=0):
    """Runs a command to its end in a process of its own; as `run`."""
    done = subprocess.run(
        command(*arguments),
        cwd=PROJECT,
        env=ENVIRONMENT | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def run(*arguments, code=0):
    """Runs a command to its end and returns what it printed; it must exit with `code`."""
    done = run_command(*arguments, folder=PROJECT)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def losses(directory):
    records = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    return {record["step"]: record["loss"] for record in records if "loss" in record}


def wait_for_step(directory, step):
    """Waits until a training that goes on in another process has taken a step."""
    deadline = time.monotonic() + 120
    steps = []
    while max(steps, default=0) < step and time.monotonic() < deadline:
        time.sleep(0.02)
        steps = [record["step"] for record in read_metrics(directory / "metrics.jsonl")]
    assert max(steps, default=0) >= step, "it does not train"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A run on the shipped novel: a few steps, so it writes nonsense, but it writes."""
    directory = tmp_path_factory.mktemp("checkpoints") / "novel"
    done = start(
        "train",
        "--corpus",
        NOVEL,
        "--output",
        directory,
        *TINY,
        "--max-steps",
        12,
        "--validate-every",
        6,
    )
    assert f"generate --checkpoint {directory}" in done.stdout
    assert "continuation:" in done.stdout
    return directory


def test_a_run_directory_holds_what_the_readme_names(checkpoint):
    names = {path.name for path in checkpoint.iterdir()}
    assert {
        "config.json",
        "tokenizer.json",
        "model.safetensors",
        "ngram.safetensors",
        "trainer.pt",
        "metrics.jsonl",
        "samples.md",
        "loss.png",
    } <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert list(losses(checkpoint)) == list(range(1, 13))
    assert (checkpoint / "samples.md").read_text(encoding="utf-8").count("## Step ") == 2
    assert (checkpoint / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_is_not_overwritten_unasked(checkpoint):
    before = (checkpoint / "model.safetensors").read_bytes()
    done = run("train", "--corpus", NOVEL, "--output", checkpoint, *TINY, "--max-steps", 1, code=2)
    assert "--overwrite" in done.stderr
    assert "--resume" in done.stderr
    assert (checkpoint / "model.safetensors").read_bytes() == before


def test_a_finished_run_goes_on_with_a_larger_budget(checkpoint, tmp_path):
    run("train", "--corpus", NOVEL, "--output", tmp_path / "run", *TINY, "--max-steps", 4)
    done = run("train", "--output", tmp_path / "run", "--resume", "--max-steps", 8)
    assert "step 4" in done.stdout
    assert list(losses(tmp_path / "run")) == list(range(1, 9))
    assert (
        json.loads((tmp_path / "run" / "config.json").read_text())["config"]["training"][
            "max_steps"
        ]
        == 8
    )
    done = run("train", "--output", tmp_path / "run", "--resume", "--dropout", 0.5, code=2)
    assert "--dropout" in done.stderr
    done = run(
        "train", "--output", tmp_path / "run", "--resume", "--corpus", PROJECT / "README.md", code=2
    )
    assert "leave --corpus out" in done.stderr


@pytest.mark.parametrize("budget", ["4", "2"])
def test_resuming_with_a_spent_budget_says_the_step_and_what_to_pass(tmp_path, budget):
    run("train", "--corpus", NOVEL, "--output", tmp_path / "run", *TINY, "--max-steps", 4)
    done = run("train", "--output", tmp_path / "run", "--resume", "--max-steps", budget)
    assert "this run is at step 4" in done.stdout
    assert f"--max-steps {budget}" in done.stdout
    assert "pass a larger one" in done.stdout
    assert list(losses(tmp_path / "run")) == [1, 2, 3, 4]


def test_data_that_became_another_is_refused(tmp_path):
    run("prepare", "--corpus", NOVEL, "--output", tmp_path / "store")
    run(
        "train",
        "--corpus",
        tmp_path / "store",
        "--output",
        tmp_path / "run",
        *TINY,
        "--max-steps",
        1,
    )
    run(
        "prepare",
        "--corpus",
        NOVEL,
        "--segment-length",
        50,
        "--output",
        tmp_path / "store",
        "--overwrite",
    )
    for words in (
        ("evaluate", "--checkpoint", tmp_path / "run"),
        ("train", "--output", tmp_path / "run", "--resume"),
    ):
        assert "not what the run was trained on" in run(*words, code=2).stderr


def test_killed_and_resumed_equals_uninterrupted(tmp_path):
    options = (
        "--corpus",
        NOVEL,
        *TINY,
        "--max-steps",
        60,
        "--save-every",
        7,
        "--validate-every",
        25,
    )
    # A process as well: what other tests left in this one may change how sums are rounded.
    start("train", *options, "--output", tmp_path / "whole")
    broken = tmp_path / "broken"
    process = subprocess.Popen(
        command("train", *options, "--output", broken),
        cwd=PROJECT,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for_step(broken, 9)  # the last save was two steps ago
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it had ended before it was killed"
    start("train", "--output", broken, "--resume")
    assert losses(broken) == losses(tmp_path / "whole")
    assert (broken / "model.safetensors").read_bytes() == (
        tmp_path / "whole" / "model.safetensors"
    ).read_bytes()


def test_two_trainings_do_not_write_into_one_directory(tmp_path):
    directory = tmp_path / "run"
    options = ("--corpus", NOVEL, *TINY, "--max-steps", 100_000, "--save-every", 3)
    first = subprocess.Popen(
        command("train", *options, "--output", directory),
        cwd=PROJECT,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_step(directory, 1)
        # 1. Whatever the second one is asked for, it is refused in one line.
        for words in ((*options, "--overwrite"), options, ("--resume",)):
            done = run("train", *words, "--output", directory, code=2)
            assert len(done.stderr.splitlines()) == 1
            assert f"{directory}: process {first.pid} has been training here since" in done.stderr
    finally:
        first.kill()
    assert first.wait() == -signal.SIGKILL, "it had ended before it was killed"
    # 2. What the killed one has left keeps nobody out, and is gone afterwards.
    assert (directory / ".training.lock").exists()
    step = max(losses(directory))
    run("train", "--output", directory, "--resume", "--max-steps", step + 2)
    assert list(losses(directory)) == list(range(1, step + 3))
    assert not list(directory.glob(".*"))


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path):
    directory = tmp_path / "run"
    process = subprocess.Popen(
        command(
            "train",
            "--corpus",
            NOVEL,
            *TINY,
            "--max-steps",
            100_000,
            "--save-every",
            3,
            "--output",
            directory,
        ),
        cwd=PROJECT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    wait_for_step(directory, 1)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"python -m novelgen train --output {directory} --resume" in printed
    # It is counted when the run has come to its end.
    assert not (directory / "ngram.safetensors").exists()
    start("generate", "--checkpoint", directory, "--prompt", "船来了。")


def test_generate_prints_text_and_seed_and_is_reproducible(checkpoint):
    first = run(
        "generate",
        "--checkpoint",
        checkpoint,
        "--prompt",
        "船来了。",
        "--max-length",
        20,
        "--min-length",
        10,
    )
    seed = first.stderr.rsplit("seed: ", 1)[1].split()[0]
    again = run(
        "generate",
        "--checkpoint",
        checkpoint,
        "--prompt",
        "船来了。",
        "--max-length",
        20,
        "--min-length",
        10,
        "--seed",
        seed,
    )
    assert first.stdout == again.stdout
    assert len(first.stdout.strip()) >= 10


@pytest.mark.parametrize(
    "decoder",
    [("greedy",), ("beam", "--beam-size", "3", "--n-best", "2"), ("sample", "--top-k", "9")],
)
def test_generate_json_tells_everything(checkpoint, tmp_path, decoder):
    weights = tmp_path / "attention.json"
    done = run(
        "generate",
        "--checkpoint",
        checkpoint,
        "--prompt",
        "船来了。龘",
        "--decoder",
        *decoder,
        "--paragraphs",
        2,
        "--prefix",
        "小满",
        "--max-length",
        20,
        "--seed",
        5,
        "--json",
        "--attention",
        weights,
    )
    answer = json.loads(done.stdout)
    assert len(answer["tokens"]) == len(answer["log_probabilities"]) > 4
    assert answer["seed"] == 5
    assert answer["text"].startswith("小满")
    assert len(answer["paragraphs"]) == 2
    for paragraph in answer["paragraphs"]:
        assert len(paragraph["tokens"]) == len(paragraph["log_probabilities"])
        assert all(value <= 0 for value in paragraph["log_probabilities"])
    assert json.loads(weights.read_text(encoding="utf-8"))


def test_evaluate_measures_the_test_part_by_default(checkpoint):
    answer = json.loads(
        start("evaluate", "--checkpoint", checkpoint, "--json", "--shuffle-sources").stdout
    )
    assert {
        "bits_per_character",
        "perplexity",
        "pairs",
        "characters",
        "bits_per_character_shuffled",
    } <= answer.keys()
    prepared = json.loads(
        (next(checkpoint.parent.glob(".stores/*/meta.json"))).read_text(encoding="utf-8")
    )
    assert answer["pairs"] == prepared["pairs"]["test"]
    assert 5 < answer["bits_per_character"] < 15


def test_evaluate_takes_other_texts_and_measures_writing(checkpoint, tmp_path):
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("船来了。\t小满上了船。\n水落了。\t“水说了算。”\n", encoding="utf-8")
    answer = json.loads(
        run("evaluate", "--checkpoint", checkpoint, "--pairs", pairs, "--json").stdout
    )
    assert answer["pairs"] == 2
    assert answer["characters"] == 13
    novel = tmp_path / "other.txt"
    novel.write_text("船来了。\n小满上了船。\n水落了。\n", encoding="gb18030")
    answer = json.loads(
        run(
            "evaluate", "--checkpoint", checkpoint, "--corpus", novel, "--generate", 2, "--json"
        ).stdout
    )
    assert answer["pairs"] == 2
    assert answer["characters"] == 10
    run("prepare", "--corpus", novel, "--output", tmp_path / "store")
    again = json.loads(
        run("evaluate", "--checkpoint", checkpoint, "--corpus", tmp_path / "store", "--json").stdout
    )
    assert again["bits_per_character"] == answer["bits_per_character"]
    for name in ("distinct_1", "distinct_2", "repeated_4grams", "copied_8grams"):
        assert 0 <= answer[name] <= 1
    assert {"bleu", "chrf"} <= answer.keys()


def test_evaluate_rebuilds_data_that_is_gone(checkpoint, tmp_path):
    corpus = tmp_path / "book.txt"
    corpus.write_bytes(NOVEL.read_bytes())
    run(
        "train", "--corpus", corpus, "--output", tmp_path / "runs" / "book", *TINY, "--max-steps", 2
    )
    before = run("evaluate", "--checkpoint", tmp_path / "runs" / "book", "--json").stdout
    subprocess.run(["rm", "-r", str(tmp_path / "runs" / ".stores")], check=True)
    assert run("evaluate", "--checkpoint", tmp_path / "runs" / "book", "--json").stdout == before
    subprocess.run(["rm", "-r", str(tmp_path / "runs" / ".stores"), str(corpus)], check=True)
    assert "--pairs" in run("evaluate", "--checkpoint", tmp_path / "runs" / "book", code=2).stderr


def test_prepare_reports_and_exports_and_feeds_training(tmp_path):
    done = start(
        "prepare",
        "--corpus",
        NOVEL,
        "--output",
        tmp_path / "store",
        "--export-pairs",
        tmp_path / "pairs",
        "--json",
    )
    report = json.loads(done.stdout)
    assert {"encoding", "chapters", "paragraphs", "characters", "pairs", "removed"} <= report.keys()
    assert report["chapters"] == 30
    assert report["encoding"] == "utf-8"
    assert {path.name for path in (tmp_path / "pairs").iterdir()} == {
        "train.tsv",
        "valid.tsv",
        "test.tsv",
    }
    run(
        "train",
        "--corpus",
        tmp_path / "store",
        "--output",
        tmp_path / "run",
        *TINY,
        "--max-steps",
        1,
    )


def test_the_word_tokenizer_goes_all_the_way(tmp_path):
    run(
        "train",
        "--corpus",
        NOVEL,
        "--output",
        tmp_path / "run",
        "--tokenizer",
        "word",
        *TINY,
        "--max-steps",
        2,
    )
    done = run(
        "generate",
        "--checkpoint",
        tmp_path / "run",
        "--prompt",
        "何小满上了船。",
        "--prefix",
        "爷爷",
        "--max-length",
        12,
    )
    assert done.stdout.startswith("爷爷")
    assert (
        json.loads(run("evaluate", "--checkpoint", tmp_path / "run", "--json").stdout)[
            "bits_per_character"
        ]
        > 5
    )


# A command with `--lang` in every place where it may stand.
LANGUAGE_PLACES = [
    ["train.py", "--lang", "{}", "--help"],
    ["train.py", "--help", "--lang", "{}"],
    ["app.py", "--lang={}", "--help"],
    ["-m", "novelgen", "--lang", "{}", "--help"],
    ["-m", "novelgen", "--lang", "{}", "app", "--help"],
    ["-m", "novelgen", "--lang", "{}", "generate", "--help"],
    ["-m", "novelgen", "generate", "--lang", "{}", "--help"],
    ["-m", "novelgen", "generate", "--help", "--lang", "{}"],
]


def run_in(language, words, default="zh"):
    """Runs `words`, their {} filled in, where the environment names another language."""
    return subprocess.run(
        [sys.executable, *(word.format(language) for word in words)],
        cwd=PROJECT,
        env={**ENVIRONMENT, "NOVELGEN_LANG": default},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize("words", LANGUAGE_PLACES, ids=" ".join)
def test_the_language_may_be_named_before_or_after_the_command(words):
    english = run_in("en", words)
    assert english.returncode == 0, english.stderr
    assert "show this help message and exit" in english.stdout
    chinese = run_in("zh", words, default="en")
    assert chinese.returncode == 0, chinese.stderr
    assert "显示本帮助并退出" in chinese.stdout
    # The options of the command itself are there in both.
    assert ("--prompt TEXT" in english.stdout) == ("generate" in words)


@pytest.mark.parametrize("words", LANGUAGE_PLACES, ids=" ".join)
def test_a_language_that_does_not_exist_is_one_line(words):
    # Where --help comes first, the help is shown.
    done = run_in("fr", [word for word in words if word != "--help"], default="en")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "argument --lang: invalid choice: 'fr'" in done.stderr


@pytest.mark.parametrize(
    "name", ["train", "app", "generate", "evaluate", "prepare", "compare", "doctor"]
)
def test_help_answers_at_once(name):
    slow_imports = ["torch", "gradio"]
    # What `prepare` reports on is in arrays.
    if name != "prepare":
        slow_imports.append("numpy")
    program = (
        "import runpy, sys; sys.argv = sys.argv[1:]\n"
        "try: runpy.run_module('novelgen', run_name='__main__')\n"
        f"finally: print('imported:', [each for each in {slow_imports} if each in sys.modules])"
    )
    words = ["novelgen", name]
    done = subprocess.run(
        [sys.executable, "-c", program, *words, "--help"],
        cwd=PROJECT,
        capture_output=True,
        encoding="utf-8",
        env=ENVIRONMENT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "imported: []"
    assert "--" in done.stdout


def test_the_package_offers_its_generator(checkpoint):
    program = (
        f"from novelgen import Generator; generator = Generator.load({str(checkpoint)!r}); "
        "print(generator.generate('船来了。', seed=1, min_length=5).text)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env=ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) > 5
