"""Benchmarks run: the quick ones at the smallest size there is."""

import importlib
import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize("script", sorted(path.name for path in BENCHMARKS.glob("*.py")))
def test_a_script_imports_what_it_uses(script, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    assert runpy.run_path(str(BENCHMARKS / script), run_name="benchmark")["__doc__"]


def run(script, *options):
    return subprocess.run(
        [sys.executable, BENCHMARKS / script, *options],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
@pytest.mark.parametrize("axis", ["length", "rows", "hidden"])
def test_a_step_is_measured_for_scaling(axis, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    scaling = importlib.import_module("scaling")
    for name, value in {
        "STEPS": 2,
        "TOKENS": 16,
        "LENGTH": 8,
        "ROWS": 2,
        "VOCABULARY": 400,
    }.items():
        monkeypatch.setattr(scaling, name, value)
    point = scaling.step_point(axis, 4)
    shape = {"length": (4, 4), "rows": (4, 8), "hidden": (2, 8)}[axis]
    assert (point["rows"], point["length"]) == shape
    assert point["step_cpu_ms"] > 0
    assert point["us_per_character"] > 0


@pytest.mark.slow
def test_a_corpus_is_measured_for_scaling():
    point = json.loads(run("scaling.py", "--point", "corpus", "1").stdout.splitlines()[-1])
    assert point["batches"] > 10
    assert point["prepare_cpu_s_per_mb"] > 0


@pytest.mark.slow
def test_the_model_of_2014_is_measured(tmp_path):
    output = tmp_path / "found.json"
    run(
        "sutskever2014.py",
        "--device",
        "cpu",
        "--size",
        "8",
        "--source-words",
        "400",
        "--target-words",
        "300",
        "--rows",
        "2",
        "--length",
        "5",
        "--steps",
        "1",
        "--output",
        output,
    )
    found = json.loads(output.read_text(encoding="utf-8"))
    assert found["times_the_paper"] == pytest.approx(found["words_per_second"] / 6300)
    # Source embeddings, target embeddings and their bias, the readout, and 8 layers of 4 gates.
    assert found["parameters"] == 400 * 8 + 300 * 8 + 300 + 8 * 8 + 8 * (
        4 * 8 * (8 + 8) + 2 * 4 * 8
    )
