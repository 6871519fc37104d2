import json

import gradio as gr
import pytest

from novelgen.errors import CheckpointError, ConfigError
from novelgen.report.tables import COMPARISON
from novelgen.training import stores
from novelgen.web import compare_tab, limits
from novelgen.web.model_registry import ModelRegistry

PROMPT = "宝玉笑道：“我来了。”"


@pytest.fixture
def shelf(make_run, tmp_path):
    for seed, name in enumerate(("one", "two")):
        make_run(tmp_path / name, seed)
    return ModelRegistry(tmp_path)


def request(
    shelf, prompt=PROMPT, runs=("one",), decoders=("sample",), temperatures=("0.8",), seed="7"
):
    return compare_tab._request(shelf, prompt, list(runs), list(decoders), list(temperatures), seed)


def test_the_grid_is_what_was_asked_for(shelf):
    found = request(
        shelf,
        runs=("two", "one"),
        decoders=("greedy", "sample"),
        temperatures=("1.2", "0.50", "0.5"),
    )
    assert [tuple(cell) for cell in found.grid] == [
        (run, *rest)
        for run in ("two", "one")
        for rest in (("sample", 0.5), ("sample", 1.2), ("greedy", None))
    ]
    assert (found.prompt, found.seed, found.notes) == (PROMPT, 7, [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompt": " \n"},
        {"runs": ()},
        {"decoders": ()},
        {"temperatures": ()},
        {"temperatures": ("warm",)},
        {"temperatures": ("0",)},
        {"temperatures": ("-1",)},
        {"temperatures": ("nan",)},
        {"temperatures": ("inf",)},
        {"temperatures": ("101",)},
        {"temperatures": [str(number / 10) for number in range(1, 62)]},
        {"seed": "x"},
        {"seed": "-1"},
        {"seed": "9" * 30},
        {"temperatures": (None,)},
        {"temperatures": ([1], {})},
        {"temperatures": (10**400,)},
    ],
)
def test_what_cannot_be_is_refused_in_words(shelf, wrong):
    with pytest.raises(ConfigError, match=r"\|"):
        request(shelf, **wrong)


@pytest.mark.parametrize("left_out", ["prompt", "runs", "decoders", "temperatures"])
def test_what_a_program_leaves_out_is_refused_in_words(shelf, left_out):
    asked = {
        "prompt": PROMPT,
        "runs": ["one"],
        "decoders": ["sample"],
        "temperatures": ["0.8"],
        "seed": None,
    }
    assert compare_tab._request(shelf, **asked).grid
    with pytest.raises(ConfigError, match=r"\|"):
        compare_tab._request(shelf, **{**asked, left_out: None})


def test_a_run_that_is_not_on_the_shelf_is_refused(shelf):
    with pytest.raises(CheckpointError):
        request(shelf, runs=("one", "../two"))


def test_an_empty_seed_is_drawn(shelf):
    assert request(shelf, seed="").seed != request(shelf, seed="  ").seed


def test_of_a_long_prompt_the_end_is_used_and_the_page_says_so(shelf):
    found = request(shelf, prompt="头" + "天" * limits.PROMPT)
    assert found.prompt == "天" * limits.PROMPT
    assert f"{limits.PROMPT:,}" in found.notes[0]


def test_the_table_grows_row_by_row(shelf, monkeypatch):
    monkeypatch.setattr(compare_tab, "_PACE", 0.0)
    asked = request(shelf, runs=("one", "two"), decoders=("sample", "greedy"))
    seen = list(compare_tab._written(shelf, asked))
    assert seen[0][0] == []
    assert seen[0][1].startswith("0/4 ")
    table, line, made = seen[-1]
    assert len(table) == len(made.rows) == 4
    assert line.startswith("完成 done · 4/4")
    assert all(len(row) == len(COMPARISON) for row in table)
    assert [row[0] for row in table] == ["one", "one", "two", "two"]
    assert {row[7] for row in table} == {"—"}
    sizes = [len(table) for table, *_ in seen]
    assert sizes == sorted(sizes)
    assert sizes.count(1) > 2
    for table, _, made in seen[1:]:
        done = len(made.rows)
        assert table[:done] == compare_tab._readable(made.rows)
        assert len(table) - done in (0, 1)


def test_a_growing_table_is_not_sent_all_the_time(shelf, monkeypatch):
    monkeypatch.setattr(compare_tab, "_PACE", 3600.0)
    assert (
        len(list(compare_tab._written(shelf, request(shelf, decoders=("sample", "greedy"))))) == 3
    )


def test_stopping_keeps_the_rows_that_are_finished(shelf, monkeypatch):
    monkeypatch.setattr(compare_tab, "_PACE", 0.0)
    stream = compare_tab._written(shelf, request(shelf, temperatures=("0.5", "0.8")))
    table, line, made = next(values for values in stream if len(values[0]) == 2)
    stream.close()
    assert compare_tab._stopped(made) == (
        table[:1],
        f"已停止 stopped · {line}",
    )
    assert line.startswith("1/2 ")


@pytest.mark.parametrize("is_begun", [False, True])
def test_stopping_what_does_not_run_changes_nothing(shelf, is_begun):
    made = (
        list(compare_tab._written(shelf, request(shelf)))[-1][2]
        if is_begun
        else compare_tab._Made()
    )
    assert compare_tab._stopped(made) == (gr.skip(), gr.skip())


def test_a_table_becomes_a_file(shelf):
    made = list(compare_tab._written(shelf, request(shelf)))[-1][2]
    files = {kind: compare_tab._saver(kind)(made) for kind in ("csv", "md")}
    for kind, file in files.items():
        assert file["name"].endswith("." + kind)
        assert made.rows[0].text[:5] in file["text"]
        assert COMPARISON[1] in file["text"]
    assert files["csv"]["text"].startswith("\ufeff")
    assert files["md"]["text"].startswith("| ")


def test_without_results_there_is_no_file():
    with pytest.raises(Exception, match="no results"):
        compare_tab._saver("csv")(compare_tab._Made())


def test_a_single_choice_of_models_follows_the_page_and_several_stay(shelf):
    assert compare_tab._choices(shelf, "two", ["one"])["value"] == ["two"]
    assert compare_tab._choices(shelf, "two", ["one", "two"])["value"] == ["one", "two"]
    assert compare_tab._choices(shelf, "two", ["one", "gone"])["value"] == ["two"]
    assert compare_tab._choices(shelf, None, [])["value"] == []


def test_the_training_text_is_used_only_where_it_lies_ready(shelf, monkeypatch):
    monkeypatch.setattr(stores, "open_or_build", lambda *_: pytest.fail("must not be built"))
    assert compare_tab._training(shelf, "one") is None
    assert compare_tab._training(shelf, "gone") is None
    path = shelf.folder / "two" / "config.json"
    path.write_text(
        json.dumps({**json.loads(path.read_text(encoding="utf-8")), "store": 5}), encoding="utf-8"
    )
    assert compare_tab._training(shelf, "two") is None
