"""Pairs of a file from train.py to generate, evaluate, compare and the page's functions."""

import json
import shutil

import pytest

from novelgen.cli import Parser
from novelgen.commands import compare, evaluate, generate, train
from novelgen.config import Config, DecodingConfig
from novelgen.decoding.generator import Generator
from novelgen.decoding.session import GenerationSession
from novelgen.errors import CheckpointError, ConfigError, CorpusError
from novelgen.report.card import card
from novelgen.training.checkpoint import load_run
from novelgen.training.run_directory import RunDirectory
from novelgen.web.services import streaming
from novelgen.web.services.attention import choose, payload
from novelgen.web.services.examples import examples
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.tabs.run_type import learned_pairs

NUMBERS = {"one": "一", "two": "二", "three": "三", "four": "四", "five": "五", "six": "六"}
LINES = [f"{a} and {b}\t{NUMBERS[a]}和{NUMBERS[b]}\n" for a in NUMBERS for b in NUMBERS]
QUICK = (
    "--preset",
    "tiny",
    "--embedding-size",
    16,
    "--decoder-size",
    24,
    "--max-steps",
    6,
    "--validate-every",
    3,
    "--batch-tokens",
    100,
    "--device",
    "cpu",
    "--precision",
    "float32",
    "--min-count",
    1,
)


