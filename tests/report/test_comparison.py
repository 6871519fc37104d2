import csv
import dataclasses
import io
import json

import pytest
from matplotlib.image import imread

from novelgen.errors import CheckpointError
from novelgen.evaluation.comparison import Result, ValidationPoint
from novelgen.evaluation.groups import LengthClass
from novelgen.i18n import use_language
from novelgen.report.comparison import Comparison, load_comparison

BLUE, ORANGE = (0x1F, 0x77, 0xB4), (0xFF, 0x7F, 0x0E)  # of the first two models


def result(name, model, bpc, tokenizer="char"):
    return Result(
        name,
        model,
        tokenizer,
        1,
        parameters=1234,
        steps=20,
        minutes=0.5,
        characters_per_second=99.6,
        best_step=20,
        validation_bpc=bpc,
        test_bpc=bpc + 0.125,
        held_out="x",
        prediction={"bits_per_character": bpc + 0.125, "bits_per_character_interval": [bpc, 8.5]},
        pair_bits=[10 * bpc, 10 * bpc + 2.5] * 10,
        pair_characters=[10] * 20,
        writing={"distinct_1": 0.25, "bleu": 3.5},
        continuations=[f"{name}写的", "=二", "三"],
        by_length=[LengthClass(1, 10, 7, 70, bpc), LengthClass(401, None, 2, 20, bpc + 1)],
        curve=[
            ValidationPoint(step / 10, 1000 * step, 12 - step * (12 - bpc) / 5)
            for step in range(1, 6)
        ],
    )


@pytest.fixture
def comparison():
    results = [
        result("lm-char-1", "lm", 6.0),
        result("cho-char-1", "cho", 7.0),
        Result("luong-char-1", "luong", "char", 1, error="damaged"),
    ]
    return Comparison(
        {
            "models": ["lm", "cho", "luong"],
            "minutes": None,
            "corpus": ["novel.txt"],
            "content": {"char": "5e8f"},
        },
        [{"cpu": "Z80"}],
        ["上文一", "上|文二", "上文三"],
        results,
    )


def coloured(path, colour):
    pixels = (imread(path)[..., :3] * 255).astype(int).reshape(-1, 3)
    return int((abs(pixels - colour).sum(1) < 12).sum())


def test_the_tables_hold_what_was_found(comparison, tmp_path):
    comparison.save(tmp_path)
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    trained = "| lm-char-1 | lm | char | 1 | 1234 | 100 | 20 | 0.500 | 6.000 | 6.125 |"
    assert f"{trained} — | 0.250 | — | — | — | — | — | 3.500 | — |" in text
    assert "| run | model | tokenizer | seed | parameters | characters/s | steps |" in text
    assert "| lm-char-1 | 6.000 (7) | 7.000 (2) |" in text
    assert "≥ 401" in text
    # A prompt may be a whole paragraph: it is no heading of a column.
    assert "### Prompt 2\n\n> 上\\|文二\n\n| run | text |" in text
    assert "| cho-char-1 | cho-char-1写的 |" in text
    assert "luong-char-1: damaged" in text
    assert "novel.txt" in text
    assert "Z80" in text
    assert "9 pairs, 90 characters" in text
    assert "minutes None" not in text
    assert "5e8f" not in text
    rows = list(
        csv.reader(
            io.StringIO((tmp_path / "table.csv").read_text(encoding="utf-8-sig"), newline="")
        )
    )
    assert [row[0] for row in rows[1:]] == ["lm-char-1", "cho-char-1", "luong-char-1"]
    assert rows[0][-3:] == ["after prompt 1", "after prompt 2", "after prompt 3"]
    assert rows[1][-2:] == ["'=二", "三"]
    assert len(rows[1]) == len(rows[0])
    assert rows[0][:4] == ["run", "model", "tokenizer", "seed"]
    data = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    assert data["machines"] == [{"cpu": "Z80"}]
    assert data["runs"][1]["test_bpc"] == 7.125
    assert data["same_test_texts"]


