"""`prepare` on the command line."""

import itertools
import json
import re
from typing import NamedTuple

import pytest

from novelgen.cli import Parser
from novelgen.commands.prepare import add_arguments, main, to_dict
from novelgen.commands.removed_lines import removal_lines
from novelgen.config import DataConfig, TextConfig
from novelgen.data.pairs import Pairs
from novelgen.data.store import Store
from novelgen.errors import ConfigError, CorpusError
from novelgen.text.report import Removal
from novelgen.text.words import UserWord, read_user_dict
from tests.text.test_names import story_of_people


@pytest.fixture
def run(capsys):
    """Runs `prepare` and returns what it printed."""

    def run(*arguments):
        parser = Parser(prog="prepare")
        add_arguments(parser)
        main(parser.parse_args([str(argument) for argument in arguments]))
        return capsys.readouterr().out

    return run


def test_the_report_says_what_is_there_and_what_to_do_next(run, novel, tmp_path):
    output = run("--corpus", novel, "--output", tmp_path / "store")
    store = Store.open(tmp_path / "store")
    assert f"{store.meta['pairs']['train']:,}" in output
    assert f"{store.meta['pairs']['valid']:,}" in output
    assert "utf-8" in output
    assert re.search(r"chapters:? +40\b", output)
    assert store.summary() in output
    assert f"stored in: {tmp_path / 'store'}" in output
    command = f"python -m novelgen train --corpus {tmp_path / 'store'}"
    assert output.splitlines()[-1] == f"next step: {command}"


def test_the_next_command_can_be_copied_where_a_path_has_a_space(run, novel, tmp_path):
    output = run("--corpus", novel, "--output", tmp_path / "my store")
    assert output.splitlines()[-1].endswith(f"--corpus '{tmp_path / 'my store'}'")


def test_a_reused_store_reports_the_same(run, novel, tmp_path):
    novel.write_text(
        "　　" + novel.read_text(encoding="utf-8") + "更多小说请访问www.example.com\n",
        encoding="utf-8",
    )
    first = run("--corpus", novel, "--output", tmp_path / "store")
    assert run("--corpus", novel, "--output", tmp_path / "store") == first


def test_json_has_the_promised_keys(run, novel, tmp_path):
    report = json.loads(run("--corpus", novel, "--output", tmp_path / "store", "--json"))
    assert report["encoding"] == "utf-8"
    assert report["chapters"] == 40
    assert report["paragraphs"] == sum(3 + number % 4 for number in range(40))
    assert report["characters"] == sum(map(len, Store.open(tmp_path / "store").texts()))
    assert report["pairs"] == sum(report["pairs_by_part"].values()) > 0
    assert isinstance(report["removed"], dict)


def test_json_counts_the_pairs_of_an_undivided_corpus_once(run, make_novel, tmp_path):
    report = json.loads(run("--corpus", make_novel([4]), "--output", tmp_path / "store", "--json"))
    assert report["pairs"] == 3


def test_options_reach_the_store(run, novel, tmp_path):
    run(
        "--corpus",
        novel,
        "--output",
        tmp_path / "store",
        "--segment-length",
        30,
        "--tokenizer",
        "word",
        "--min-count",
        3,
    )
    store = Store.open(tmp_path / "store")
    assert store.text_config == TextConfig(segment_length=30)
    assert store.data_config == DataConfig(tokenizer="word", min_count=3)
    with pytest.raises(ConfigError, match="--tokenizer"):
        run("--corpus", novel, "--output", tmp_path / "other", "--tokenizer", "wrod")