def call(command, *arguments):
    parser = Parser(prog="x")
    command.add_arguments(parser)
    command.main(parser.parse_args(list(map(str, arguments))))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with the file numbers.tsv and two runs of it.

    "own" has a vocabulary of its own for the source, "shared" has one for both sides.
    """
    folder = tmp_path_factory.mktemp("pairs")
    (folder / "numbers.tsv").write_text("".join(LINES), encoding="utf-8")
    (folder / "valid.tsv").write_text("".join(LINES[3:6]), encoding="utf-8")
    given = ("--pairs", folder / "numbers.tsv", *QUICK)
    call(
        train,
        *given,
        "--output",
        folder / "runs" / "own",
        "--source-level",
        "word",
        "--valid-pairs",
        folder / "valid.tsv",
    )
    call(
        train,
        *given,
        "--output",
        folder / "runs" / "shared",
        "--share-vocabulary",
        "--level",
        "word",
        "--copy",
    )
    return folder


def test_a_run_directory_writes_wherever_it_lies(runs, tmp_path, capsys):
    shutil.copytree(runs / "runs" / "own", tmp_path / "moved")
    call(
        generate,
        "--checkpoint",
        tmp_path / "moved",
        "--prompt",
        "one and two",
        "--device",
        "cpu",
        "--json",
        "--max-length",
        8,
    )
    printed = json.loads(capsys.readouterr().out)
    assert printed["text"]
    assert printed["prompt"] == "one and two"
    with pytest.raises(CheckpointError, match="put them back"):
        call(evaluate, "--checkpoint", tmp_path / "moved", "--device", "cpu")


def test_the_source_is_read_by_its_own_tokenizer(runs):
    generator = Generator.load(runs / "runs" / "own", "cpu")
    paragraph = generator.generate(" one and\x00 two ", max_length=8).paragraphs[0]
    assert paragraph.source_tokens == ["one", " and", " two", "<EOS>"]
    assert set(paragraph.tokens) <= {
        *"一二三四五六和",
        "<EOS>",
        *generator.tokenizer.labels(range(3, 259)),
    }
    assert paragraph.attention.shape == (len(paragraph.tokens), 4)


def test_pairs_have_defaults_of_their_own_and_what_is_given_wins(runs):
    generator = Generator.load(runs / "runs" / "own", "cpu")
    options = generator.decoding_config
    default = options()
    assert default.decoder == "beam"
    assert default.no_repeat_ngram == 0
    assert default.min_length == 1
    sampling = options(decoder="sample")
    assert sampling.temperature == 0.8
    assert sampling.repetition_penalty == 1.0
    assert options(no_repeat_ngram=3).no_repeat_ngram == 3
    assert options(temperature=0.5).temperature == 0.5
    assert generator.generate("one and two").text == generator.generate("one and two", seed=5).text


def test_what_is_written_is_a_next_source_only_in_the_same_vocabulary(runs):
    with pytest.raises(ConfigError, match="vocabulary of its own"):
        Generator.load(runs / "runs" / "own", "cpu").generate("one", paragraphs=2)
    assert (
        len(
            Generator.load(runs / "runs" / "shared", "cpu")
            .generate("one", paragraphs=2, max_length=5)
            .paragraphs
        )
        == 2
    )
    with pytest.raises(ConfigError, match="source side"):
        Generator.load(runs / "runs" / "own", "cpu").generate(" \n ")


def test_a_source_may_be_said_again(toy):
    """The rules against repetition look at the target: the source may have other ids."""
    prompt = "宝玉笑道：“我来了，你说去不去？”"
    config = DecodingConfig(no_repeat_ngram=2)
    of_novel = GenerationSession(toy.generator(Config()), prompt, config)
    of_pairs = GenerationSession(toy.generator(Config().replace(pairs="a.tsv")), prompt, config)
    assert of_novel.task(()).history.earlier[0].spans
    assert not of_pairs.task(()).history.earlier[0].spans


def test_evaluation_of_parts_other_files_and_writing(runs, tmp_path, capsys):
    def found(*arguments):
        capsys.readouterr()
        call(
            evaluate, "--checkpoint", runs / "runs" / "own", "--device", "cpu", "--json", *arguments
        )
        return json.loads(capsys.readouterr().out)

    test = found("--generate", 1000, "--max-length", 6)
    assert test["pairs"] == 3
    assert test["characters"] == 9
    assert {"bleu", "chrf", "copied_8grams"} <= set(test)
    assert found("--part", "train")["pairs"] == len(LINES)
    assert found("--pairs", runs / "valid.tsv")["bits_per_character"] == pytest.approx(
        test["bits_per_character"]
    )
    with pytest.raises(ConfigError, match="--pairs"):
        found("--corpus", runs / "valid.tsv")


def test_resuming_goes_on_and_refuses_another_file(runs, tmp_path):
    shutil.copytree(runs, tmp_path / "copy")
    run = tmp_path / "copy" / "runs" / "own"
    call(
        train,
        "--resume",
        "--output",
        run,
        "--pairs",
        tmp_path / "copy" / "numbers.tsv",
        "--max-steps",
        8,
    )
    assert RunDirectory(run).load_trainer()["position"]["step"] == 8
    with pytest.raises(ConfigError, match="leave --pairs out"):
        call(train, "--resume", "--output", run, "--pairs", tmp_path / "copy" / "valid.tsv")
    with pytest.raises(ConfigError, match="--share-vocabulary"):
        call(train, "--resume", "--output", run, "--share-vocabulary")


def test_runs_compare(runs, tmp_path, capsys):
    call(
        compare,
        "--runs",
        runs / "runs" / "own",
        runs / "runs" / "shared",
        "--output",
        tmp_path / "two",
        "--generate",
        2,
        "--device",
        "cpu",
    )
    table = json.loads((tmp_path / "two" / "table.json").read_text(encoding="utf-8"))
    assert [run["test_bpc"] is not None for run in table["runs"]] == [True, True]
    assert all(" and " in prompt for prompt in table["prompts"])


def test_a_foreign_source_vocabulary_is_noticed(runs, tmp_path):
    shutil.copytree(runs / "runs" / "own", tmp_path / "own")
    shutil.copy(tmp_path / "own" / "tokenizer.json", tmp_path / "own" / "source_tokenizer.json")
    with pytest.raises(CheckpointError, match=r"source_tokenizer\.json"):
        load_run(tmp_path / "own")


def test_the_page_knows_a_run_of_pairs(runs):
    registry = ModelRegistry(runs / "runs", device="cpu")
    assert learned_pairs(registry, "own")
    assert not learned_pairs(registry, "none")
    assert examples(registry, "own") == ["one and four", "one and five", "one and six"]
    *_, result = streaming.write(
        registry, "own", "one and two", {"decoder": "beam", "max_length": 6}
    )
    assert payload(choose(result, {}))["source"] == ["one", " and", " two", "<EOS>"]
    *_, again = streaming.write_from(registry, result, 0, 0, "三")
    assert again.generations[0].text.startswith("三")
    facts = card(RunDirectory(runs / "runs" / "own"))
    assert "numbers.tsv" in facts.corpus
    assert "valid.tsv" in facts.corpus
    assert "→" in facts.vocabulary
    assert "→" in facts.tokenizer
    assert "→" not in card(RunDirectory(runs / "runs" / "shared")).vocabulary


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--corpus", "x.txt"], "--corpus, --pairs"),
        (["--simplify"], "--simplify"),
        (["--encoding", "gbk"], "--encoding"),
        (["--context-paragraphs", "2"], "--context-paragraphs"),
        (["--segment-length", "50"], "--segment-length"),
        (["--copy"], "--copy.*--share-vocabulary"),
        (["--guide", "1"], "--guide.*--share-vocabulary"),
        (["--share-vocabulary", "--source-level", "word"], "--source-level"),
    ],
)
def test_what_does_not_go_with_pairs_is_refused_with_the_reason(runs, tmp_path, arguments, words):
    with pytest.raises(ConfigError, match=words) as caught:
        call(train, "--pairs", runs / "numbers.tsv", "--output", tmp_path / "run", *arguments)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "option", [["--share-vocabulary"], ["--valid-pairs", "x.tsv"], ["--source-level", "word"]]
)
def test_what_only_pairs_have_is_refused_for_a_novel(novel, tmp_path, option):
    with pytest.raises(ConfigError, match=f"{option[0]}.*only for --pairs"):
        call(train, "--corpus", novel, "--output", tmp_path / "run", *option)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a\tb\nno tab\n", "line 2"),
        (b"a\t \n", "line 1"),
        (b"a\tb\nc\t\xff\n", "line 2.*not UTF-8"),
        (b"", "no pairs"),
        (b"a\tb\nc\td\n", "--valid-pairs"),
    ],
)
def test_a_bad_file_is_one_clear_line_and_leaves_nothing(tmp_path, content, words):
    (tmp_path / "bad.tsv").write_bytes(content)
    with pytest.raises(CorpusError, match=words) as caught:
        call(train, "--pairs", tmp_path / "bad.tsv", "--output", tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert "bad.tsv" in str(caught.value)
    assert not (tmp_path / "run").exists()
