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
def registry(make_run, tmp_path):
    for seed, name in enumerate(("one", "two")):
        make_run(tmp_path / name, seed)
    return ModelRegistry(tmp_path)


def request(
    registry, prompt=PROMPT, runs=("one",), decoders=("sample",), temperatures=("0.8",), seed="7"
):
    return compare_tab._request(
        registry, prompt, list(runs), list(decoders), list(temperatures), seed
    )


def test_the_grid_is_what_was_asked_for(registry):
    found = request(
        registry,
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
def test_impossible_request_is_refused_with_a_remedy(registry, wrong):
    with pytest.raises(ConfigError, match=r"give|choose|must be"):
        request(registry, **wrong)


@pytest.mark.parametrize("left_out", ["prompt", "runs", "decoders", "temperatures"])
def test_what_a_program_leaves_out_is_refused_with_a_remedy(registry, left_out):
    asked = {
        "prompt": PROMPT,
        "runs": ["one"],
        "decoders": ["sample"],
        "temperatures": ["0.8"],
        "seed": None,
    }
    assert compare_tab._request(registry, **asked).grid
    with pytest.raises(ConfigError, match=r"give|choose"):
        compare_tab._request(registry, **{**asked, left_out: None})


def test_an_unknown_run_is_refused(registry):
    with pytest.raises(CheckpointError):
        request(registry, runs=("one", "../two"))


def test_an_empty_seed_is_drawn(registry):
    assert request(registry, seed="").seed != request(registry, seed="  ").seed


def test_of_a_long_prompt_the_end_is_used_with_a_note(registry):
    found = request(registry, prompt="头" + "天" * limits.PROMPT)
    assert found.prompt == "天" * limits.PROMPT
    assert f"{limits.PROMPT:,}" in found.notes[0]


def test_the_table_grows_row_by_row(registry, monkeypatch):
    monkeypatch.setattr(compare_tab, "_PACE", 0.0)
    asked = request(registry, runs=("one", "two"), decoders=("sample", "greedy"))
    seen = list(compare_tab._fill(registry, asked))
    assert seen[0].table["data"] == []
    assert seen[0].status.startswith("0/4 ")
    table = seen[-1].table["data"]
    made = seen[-1].made
    assert seen[-1].table["headers"] == list(COMPARISON)
    assert len(table) == len(made.rows) == 4
    assert seen[-1].status.startswith("done · 4/4")
    assert [row[1] for row in table] == ["sampling", "greedy"] * 2
    assert all(len(row) == len(COMPARISON) for row in table)
    assert [row[0] for row in table] == ["one", "one", "two", "two"]
    assert {row[7] for row in table} == {"—"}
    sizes = [len(update.table["data"]) for update in seen]
    assert sizes == sorted(sizes)
    assert sizes.count(1) > 2
    for update in seen[1:]:
        done = len(update.made.rows)
        rows = update.table["data"]
        assert rows[:done] == compare_tab._table(update.made.rows)["data"]
        assert len(rows) - done in (0, 1)


def test_a_growing_table_is_not_sent_all_the_time(registry, monkeypatch):
    monkeypatch.setattr(compare_tab, "_PACE", 3600.0)
    assert (
        len(list(compare_tab._fill(registry, request(registry, decoders=("sample", "greedy")))))
        == 3
    )


def test_stopping_keeps_the_rows_that_are_finished(registry, monkeypatch):
    monkeypatch.setattr(compare_tab, "_PACE", 0.0)
    stream = compare_tab._fill(registry, request(registry, temperatures=("0.5", "0.8")))
    update = next(update for update in stream if len(update.table["data"]) == 2)
    stream.close()
    table, status = compare_tab._stopped(update.made)
    assert table["data"] == update.table["data"][:1]
    assert status == f"stopped · {update.status}"
    assert update.status.startswith("1/2 ")


@pytest.mark.parametrize("is_begun", [False, True])
def test_stopping_when_nothing_runs_changes_nothing(registry, is_begun):
    made = (
        list(compare_tab._fill(registry, request(registry)))[-1][2]
        if is_begun
        else compare_tab._Made()
    )
    assert compare_tab._stopped(made) == (gr.skip(), gr.skip())


def test_a_table_becomes_a_file(registry):
    made = list(compare_tab._fill(registry, request(registry)))[-1][2]
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


def test_a_single_choice_of_models_follows_the_page_and_several_stay(registry):
    assert compare_tab._choices(registry, "two", ["one"])["value"] == ["two"]
    assert compare_tab._choices(registry, "two", ["one", "two"])["value"] == ["one", "two"]
    assert compare_tab._choices(registry, "two", ["one", "gone"])["value"] == ["two"]
    assert compare_tab._choices(registry, None, [])["value"] == []


def test_the_training_text_is_used_only_where_it_lies_ready(registry, monkeypatch):
    monkeypatch.setattr(stores, "open_or_build", lambda *_: pytest.fail("must not be built"))
    assert compare_tab._training_lines(registry, "one") is None
    assert compare_tab._training_lines(registry, "gone") is None
    path = registry.folder / "two" / "config.json"
    path.write_text(
        json.dumps({**json.loads(path.read_text(encoding="utf-8")), "store": 5}), encoding="utf-8"
    )
    assert compare_tab._training_lines(registry, "two") is None
