import argparse

import pytest

from novelgen.api.diagnosis import Finding
from novelgen.commands import doctor


def run(findings, monkeypatch):
    monkeypatch.setattr(doctor, "diagnose", lambda checkpoint, corpus: iter(findings))
    parser = argparse.ArgumentParser()
    doctor.add_arguments(parser)
    doctor.main(parser.parse_args([]))


def test_findings_stand_in_columns_with_their_remedies(monkeypatch, capsys):
    run(
        [Finding("ok", "CPU", "2 cores"), Finding("warning", "disk", "full", "tidy up")],
        monkeypatch,
    )
    assert capsys.readouterr().out.splitlines() == [
        "ok       CPU: 2 cores",
        "warning  disk: full",
        "         → tidy up",
        "",
        "nothing is wrong; warnings: 1",
    ]
    run([Finding("ok", "CPU", "2 cores")], monkeypatch)
    assert capsys.readouterr().out.endswith("all is well\n")


def test_the_code_is_2_where_something_is_wrong(monkeypatch):
    with pytest.raises(SystemExit) as ended:
        run([Finding("wrong", "torch", "missing", "pip install torch")], monkeypatch)
    assert ended.value.code == 2
