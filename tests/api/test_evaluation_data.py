from types import SimpleNamespace

import pytest

from novelgen.api.evaluation import EvaluationData
from novelgen.api.evaluation_data import pairs_by_task
from novelgen.config import Config
from novelgen.errors import ConfigError

CHAPTERS = "第一章 渡口\n宝玉笑道来。\n黛玉说去了。\n宝钗不听。\n第二章 花\n凤好。\n贾母见了人。\n"


@pytest.fixture
def run(toy):
    """A run of three tasks, as far as its pairs are concerned."""
    config = Config().replace(tasks="next,previous,same", context_paragraphs=1)
    tokenizer = toy.tokenizer
    return SimpleNamespace(config=config, tokenizer=tokenizer, source_tokenizer=tokenizer, info={})


def source(tmp_path, **changes):
    path = tmp_path / "novel.txt"
    path.write_text(CHAPTERS, encoding="utf-8")
    return EvaluationData("test", [path], None, None, None)._replace(**changes)


def texts(run, pairs):
    tokenizer = run.tokenizer
    return list(pairs.texts(range(len(pairs)), tokenizer, tokenizer))


def test_another_novel_gives_the_pairs_of_every_task(run, tmp_path):
    found = pairs_by_task(run, tmp_path, source(tmp_path), None)
    assert {task: texts(run, pairs) for task, pairs in found.items()} == {
        "next": [
            ("宝玉笑道来。", "黛玉说去了。"),
            ("黛玉说去了。", "宝钗不听。"),
            ("凤好。", "贾母见了人。"),
        ],
        "previous": [
            ("黛玉说去了。", "宝玉笑道来。"),
            ("宝钗不听。", "黛玉说去了。"),
            ("贾母见了人。", "凤好。"),
        ],
        "same": [
            (line, line)
            for line in ("宝玉笑道来。", "黛玉说去了。", "宝钗不听。", "凤好。", "贾母见了人。")
        ],
    }


def test_one_task_is_measured_alone(run, tmp_path):
    assert list(pairs_by_task(run, tmp_path, source(tmp_path), "previous")) == ["previous"]


def test_a_file_of_pairs_is_of_the_main_task(run, tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("宝玉\t黛玉\n凤\t贾母\n", encoding="utf-8")
    found = pairs_by_task(run, tmp_path, source(tmp_path, corpus=[], pairs=path), None)
    assert list(found) == ["next"]
    assert texts(run, found["next"]) == [("宝玉", "黛玉"), ("凤", "贾母")]


def test_a_run_of_pairs_is_not_measured_on_a_novel(run, tmp_path):
    run.config = Config().replace(pairs="a.tsv")
    with pytest.raises(ConfigError, match="evaluate with --pairs"):
        pairs_by_task(run, tmp_path, source(tmp_path), None)
