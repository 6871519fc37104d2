import json

import pytest

from novelgen.report.card import UNKNOWN
from novelgen.web.services.metrics import Metrics
from novelgen.web.services.model_registry import ModelRegistry
from novelgen.web.tabs.model_view import (
    RunParts,
    WatchedParts,
    drawn_state,
    run_changes,
    run_choices,
    training_changes,
)

FIELDS = (
    "corpus",
    "tokenizer",
    "vocabulary",
    "architecture",
    "parameters",
    "steps",
    "bpc",
    "ngram",
    "date",
)


@pytest.fixture
def folder(make_run, tmp_path):
    for name in ("one", "two"):
        make_run(tmp_path / name)
    return tmp_path


def journal(folder, name, steps):
    records = [
        {"step": step, "bpc": 9 - step / 100, "characters": 10 * step, "seconds": step / 2}
        for step in range(1, steps + 1)
    ]
    records.append({"step": steps, "validation_bpc": 6.5})
    (folder / name / "metrics.jsonl").write_text(
        "".join(json.dumps(each) + "\n" for each in records), encoding="utf-8"
    )


def shown(folder, name, metrics=None):
    """The card by field, the plot, the words in its place, and the state.

    The card's "problem" is what is wrong, if that is visible.
    """
    names = RunParts(**{field: field for field in RunParts._fields} | {"facts": FIELDS})
    found = run_changes(names, ModelRegistry(folder), metrics or Metrics(), name)
    problem = found["problem"]
    card = {field: found[field] for field in (*FIELDS, "progress")}
    card["problem"] = problem.value if problem.visible else None
    return card, found["plot"], found["words"], found["drawn"]


def test_a_run_is_shown_with_its_curves(folder):
    journal(folder, "one", 130)
    card, plot, words, _ = shown(folder, "one")
    assert "characters" in card["tokenizer"]
    assert "130" in card["progress"]
    assert "1:05" in card["progress"]
    assert plot.visible
    assert not words.visible
    assert plot.y_lim[0] < 6.5 < plot.y_lim[1]
    rows = plot.value["data"]
    assert {row[2] for row in rows} == {"training", "validation"}
    assert [130, 6.5, "validation"] in rows
    # A line of one point would not be seen.
    assert [126, 6.5, "validation"] in rows
    assert set(plot.color_map) == {"training", "validation"}
    assert (plot.x_title, plot.y_title) == ("steps", "bits per character (BPC)")


def test_without_a_journal_words_stand_in_for_the_curves(folder):
    card, plot, words, _ = shown(folder, "one")
    assert card["progress"] == UNKNOWN
    assert card["problem"] is None
    assert not plot.visible
    assert words.visible


def test_without_a_run_the_card_is_empty_and_nothing_is_wrong(tmp_path):
    card, plot, words, _ = shown(tmp_path, None)
    assert card.pop("problem") is None
    assert set(card.values()) == {UNKNOWN}
    assert not plot.visible
    assert not words.visible


def test_a_run_that_has_gone_is_reported(folder):
    card, plot, words, _ = shown(folder, "gone")
    assert "“gone”" in card.pop("problem")
    assert set(card.values()) == {UNKNOWN}
    assert not plot.visible
    assert not words.visible


@pytest.mark.parametrize(
    "facts",
    [
        {"parameters": 10**400},
        {"config": {"model": {"encoder_layers": "x"}}},
        {"corpus": {}},
        {"best": 7},
    ],
)
def test_a_strangers_run_never_leaves_anothers_card_standing(folder, facts):
    path = folder / "one" / "config.json"
    path.write_text(
        json.dumps(json.loads(path.read_text(encoding="utf-8")) | facts), encoding="utf-8"
    )
    strange = (
        '{"step": 1'
        + "0" * 400
        + ', "bpc": 1, "characters": 1, "seconds": 1}\n'
        + "[" * 100_000
        + "\n"
    )
    (folder / "one" / "metrics.jsonl").write_text(strange, encoding="utf-8")
    card, plot, *_ = shown(folder, "one")
    assert card["progress"] == card["parameters"] == card["steps"] == UNKNOWN
    assert not plot.visible


def watched(folder, chosen=None, before=None, metrics=None):
    """The part for the runs in training by name: {} where nothing has changed."""
    names = WatchedParts(*WatchedParts._fields)
    return training_changes(names, ModelRegistry(folder), metrics or Metrics(), chosen, before)


def test_runs_in_training_are_shown_though_they_cannot_write_yet(folder):
    assert not watched(folder)["column"]["visible"]
    (folder / "one" / "model.safetensors").unlink()
    journal(folder, "one", 130)
    found = watched(folder)
    assert found["column"]["visible"]
    assert found["choice"]["choices"] == [("one · in training", "one")]
    assert found["choice"]["value"] == "one"
    assert "bahdanau" in found["architecture"]
    assert "130" in found["progress"]
    assert found["plot"].visible
    assert "one" not in ModelRegistry(folder).runs()


def test_a_training_is_followed_and_nothing_is_sent_while_nothing_happens(folder):
    metrics = Metrics()
    states = [watched(folder, metrics=metrics)["drawn"]]
    (folder / "one" / "model.safetensors").unlink()
    states.append(watched(folder, None, states[0], metrics)["drawn"])
    assert watched(folder, "one", states[1], metrics) == {}
    journal(folder, "one", 10)
    grown = watched(folder, "one", states[1], metrics)
    assert "10" in grown["progress"]
    assert "value" not in grown["choice"]
    (folder / "two" / "model.safetensors").unlink()
    assert len(watched(folder, "one", grown["drawn"], metrics)["choice"]["choices"]) == 2
    assert watched(folder, "two", None, metrics)["drawn"].drawn.run == "two"
    (folder / "one" / "config.json").write_text("[1]")
    broken = watched(folder, "one", None, metrics)
    assert "config.json" in broken["progress"]
    assert broken["corpus"] == UNKNOWN
    assert not broken["plot"].visible


def test_a_growing_journal_and_new_weights_are_noticed_and_nothing_else(folder):
    registry = ModelRegistry(folder)
    metrics = Metrics()
    states = [drawn_state(registry, metrics, "one")]
    assert drawn_state(registry, metrics, "one") == states[0] == shown(folder, "one", metrics)[3]
    journal(folder, "one", 10)
    states.append(drawn_state(registry, metrics, "one"))
    journal(folder, "one", 20)
    states += [
        drawn_state(registry, metrics, "one"),
        drawn_state(registry, metrics, "two"),
        drawn_state(registry, metrics, "gone"),
    ]
    assert len(set(states)) == len(states)


def test_new_runs_are_found_and_one_that_went_is_replaced(folder, make_run):
    registry = ModelRegistry(folder)
    make_run(folder / "three")
    found = run_choices(registry, "two")
    assert {name for _label, name in found["choices"]} == {"one", "two", "three"}
    assert "value" not in found
    assert (
        run_choices(registry, "gone")["value"]
        == run_choices(registry, None)["value"]
        == registry.newest()
    )
