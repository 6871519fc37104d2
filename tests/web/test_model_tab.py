import json

import pytest

from novelgen.report.card import UNKNOWN
from novelgen.web import model_tab
from novelgen.web.metrics import Metrics
from novelgen.web.runs import Shelf

FIELDS = ("corpus", "tokenizer", "vocabulary", "architecture", "parameters", "steps", "bpc", "date", "progress")


@pytest.fixture
def folder(make_run, tmp_path):
    for name in ("one", "two"):
        make_run(tmp_path / name)
    return tmp_path


def journal(folder, name, steps):
    records = [{"step": step, "bpc": 9 - step / 100, "characters": 10 * step, "seconds": step / 2} for step in range(1, steps + 1)]
    records.append({"step": steps, "validation_bpc": 6.5})
    (folder / name / "metrics.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")


def shown(folder, name, metrics=None):
    """The card by field, the plot, the words in its place, and what is remembered."""
    *card, plot, words, state = model_tab._shown(Shelf(folder), metrics or Metrics(), name)
    return dict(zip(FIELDS, card, strict=True)), plot, words, state


def test_a_run_is_shown_with_its_curves(folder):
    journal(folder, "one", 130)
    card, plot, words, _ = shown(folder, "one")
    assert "characters" in card["tokenizer"] and "130" in card["progress"] and "1:05" in card["progress"]
    assert plot.visible and not words.visible and plot.y_lim[0] < 6.5 < plot.y_lim[1]
    rows = plot.value["data"]
    assert {row[2] for row in rows} == {"训练 training", "验证 validation"} and [130, 6.5, "验证 validation"] in rows


def test_without_a_journal_words_stand_in_for_the_curves(folder):
    card, plot, words, _ = shown(folder, "one")
    assert card["progress"] == UNKNOWN and not plot.visible and words.visible


def test_without_a_run_the_card_is_empty_and_nobody_is_warned(tmp_path, recwarn):
    card, plot, words, _ = shown(tmp_path, None)
    assert set(card.values()) == {UNKNOWN} and not plot.visible and not words.visible and not recwarn.list


def test_a_growing_journal_and_new_weights_are_noticed_and_nothing_else(folder):
    shelf, metrics = Shelf(folder), Metrics()
    states = [model_tab._state(shelf, metrics, "one")]
    assert model_tab._state(shelf, metrics, "one") == states[0] == shown(folder, "one", metrics)[3]
    journal(folder, "one", 10)
    states.append(model_tab._state(shelf, metrics, "one"))
    journal(folder, "one", 20)
    states += [model_tab._state(shelf, metrics, "one"), model_tab._state(shelf, metrics, "two"), model_tab._state(shelf, metrics, "gone")]
    assert len(set(states)) == len(states)


def test_new_runs_are_found_and_one_that_went_is_replaced(folder, make_run):
    shelf = Shelf(folder)
    make_run(folder / "three")
    found = model_tab._choices(shelf, "two")
    assert set(found["choices"]) == {"one", "two", "three"} and "value" not in found
    assert model_tab._choices(shelf, "gone")["value"] == model_tab._choices(shelf, None)["value"] == shelf.newest()