def test_a_run_is_worse_only_where_the_interval_of_the_difference_excludes_zero(comparison):
    noise = [70.0, 50.0] * 10
    alike = dataclasses.replace(comparison.results[0], name="b", pair_bits=noise, test_bpc=6.2)
    other = dataclasses.replace(comparison.results[1], name="c", held_out="y")
    comparison.results += [alike, other]
    heading, *rows = comparison.summary()
    assert len({len(row) for row in (heading, *rows)}) == 1
    verdicts = {row[0]: (row[-3], row[-1]) for row in rows}
    assert verdicts == {
        "lm-char-1": ("—", "the lowest BPC"),
        "cho-char-1": ("1.000", "worse"),
        "luong-char-1": ("—", "—"),
        "b": ("-0.125", "no difference shown"),
        "c": ("—", "not comparable: other held-out text"),
    }


def test_a_report_in_chinese_keeps_the_column_names_of_its_csv(comparison, tmp_path):
    comparison.save(tmp_path)
    english = (tmp_path / "table.csv").read_text(encoding="utf-8")
    with use_language("zh"):
        comparison.save(tmp_path)
    assert (tmp_path / "table.csv").read_text(encoding="utf-8") == english
    assert load_comparison(tmp_path) == comparison


def test_a_comparison_comes_back_whole(comparison, tmp_path):
    assert load_comparison(tmp_path) is None
    comparison.save(tmp_path)
    assert load_comparison(tmp_path) == comparison


@pytest.mark.parametrize("damage", ["", "[]", '{"format": 2}', '{"format": 1, "request": {}}'])
def test_a_damaged_table_is_refused(damage, tmp_path):
    (tmp_path / "table.json").write_text(damage, encoding="utf-8")
    with pytest.raises(CheckpointError, match="damaged"):
        load_comparison(tmp_path)


@pytest.mark.parametrize("name", ["curves.png", "by_length.png"])
def test_each_figure_shows_a_line_for_each_run(comparison, tmp_path, name):
    comparison.save(tmp_path)
    both = [coloured(tmp_path / name, colour) for colour in (BLUE, ORANGE)]
    assert all(count > 200 for count in both)
    one = dataclasses.replace(comparison, results=comparison.results[:1])
    one.save(tmp_path)
    assert coloured(tmp_path / name, BLUE) > 200
    assert coloured(tmp_path / name, ORANGE) == 0


def test_runs_on_other_texts_are_not_compared(comparison, tmp_path):
    comparison.results[1] = dataclasses.replace(comparison.results[1], held_out="y")
    comparison.save(tmp_path)
    assert "do not compare directly" in (tmp_path / "table.md").read_text(encoding="utf-8")
    assert not json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))["same_test_texts"]


def test_what_was_measured_on_a_sample_is_said(comparison, tmp_path):
    comparison.save(tmp_path)
    assert "sample" not in (tmp_path / "table.md").read_text(encoding="utf-8")
    sampled = {"validation_is_sample": True, "test_is_sample": True}
    comparison.results[0] = dataclasses.replace(comparison.results[0], **sampled)
    comparison.save(tmp_path)
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "sample of the validation part: lm-char-1\n" in text
    assert "sample of the test part: 9 pairs" in text
    # So many the runs after the first one are measured on, too.
    assert comparison.test_pairs == 9


def test_a_second_machine_is_noted(comparison, tmp_path):
    comparison.machines.append({"cpu": "6502"})
    comparison.save(tmp_path)
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "Z80" in text
    assert "6502" in text
    assert "minutes do not compare" in text


def test_without_results_there_are_tables_and_no_figures(comparison, tmp_path):
    dataclasses.replace(comparison, results=comparison.results[2:]).save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("table.md", "table.csv", "table.json", "losses.json")
    }
