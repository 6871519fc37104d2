"""A report for a visitor: its steps, its files, and what ends it."""

import threading
import zipfile
from pathlib import Path

import pytest

from novelgen.errors import CheckpointError, ConfigError
from novelgen.i18n import language, use_language
from novelgen.web.services import report
from novelgen.web.services.report import ReportRequest, write

REQUEST = ReportRequest(Path("run"), ["md", "docx"], author="张三")


def replace_writing(monkeypatch, work):
    monkeypatch.setattr(report, "write_report", work)


def test_last_step_has_the_files_and_markdown_comes_with_its_figures(monkeypatch, tmp_path):
    def work(run, output, *, formats, author, on_progress, **others):
        assert (run, author, others["title"]) == (Path("run"), "张三", None)
        (output / "figures").mkdir()
        (output / "figures" / "loss.png").write_bytes(b"png")
        on_progress("sweep", 1, 2)
        for name in formats:
            (output / f"report.{name}").write_text(language(), encoding="utf-8")
        return [output / f"report.{name}" for name in formats]

    replace_writing(monkeypatch, work)
    with use_language("zh"):
        steps = list(write(REQUEST, tmp_path))
    assert steps[1].status.endswith("1/2")
    assert [path.name for path in steps[-1].files] == ["report.zip", "report.docx"]
    assert {"report.md", "figures/loss.png"} <= set(zipfile.ZipFile(steps[-1].files[0]).namelist())
    # The thread that writes has the visitor's language.
    assert steps[-1].files[1].read_text(encoding="utf-8") == "zh"


def test_leaving_stops_the_writing(monkeypatch, tmp_path):
    ended = threading.Event()

    def work(run, output, *, on_progress, **others):
        try:
            while True:
                on_progress("sweep", 1, 2)
                ended.wait(0.001)
        finally:
            ended.set()

    replace_writing(monkeypatch, work)
    steps = write(REQUEST, tmp_path)
    next(steps)
    next(steps)
    steps.close()
    assert ended.wait(20)


def test_mistake_of_the_run_reaches_the_visitor(monkeypatch, tmp_path):
    def work(run, output, **others):
        raise CheckpointError("no data")

    replace_writing(monkeypatch, work)
    with pytest.raises(CheckpointError, match="no data"):
        list(write(REQUEST, tmp_path))


def test_no_format_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="at least one format"):
        list(write(REQUEST._replace(formats=[]), tmp_path))
