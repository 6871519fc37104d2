"""Each check finds what is wrong, and says what to do."""

import json
from pathlib import Path

import pytest

from novelgen.api import diagnosis
from novelgen.api.diagnosis import (
    check_cache,
    check_corpus,
    check_disk,
    check_font,
    check_gpu,
    check_loops,
    check_memory,
    check_packages,
    check_processor,
    check_python,
    check_run,
    installed_version,
    requirements,
)
from novelgen.report.fonts import require_font
from novelgen.training.alarms import Memory

GIB = 2**30


def statuses(findings):
    return [finding.status for finding in findings]


def test_this_machine_passes():
    findings = [
        *check_python("3.10.2"),
        *check_packages(requirements(), installed_version),
        *check_processor(1),
        *check_gpu(),
        *check_loops(),
        *check_disk(10 * GIB),
    ]
    assert "wrong" not in statuses(findings)
    assert any(requirement.startswith("torch>=") for requirement in requirements())


def test_an_old_python_is_wrong():
    (finding,) = check_python("3.9.18")
    assert finding.status == "wrong"
    assert "3.10" in finding.remedy


def test_packages_that_are_missing_or_of_other_versions():
    installed = {"torch": "2.13.0+cpu", "numpy": "3.0.1", "gradio": "6.24.0", "odd": "1.0rc1"}
    wanted = [
        "torch>=2.11,<2.14",
        "numpy>=2.2,<3",
        "gradio[mcp]>=6.24,<7",
        "numba>=0.61.2",
        "jieba",
    ]
    findings = list(check_packages(wanted, installed.get))
    assert [(each.subject, each.status) for each in findings] == [
        ("numpy", "warning"),
        ("numba", "warning"),
        ("jieba", "wrong"),
        ("packages", "ok"),
    ]
    assert findings[0].remedy == 'pip install "numpy>=2.2,<3"'
    assert findings[3].message.endswith(" 2")


@pytest.mark.parametrize(("gib", "status"), [(0.5, "warning"), (4, "ok")])
def test_little_memory_and_little_disk_are_told(gib, status):
    assert statuses(check_memory(Memory(int(gib * GIB), 8 * GIB))) == [status]
    assert statuses(check_disk(int(gib * GIB))) == [status]
    assert statuses(check_memory(None)) == ["ok"]


def test_a_cache_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert statuses(check_cache()) == ["ok"]
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    (finding,) = check_cache()
    assert finding.status == "warning"
    assert "NUMBA_CACHE_DIR" in finding.remedy


def test_a_missing_font_is_told(monkeypatch):
    monkeypatch.setattr("novelgen.report.fonts.find_font", lambda: None)
    require_font.cache_clear()
    (finding,) = check_font()
    assert finding.status == "warning"
    assert "apt install" in finding.message


def test_a_run_is_opened_whole(make_run, tmp_path):
    run = make_run(tmp_path / "run")
    assert statuses(check_run(run))[0] == "ok"
    (run / "metrics.jsonl").write_text(json.dumps({"step": 7, "alarm": "x", "message": "hot"}))
    assert [each.message for each in check_run(run) if each.status == "warning"] == ["step 7: hot"]
    weights = bytearray((run / "model.safetensors").read_bytes())
    weights[-5] ^= 1
    (run / "model.safetensors").write_bytes(weights)
    (finding,) = check_run(run)
    assert finding.status == "wrong"
    assert "checksum" in finding.message


def test_a_corpus_is_read(novel, tmp_path):
    (tmp_path / "inf.txt").write_text("a site", encoding="utf-8")
    (finding, skipped, small) = check_corpus(tmp_path)
    assert finding.status == "ok"
    assert "40 chapters" in finding.message
    assert "inf.txt" in skipped.message
    assert "characters to learn from" in small.message
    (finding,) = check_corpus(Path("nothing.txt"))
    assert finding.status == "wrong"
    # What is wrong does not name again what stands before it.
    assert finding.subject == "nothing.txt"
    assert finding.message.startswith("no such file")


def test_a_broken_torch_is_wrong_and_ends_the_checks(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    *_others, finding = diagnosis.diagnose(corpus=Path("nothing.txt"))
    assert (finding.status, finding.subject) == ("wrong", "torch")
