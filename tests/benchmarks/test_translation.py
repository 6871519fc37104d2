"""What JoeyNMT reads and writes is what was given and meant."""

from __future__ import annotations

import pytest

from benchmarks.peers.joeynmt_translation import Recipe, join, split, write_files
from benchmarks.translation import check_work, read_pairs, score, table


def test_words_and_characters_are_parted_and_put_together_again(tmp_path) -> None:
    assert split("I'm 20, Tom!", "word") == ["I", "'", "m", "20", ",", "Tom", "!"]
    text = "我用 Mac 写。"
    assert join(" ".join(split(text, "char"))) == text
    write_files(tmp_path, "valid", [("Hi.", "你好。"), ("Run!", "跑！")], ("word", "char"))
    assert (tmp_path / "valid.src").read_text(encoding="utf-8") == "Hi .\nRun !\n"
    assert (tmp_path / "valid.trg").read_text(encoding="utf-8") == "你 好 。\n跑 ！\n"


def test_pairs_are_read_and_a_broken_file_is_told(tmp_path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("Hi.\t你好。\n", encoding="utf-8")
    assert read_pairs(path) == [("Hi.", "你好。")]
    path.write_text("Hi.\t你好。\nRun!\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="TAB"):
        read_pairs(path)


def test_what_is_right_scores_best() -> None:
    expected = ["我昨天去了学校。", "他是一个很好的老师。"]
    best, worse = score(expected, expected), score(["我昨天去了公园。", "她是学生。"], expected)
    assert best["bleu"] == pytest.approx(100)
    assert best["exact"] == 1
    assert 0 < worse["bleu"] < 60
    assert worse["exact"] == 0
    assert "| joeynmt | 100.00 | " in table({"joeynmt": {"1": best, "5": worse}})
    with pytest.raises(SystemExit, match="1 translations of 2"):
        score(expected[:1], expected)


def test_weights_of_another_recipe_are_not_taken_for_these(tmp_path) -> None:
    recipe, pairs = Recipe(10, 1e-3, 0.3, "cpu"), [("Hi.", "你好。")]
    check_work(tmp_path / "work", recipe, pairs, pairs)
    check_work(tmp_path / "work", recipe, pairs, pairs)
    with pytest.raises(SystemExit, match="--work"):
        check_work(tmp_path / "work", recipe._replace(steps=20), pairs, pairs)
