import itertools
import json
from contextlib import closing
from types import SimpleNamespace

import pytest

from novelgen.errors import CheckpointError, ConfigError
from novelgen.evaluation.grid import cells
from novelgen.report.tables import COMPARISON
from novelgen.training import stores
from novelgen.web import limits
from novelgen.web.services.comparison import Comparison, compare, read_request
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.tabs.comparison_view import (
    run_choices,
    snapshot_changes,
    stopped_changes,
    table_file,
    table_value,
)

PROMPT = "宝玉笑道：“我来了。”"


@pytest.fixture
def registry(make_run, tmp_path):
    for seed, name in enumerate(("one", "two")):
        make_run(tmp_path / name, seed)
    return ModelRegistry(tmp_path)


def request(
    registry, prompt=PROMPT, runs=("one",), decoders=("sample",), temperatures=("0.8",), seed="7"
):
    return read_request(registry, prompt, list(runs), list(decoders), list(temperatures), seed)


def test_the_grid_is_what_was_asked_for(registry):
    found = request(
        registry,
        runs=("two", "one"),
        decoders=("greedy", "sample"),
        temperatures=("1.2", "0.50", "0.5"),
    )
    assert found.grid == cells(["two", "one"], ["sample", "greedy"], [0.5, 1.2])
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
    assert read_request(registry, **asked).grid
    with pytest.raises(ConfigError, match=r"give|choose"):
        read_request(registry, **{**asked, left_out: None})


def test_an_unknown_run_is_refused(registry):
    with pytest.raises(CheckpointError):
        request(registry, runs=("one", "../two"))


def test_an_empty_seed_is_drawn(registry):
    assert request(registry, seed="").seed != request(registry, seed="  ").seed


def test_of_a_long_prompt_the_end_is_used_with_a_note(registry):
    found = request(registry, prompt="头" + "天" * limits.PROMPT)
    assert found.prompt == "天" * limits.PROMPT
    assert f"{limits.PROMPT:,}" in found.notes[0]


def every_second():
    """A clock that goes on by a second whenever it is looked at."""
    return itertools.count().__next__


def test_the_table_grows_row_by_row(registry, named):
    asked = request(registry, runs=("one", "two"), decoders=("sample", "greedy"))
    states = []
    seen = []
    for snapshot in compare(registry, asked, every_second()):
        states.append(snapshot.comparison)
        seen.append(snapshot_changes(named, snapshot))
    tables = [each["table"] for each in seen]
    statuses = [each["status"] for each in seen]
    assert tables[0]["data"] == []
    assert statuses[0].startswith("0/4 ")
    table = tables[-1]["data"]
    assert tables[-1]["headers"] == list(COMPARISON)
    assert len(table) == len(states[-1].rows) == 4
    assert statuses[-1].startswith("done · 4/4")
    assert [row[1] for row in table] == ["sampling", "greedy"] * 2
    assert all(len(row) == len(COMPARISON) for row in table)
    assert [row[0] for row in table] == ["one", "one", "two", "two"]
    assert {row[7] for row in table} == {"—"}
    sizes = [len(each["data"]) for each in tables]
    assert sizes == sorted(sizes)
    assert sizes.count(1) > 2
    for each, state in zip(tables[1:], states[1:], strict=True):
        done = len(state.rows)
        assert each["data"][:done] == table_value(state.rows)["data"]
        assert len(each["data"]) - done in (0, 1)


def test_while_the_clock_stands_only_finished_rows_are_sent(registry):
    asked = request(registry, decoders=("sample", "greedy"))
    seen = list(compare(registry, asked, clock=lambda: 0.0))
    assert [len(each.comparison.rows) for each in seen] == [0, 1, 2]
    assert {each.growing for each in seen} == {None}


def test_stopping_keeps_the_rows_that_are_finished(registry, named):
    asked = request(registry, temperatures=("0.5", "0.8"))
    with closing(compare(registry, asked, every_second())) as stream:
        for snapshot in stream:
            shown = snapshot_changes(named, snapshot)
            if len(shown["table"]["data"]) == 2:
                break
    kept = stopped_changes(named, snapshot.comparison)
    assert kept["table"]["data"] == shown["table"]["data"][:1]
    assert kept["status"] == f"stopped · {shown['status']}"
    assert kept["stop"]["interactive"] is False
    assert shown["status"].startswith("1/2 ")


@pytest.fixture
def made(registry):
    """A table of one row, complete."""
    *_, last = compare(registry, request(registry))
    return last.comparison


def test_stopping_when_nothing_runs_changes_no_more_than_the_button(made, named):
    for state in (made, Comparison()):
        assert [*stopped_changes(named, state)] == ["stop"]


def test_a_table_becomes_a_file(made):
    files = {kind: table_file(made, kind) for kind in ("csv", "md")}
    for kind, file in files.items():
        assert file["name"].endswith("." + kind)
        assert made.rows[0].text[:5] in file["text"]
        assert COMPARISON[1] in file["text"]
        assert PROMPT in file["text"]
        assert "repetition-penalty" in file["text"]
    assert files["csv"]["text"].startswith("\ufeff")
    assert files["md"]["text"].startswith("| ")


def test_without_results_there_is_no_file():
    with pytest.raises(ConfigError, match="no results"):
        table_file(Comparison(), "csv")


def test_a_single_choice_of_models_follows_the_page_and_several_stay(registry):
    assert run_choices(registry, "two", ["one"])["value"] == ["two"]
    assert run_choices(registry, "two", ["one", "two"])["value"] == ["one", "two"]
    assert run_choices(registry, "two", ["one", "gone"])["value"] == ["two"]
    assert run_choices(registry, None, [])["value"] == []


def copied(registry, run):
    """The column of what a text has copied from its training text."""
    *_, last = compare(registry, request(registry, runs=(run,)))
    return table_value(last.comparison.rows)["data"][0][7]


def test_the_training_text_is_used_only_where_it_lies_ready(registry, monkeypatch):
    monkeypatch.setattr(stores, "open_or_build", lambda *_: pytest.fail("must not be built"))
    assert copied(registry, "one") == "—"
    path = registry.folder / "two" / "config.json"
    damaged = {**json.loads(path.read_text(encoding="utf-8")), "store": 5}
    path.write_text(json.dumps(damaged), encoding="utf-8")
    assert copied(registry, "two") == "—"


def test_a_run_that_goes_while_it_is_compared_has_no_training_text(registry):
    class Leaving(SimpleNamespace):
        """Stands for a registry whose run is renamed as soon as its model is loaded."""

        def run(self, name):
            raise CheckpointError(name)

    asked = request(registry)
    *_, last = compare(Leaving(generator=registry.generator), asked)
    assert last.comparison.rows[0].measures.copied_8grams is None