def test_removed_lines_are_shown_even_for_a_store_that_is_there(run, novel, tmp_path):
    line = "更多小说请访问www.example.com"
    novel.write_text(novel.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    for _ in range(2):
        output = run("--corpus", novel, "--output", tmp_path / "store", "--show-removed")
        assert any(line in shown for shown in output.splitlines())
    report = json.loads(
        run("--corpus", novel, "--output", tmp_path / "store", "--show-removed", "--json")
    )
    assert any(removal["before"] == line for removal in report["removals"])


@pytest.fixture
def indented(novel):
    """A novel whose paragraphs are indented, with an advert and a passage that is there twice."""
    text = novel.read_text(encoding="utf-8")
    passage = "".join(f"　　{line}\n" for line in text.splitlines()[1:4])
    lines = ["　　" + line if not line.startswith("第") else line for line in text.splitlines()]
    advert = "更多小说请访问www.example.com"
    novel.write_text("\n".join([*lines, advert, passage]), encoding="utf-8")
    return novel


def test_what_changes_words_is_shown_by_default_and_the_rest_on_request(run, indented, tmp_path):
    arguments = ("--corpus", indented, "--output", tmp_path / "store", "--show-removed")
    words = run(*arguments, "--json")
    rules = {removal["rule"] for removal in json.loads(words)["removals"]}
    assert rules == {"adverts", "duplicates"}
    assert "spaces around lines" not in run(*arguments).split("file:")[0]
    everything = json.loads(run(*arguments, "all", "--json"))["removals"]
    assert "outer_spaces" in {removal["rule"] for removal in everything}
    assert "[spaces around lines]" in run(*arguments, "all").split("file:")[0]
    with pytest.raises(ConfigError, match="--show-removed"):
        run(*arguments, "everything")


def test_removed_lines_stand_below_their_file_and_chapter():
    class Told(NamedTuple):
        """A removal of an import that tells more than the line."""

        rule: str
        before: str
        after: str
        reason: str
        is_doubtful: bool
        file: str
        chapter: int

        def __str__(self):
            return f"[{self.rule}] {self.before} {self.after}".rstrip()

    told = [
        Told("adverts", "one", "", "", False, "a.txt", 0),
        Told("adverts", "two", "", "form", False, "a.txt", 2),
        Told("adverts", "three", "three", "", True, "a.txt", 2),
        Told("adverts", "four", "", "", False, "a.txt", 3),
    ]
    lines = list(removal_lines(told, {"titles": ["", "雨"]}))
    assert lines[0] == "a.txt, before the first chapter:"
    assert lines[1] == "  [adverts] one"
    assert lines[2] == "a.txt, chapter 2 (雨):"
    assert lines[3].startswith("  [adverts] two (")
    assert lines[4] == "  [adverts] three (in doubt, kept)"
    assert lines[5] == "a.txt, chapter 3:"
    assert list(removal_lines([Removal("adverts", "x", "")], {})) == ["[adverts] 'x'"]

    # Where the import tells the places of chapters, each file counts its own.
    places = [{"file": 0, "line": 1}, {"file": 1, "line": 1}, {"file": 1, "line": 9}]
    report = {"titles": ["雨", "", "风"], "places": places}
    lines = list(removal_lines([each._replace(file="b.txt") for each in told[1:]], report))
    assert lines[0] == "b.txt, before the first chapter:"
    assert lines[3] == "b.txt, chapter 1 (风):"


def test_json_tells_the_novels_and_what_is_held_out(run, make_novel, tmp_path):
    (tmp_path / "books").mkdir()
    make_novel([5] * 25, "books/long.txt")
    make_novel([20, 30], "books/short.txt", seed=2)
    (tmp_path / "books" / "twice.txt").write_bytes((tmp_path / "books/long.txt").read_bytes())
    arguments = ("--corpus", tmp_path / "books", "--output", tmp_path / "store")
    report = json.loads(run(*arguments, "--json"))
    assert [novel["name"] for novel in report["novels"]] == ["long.txt", "short.txt"]
    assert report["novels"][0]["held_out"] == {"valid": [10], "test": [20]}
    assert report["duplicate_files"][0]["path"].endswith("twice.txt")
    assert {warning["part"] for warning in report["warnings"]} == {"valid", "test"}
    assert report["statistics"]["paragraph_lengths"]["max"] > 0
    assert "novel short.txt: chapters 2" in run(*arguments)
    held_out = json.loads(run(*arguments, "--json", "--hold-out", "short", "--overwrite"))
    assert held_out["split"]["rule"] == "whole_novel"


def test_titles_and_places_are_told_where_the_import_has_them(run, novel, tmp_path):
    run("--corpus", novel, "--output", tmp_path / "store")
    store = Store.open(tmp_path / "store")
    store.meta["import"]["titles"] = [f"title {number}" for number in range(1, 41)]
    store.meta["import"]["places"] = [{"file": 0, "line": 5 * number} for number in range(40)]
    report = to_dict(store, None, [])
    assert report["titles"][39] == "title 40"
    assert report["chapters_at"][2] == {"file": str(novel), "line": 10}
    assert report["novels"][0]["held_out_titles"] == {
        "valid": ["title 10", "title 30"],
        "test": ["title 20", "title 40"],
    }


def test_removed_lines_are_shown_when_too_little_is_left(run, tmp_path, capsys):
    path = tmp_path / "short.txt"
    path.write_text(
        "这是唯一的一段话，再也没有别的了。\n更多小说请访问www.example.com\n", encoding="utf-8"
    )
    with pytest.raises(CorpusError):
        run("--corpus", path, "--output", tmp_path / "store", "--show-removed")
    assert "www.example.com" in capsys.readouterr().out


@pytest.mark.parametrize("context", [1, 3])
def test_exported_pairs_are_the_pairs(run, novel, tmp_path, context):
    run(
        "--corpus",
        novel,
        "--output",
        tmp_path / "store",
        "--export-pairs",
        tmp_path / "pairs",
        "--context-paragraphs",
        context,
    )
    store = Store.open(tmp_path / "store")
    assert sorted(path.name for path in (tmp_path / "pairs").iterdir()) == [
        "test.tsv",
        "train.tsv",
        "valid.tsv",
    ]
    for part in ("train", "valid", "test"):
        stored = Pairs.from_store(store, part, context)
        read = Pairs.read_tsv(tmp_path / "pairs" / f"{part}.tsv", store.tokenizer)
        everything = range(len(stored))
        assert len(stored) == len(read) == store.meta["pairs"][part]
        assert [array.tolist() for array in read.batch(everything)] == [
            array.tolist() for array in stored.batch(everything)
        ]


def test_a_failed_export_keeps_the_old_file(run, novel, tmp_path, monkeypatch):
    arguments = (
        "--corpus",
        novel,
        "--output",
        tmp_path / "store",
        "--export-pairs",
        tmp_path / "pairs",
    )
    run(*arguments)
    before = (tmp_path / "pairs" / "train.tsv").read_bytes()

    texts = Store.texts

    def full_disk(store, part=None):
        yield from itertools.islice(texts(store, part), 10)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "texts", full_disk)
    with pytest.raises(CorpusError, match="no space left"):
        run(*arguments)
    assert (tmp_path / "pairs" / "train.tsv").read_bytes() == before
    assert len(list((tmp_path / "pairs").iterdir())) == 3


def test_names_are_written_to_look_over_and_not_over_what_was_looked_over(run, tmp_path):
    corpus = tmp_path / "novel.txt"
    corpus.write_text("\n".join(story_of_people()), encoding="utf-8")
    names = tmp_path / "names.txt"
    arguments = ("--corpus", corpus, "--output", tmp_path / "store", "--find-names", names)
    assert f"look over in {names}: " in run(*arguments)
    assert UserWord("鲍绫舟") in read_user_dict(names)
    with pytest.raises(ConfigError, match="exists"):
        run(*arguments)
