"""Several tasks from end to end: one model learns, writes and is evaluated in each of them.

The first token of a target says which task it is of.
"""

import json

import pytest

from novelgen.cli import Parser
from novelgen.commands import evaluate, generate, train
from novelgen.decoding.generator import Generator
from novelgen.errors import ConfigError, CorpusError
from novelgen.training.gradient_step import GradientStep
from novelgen.training.journal import read_metrics
from novelgen.training.run_directory import RunDirectory

pytestmark = pytest.mark.slow

STEMS = "甲乙丙丁戊己庚辛壬癸"
PLAIN = {"decoder": "greedy", "repetition_penalty": 1.0, "no_repeat_ngram": 0, "min_length": 0}
SMALL = (
    "--preset",
    "tiny",
    "--device",
    "cpu",
    "--precision",
    "float32",
    "--embedding-size",
    64,
    "--decoder-size",
    64,
    "--dropout",
    0,
    "--batch-tokens",
    300,
    "--patience",
    1000,
    "--min-count",
    1,
)


def moved(text, by):
    """Every stem moved on in the cycle of ten."""
    return "".join(
        STEMS[(STEMS.index(letter) + by) % 10] if letter in STEMS else letter for letter in text
    )


def call(command, *arguments):
    """Runs a command as the shell would, in this process."""
    parser = Parser(prog="command")
    command.add_arguments(parser)
    command.main(parser.parse_args([str(word) for word in arguments]))


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """Sixty chapters of four paragraphs, whose stem moves on by one from each to the next.

    No sequence of characters in it is long enough to be counted as a copy.
    """
    path = tmp_path_factory.mktemp("book") / "book.txt"
    lines = [
        line
        for number in range(1, 61)
        for line in (
            f"第{number}章",
            *(moved("甲来了。", 3 * number + place) for place in range(4)),
        )
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def checkpoint(book):
    directory = book.parent / "runs" / "book"
    call(
        train,
        "--corpus",
        book,
        "--output",
        directory,
        *SMALL,
        "--tasks",
        "next=2,previous,same",
        "--max-steps",
        500,
        "--learning-rate",
        1e-2,
        "--validate-every",
        250,
    )
    return directory


def test_one_model_does_what_the_first_token_says(checkpoint):
    """Without the first token at most one of three tasks could be right."""
    generator = Generator.load(checkpoint, "cpu")
    sources = [moved("甲来了。", place) for place in range(10)]
    for task, by in (("next", 1), ("previous", -1), ("same", 0)):
        right = sum(
            generator.generate(source, task=task, **PLAIN).text == moved(source, by)
            for source in sources
        )
        assert right >= 9, (task, right)
    source = sources[3]
    assert generator.generate(source, **PLAIN).text == moved(
        source, 1
    )  # the first of --tasks is the main one
    backwards = generator.generate(source, task="previous", paragraphs=3, **PLAIN)
    assert backwards.text == "\n".join(moved(source, -step) for step in (1, 2, 3))
    assert backwards.task == "previous"
    # What the model expected is asked with the same first token as it was written with.
    for place, value in zip(
        generator.inspect(backwards.paragraphs[0]),
        backwards.paragraphs[0].log_probabilities,
        strict=True,
    ):
        assert place.probability == pytest.approx(2.718281828459045**value, rel=1e-4)


def test_a_validation_tells_each_task_and_the_first_decides(checkpoint):
    looks = [
        record
        for record in read_metrics(RunDirectory(checkpoint).metrics)
        if "validation_bpc" in record
    ]
    assert len(looks) == 2
    for look in looks:
        assert list(look["validation_bpc_by_task"]) == ["next", "previous", "same"]
        assert look["validation_bpc_by_task"]["next"] == look["validation_bpc"]
    assert RunDirectory(checkpoint).load_info()["best"]["validation_bpc"] == min(
        look["validation_bpc"] for look in looks
    )
    assert "**previous**" in (checkpoint / "samples.md").read_text(encoding="utf-8")


def test_evaluate_tells_each_task_or_one(checkpoint, book, capsys):
    def printed(*options):
        call(evaluate, "--checkpoint", checkpoint, "--device", "cpu", *options)
        return capsys.readouterr().out

    every = json.loads(printed("--json"))
    assert list(every["tasks"]) == ["next", "previous", "same"]
    assert every["tasks"]["next"] == {
        name: value for name, value in every.items() if name != "tasks"
    }
    assert [figures["pairs"] for figures in every["tasks"].values()] == [9, 9, 12]
    for task, figures in every["tasks"].items():
        assert json.loads(printed("--json", "--task", task)) == figures
        assert (
            figures["bits_per_character"] < 0.4
        )  # not to know the stem costs 3.3 bits in four characters
    assert f"previous: BPC {every['tasks']['previous']['bits_per_character']:.4f}" in printed()
    whole = json.loads(printed("--json", "--corpus", book))
    assert [figures["pairs"] for figures in whole["tasks"].values()] == [180, 180, 240]
    pairs = book.with_name("pairs.tsv")
    pairs.write_text("乙来了。\t甲来了。\n", encoding="utf-8")
    mine = {
        task: json.loads(printed("--json", "--pairs", pairs, "--task", task))["bits_per_character"]
        for task in ("previous", "next")
    }
    assert mine["previous"] + 0.5 < mine["next"]
    assert "distinct_1" in printed("--json", "--generate", 2, "--task", "same")


def test_generate_takes_a_task(checkpoint, capsys):
    words = (
        "--checkpoint",
        checkpoint,
        "--prompt",
        "丙来了。\n辛来了。",
        "--device",
        "cpu",
        "--decoder",
        "greedy",
    )
    call(generate, *words, "--task", "previous")
    printed = capsys.readouterr()
    assert printed.out == "乙来了。\n"
    assert "reads the first 1" in printed.err
    call(generate, *words, "--task", "same")
    assert capsys.readouterr().out == "辛来了。\n"
    with pytest.raises(ConfigError, match="same"):
        call(generate, *words, "--task", "sam")


def test_a_task_that_was_not_trained_is_named(book, tmp_path):
    call(
        train,
        "--corpus",
        book,
        "--output",
        tmp_path / "run",
        *SMALL,
        "--max-steps",
        1,
        "--tasks",
        "previous,same",
    )
    with pytest.raises(ConfigError, match="previous, same"):
        call(generate, "--checkpoint", tmp_path / "run", "--prompt", "甲来了。", "--task", "next")
    with pytest.raises(ConfigError, match="previous, same"):
        call(evaluate, "--checkpoint", tmp_path / "run", "--task", "next")
    assert Generator.load(tmp_path / "run", "cpu").generate("甲来了。").task == "previous"
    with pytest.raises(ConfigError, match="--tasks"):
        call(train, "--output", tmp_path / "run", "--resume", "--tasks", "next")


def test_resumed_it_goes_on_bit_for_bit(book, tmp_path):
    """The second epoch draws other pairs than the first, and both runs draw the same."""
    options = (
        "--corpus",
        book,
        *SMALL,
        "--batch-tokens",
        100,
        "--tasks",
        "next,same=3",
        "--epochs",
        2,
        "--save-every",
        3,
        "--validate-every",
        5,
    )
    call(train, *options, "--output", tmp_path / "whole")

    class Killed(BaseException):
        pass

    records = read_metrics(RunDirectory(tmp_path / "whole").metrics)
    steps_of_first_epoch = sum(record.get("epoch") == 0 for record in records)
    compute = GradientStep.compute

    def dying(gradients, pairs, indices, next_indices, step, *others):
        if step == steps_of_first_epoch + 2:
            raise Killed
        return compute(gradients, pairs, indices, next_indices, step, *others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GradientStep, "compute", dying)
        with pytest.raises(Killed):
            call(train, *options, "--output", tmp_path / "broken")
    call(train, "--output", tmp_path / "broken", "--resume")
    losses = [
        {
            record["step"]: record["loss"]
            for record in read_metrics(RunDirectory(tmp_path / name).metrics)
            if "loss" in record
        }
        for name in ("whole", "broken")
    ]
    assert losses[0] == losses[1]
    assert len(losses[0]) > 10
    assert (tmp_path / "whole" / "model.safetensors").read_bytes() == (
        tmp_path / "broken" / "model.safetensors"
    ).read_bytes()


def test_a_corpus_too_small_for_a_task_leaves_nothing_behind(make_novel, tmp_path):
    with pytest.raises(CorpusError, match="previous"):
        call(
            train,
            "--corpus",
            make_novel([10]),
            "--output",
            tmp_path / "runs" / "run",
            *SMALL,
            "--max-steps",
            1,
            "--tasks",
            "next,previous",
        )
    assert not (tmp_path / "runs" / "run").exists()
