import dataclasses
import json

import pytest

from novelgen.api.evaluation import Evaluation
from novelgen.cli import Parser
from novelgen.commands import evaluate as command
from novelgen.config import DecodingConfig
from novelgen.errors import ConfigError
from novelgen.evaluation.groups import Group
from novelgen.evaluation.sweep import SweepRow
from novelgen.evaluation.writing import Measures

OPTIONS = dataclasses.asdict(DecodingConfig())
FOUND = Evaluation(
    bits_per_character=4.56789,
    perplexity=12.5,
    pairs=1234,
    characters=56_789,
    tokens=60_000,
    bits_per_character_interval=(4.5, 4.625),
    sweep=[
        SweepRow("sample", OPTIONS, Measures(-2.5, 0.25, 0.5, 0.125, length=20.0, finished=1.0), [])
    ],
)


@pytest.fixture
def evaluate(monkeypatch, capsys):
    """Runs the command on a found evaluation; returns what it prints, and what it asked for."""

    def call(*arguments, found=FOUND):
        asked = {}
        monkeypatch.setattr(
            command, "evaluate", lambda run, **options: asked.update(options, run=run) or found
        )
        parser = Parser(prog="evaluate")
        command.add_arguments(parser)
        command.main(parser.parse_args(["--checkpoint", "run", *arguments]))
        return capsys.readouterr().out, asked

    return call


def test_json_holds_what_python_returns(evaluate):
    printed, _ = evaluate("--json")
    assert json.loads(printed) == json.loads(json.dumps(FOUND.to_dict()))


def test_figures_are_shown_with_their_names(evaluate):
    printed, _ = evaluate()
    rows = [line.rsplit(maxsplit=1) for line in printed.splitlines()]
    assert rows == [
        ["BPC (bits per character, ends counted)", "4.5679"],
        [
            "95 % interval of the BPC                                               4.500 to",
            "4.625",
        ],
        ["perplexity per token, ends counted (not comparable across tokenizers)", "12.5000"],
        ["pairs", "1,234"],
        ["target characters", "56,789"],
        ["target tokens", "60,000"],
        ["log p per character", "-2.5000"],
        ["distinct-1", "0.2500"],
        ["distinct-2", "0.5000"],
        ["repeated 4-grams", "0.1250"],
        ["mean length", "20.0000"],
        ["ended by itself", "1.0000"],
    ]


def test_figures_of_the_ngram_model_are_shown_where_there_is_one(evaluate):
    found = dataclasses.replace(
        FOUND,
        bits_per_character_ngram=6.0,
        bits_per_character_interpolated=4.5,
        ngram_weight=0.25,
    )
    printed, _ = evaluate(found=found)
    rows = [line.rsplit(maxsplit=1) for line in printed.splitlines()]
    assert ["BPC of the n-gram model alone", "6.0000"] in rows
    assert ["BPC of both together", "4.5000"] in rows
    assert ["weight of the n-gram model", "0.2500"] in rows


def test_options_are_passed_on_and_others_are_not(evaluate):
    _, asked = evaluate("--part", "valid", "--generate", "3", "--temperature", "0.5")
    assert (asked["part"], asked["generate"], asked["temperature"]) == ("valid", 3, 0.5)
    assert "top_p" not in asked
    assert asked["corpus"] is None


def test_groups_are_a_table(evaluate):
    found = dataclasses.replace(FOUND, groups=[Group("第一章", 2, 30, 4.5, None)])
    printed, asked = evaluate("--by", "chapter", found=found)
    assert asked["by"] == "chapter"
    assert printed.splitlines()[-1].split() == ["第一章", "2", "30", "4.500", "—"]


def test_lists_of_options_become_a_table_and_a_file(evaluate, tmp_path):
    other = dataclasses.replace(FOUND.sweep[0], label="beam 5")
    found = dataclasses.replace(FOUND, sweep=[*FOUND.sweep, other])
    file = tmp_path / "texts.csv"
    words = ("--generate", "3", "--temperature", "0.5，1", "--top-k", "5", "--output", str(file))
    printed, asked = evaluate(*words, found=found)
    assert (asked["temperature"], asked["top_k"]) == ([0.5, 1.0], 5)
    table = printed.split("\n\n")[1].splitlines()
    assert [line.split()[0] for line in table[:3]] == ["setting", "sample", "beam"]
    assert file.exists()


@pytest.mark.parametrize("words", [["--output", "a.csv"], ["--generate", "1", "--output", "a.txt"]])
def test_a_file_that_cannot_be_is_refused_at_once(evaluate, words):
    with pytest.raises(ConfigError, match="--output"):
        evaluate(*words)
