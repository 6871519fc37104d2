from types import SimpleNamespace

import pytest

from novelgen.api.evaluation import EvaluationData
from novelgen.api.evaluation_data import copies_of, pairs_by_task
from novelgen.config import Config
from novelgen.errors import ConfigError
from novelgen.evaluation.origins import Copy, Source

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


def test_copies_are_told_with_their_setting_and_prompt(monkeypatch, tmp_path):
    found = Copy(1, 9, "二三四五六七八九", Source("n.txt", "第一章", 3))
    monkeypatch.setattr(
        "novelgen.api.evaluation_data.find_copies",
        lambda _directory, texts: [[found] if "二三" in text else [] for text in texts],
    )
    rows = [
        SimpleNamespace(label=label, texts=[SimpleNamespace(prompt=prompt, text=text)])
        for prompt, (label, text) in enumerate([("a", "没有"), ("b", "一二三四五六七八九")])
    ]
    assert copies_of(tmp_path, rows) == [
        {
            "setting": "b",
            "prompt": 1,
            "start": 1,
            "stop": 9,
            "text": "二三四五六七八九",
            "source": {"novel": "n.txt", "chapter": "第一章", "paragraph": 3},
        }
    ]
