"""Parts of a report that need no run."""

import importlib.metadata

import pytest

from novelgen.api.report import package_versions
from novelgen.api.request import run_names
from novelgen.errors import ConfigError


def test_versions_leave_out_what_is_not_installed(monkeypatch):
    """A clone is not installed itself, and rjieba may be missing."""

    def version(name):
        if name in ("novelgen", "rjieba"):
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(importlib.metadata, "version", version)
    versions = package_versions()
    assert "rjieba" not in versions
    assert versions["jieba"] == "1.0"


def test_runs_are_called_by_their_folders_or_by_their_paths(tmp_path):
    assert run_names([tmp_path / "a", tmp_path / "b"], "--runs") == ["a", "b"]
    same = [tmp_path / "x" / "a", tmp_path / "y" / "a"]
    assert run_names(same, "--runs") == [str(path) for path in same]
    with pytest.raises(ConfigError, match="--checkpoint: a directory occurs twice"):
        run_names([tmp_path, tmp_path], "--checkpoint")
