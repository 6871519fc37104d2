"""A copy of the project, in which mutations are made and tests are run.

Every run of tests is a fork of this process, which has loaded what they import beside the package.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lists import PROJECT, Mutation

_PRELOADED = ("numpy", "torch", "numba", "hypothesis", "pytest", "matplotlib", "gradio")
_LONGEST_RUN = 600  # seconds; a mutation may make a loop endless
_PYTEST_OK = 0
_PYTEST_NO_TESTS = 5


@dataclass
class TestRun:
    """How some tests ended."""

    code: int | None  # pytest's exit status; None past the time limit
    seconds: float
    failed: list[str]  # ids of tests

    @property
    def is_red(self) -> bool:
        """Whether a test failed, could not be collected, or never ended."""
        return self.code not in (_PYTEST_OK, _PYTEST_NO_TESTS)

    @property
    def first(self) -> str:
        """What went red first, in short."""
        if self.code is None:
            return "past the time limit"
        if not self.failed:
            return "the tests could not be run"
        return self.failed[0].removeprefix("tests/")


class Laboratory:
    """A copy of the project in which mutations are made and tests are run."""

    def __init__(self, directory: Path, tier: str) -> None:
        self.root = directory / "project"
        self._directory = directory
        self._tier = tier
        self.red: set[str] = set()  # tests that are red without a mutation
        self._copy()
        # One thread, before torch reads it: a fork has none of the others.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        for name in _PRELOADED:
            importlib.import_module(name)

    def _copy(self) -> None:
        """Brings the copy up to date; a file that is the same keeps its time, and so its caches."""
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=PROJECT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        names = {name for name in listing.split("\0") if name and (PROJECT / name).is_file()}
        for name in names:
            source = PROJECT / name
            target = self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists() or source.read_bytes() != target.read_bytes():
                shutil.copy2(source, target)
                _forget_compiled(target)
        for old in [*self.root.glob("novelgen/**/*.py"), *self.root.glob("tests/**/*.py")]:
            if old.relative_to(self.root).as_posix() not in names:
                old.unlink()

    def try_out(self, mutation: Mutation, tests: Sequence[str]) -> TestRun:
        """Runs tests with the mutation made, without those that are red anyway."""
        run = self._run_mutated(mutation, tests)
        if run.is_red and not run.failed and self._run(tests, stops_early=False).is_red:
            raise RuntimeError(f"{tests}: {run.first}, without a mutation too; see {self._log}")
        return run

    def find_red(self, tests: Iterable[str]) -> set[str]:
        """Those of some tests, by their ids, that are red without a mutation; left out later."""
        only = sorted(set(tests))
        files = sorted({test.split("::")[0] for test in only})
        found: set[str] = set()
        if files:
            found = set(self._run(files, only=only, stops_early=False).failed)
        self.red |= found
        return found

    def _run_mutated(self, mutation: Mutation, tests: Sequence[str]) -> TestRun:
        path = self.root / "novelgen" / mutation.module
        original = path.read_text(encoding="utf-8")
        times = path.stat()
        path.write_text(original.replace(mutation.old, mutation.new), encoding="utf-8")
        _forget_compiled(path)
        # numba's cache looks at the file of a kernel, not at those of the functions it calls.
        own_cache = "kernels/compiled" in mutation.module
        try:
            return self._run(tests, own_cache=own_cache)
        finally:
            path.write_text(original, encoding="utf-8")
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    @property
    def _log(self) -> Path:
        return self._directory / "last.log"

    @property
    def _result(self) -> Path:
        return self._directory / "result.json"

    def _run(
        self,
        tests: Sequence[str],
        *,
        only: Sequence[str] = (),
        stops_early: bool = True,
        own_cache: bool = False,
    ) -> TestRun:
        """Runs tests of the copy, or of these `only` some, in a fork of this process."""
        self._result.unlink(missing_ok=True)
        start = time.monotonic()
        child = os.fork()
        if child == 0:
            os.setsid()  # a group of its own, which can be ended as a whole
            recorder = Recorder(only, self.red)
            self._run_here(tests, recorder, stops_early=stops_early, own_cache=own_cache)
        code = _wait(child, _LONGEST_RUN)
        failed = []
        if self._result.exists():
            failed = json.loads(self._result.read_text(encoding="utf-8"))
        return TestRun(code, time.monotonic() - start, failed)

    def _run_here(
        self,
        tests: Sequence[str],
        recorder: Recorder,
        *,
        stops_early: bool,
        own_cache: bool,
    ) -> None:
        """Runs the tests in this process, which it ends."""
        code = 70
        try:
            os.chdir(self.root)
            log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            # The copy is to be imported, here and in the processes that tests start.
            sys.path[0] = str(self.root)
            os.environ["PYTHONPATH"] = str(self.root)
            if stops_early:
                sys.dont_write_bytecode = True
                os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
            cache = self._directory / "numba"
            if own_cache:
                cache = Path(tempfile.mkdtemp(dir=self._directory))
            importlib.import_module("numba").config.CACHE_DIR = str(cache)
            os.environ["NUMBA_CACHE_DIR"] = str(cache)
            code = _pytest(tests, recorder, self._tier, stops_early=stops_early)
            self._result.write_text(json.dumps(recorder.failed), encoding="utf-8")
        except Exception:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


class Recorder:
    """A plugin of pytest that leaves tests out and writes down which ones failed."""

    def __init__(self, only: Iterable[str], left_out: Iterable[str]) -> None:
        self.failed: list[str] = []
        # Ids of tests; of a file that could not be imported there are none.
        self._only = {test for test in only if "::" in test}
        self._left_out = set(left_out)

    def pytest_sessionstart(self) -> None:
        """Has hypothesis take the same examples every time, and few, and shrink none."""
        from hypothesis import HealthCheck, Phase, settings

        settings.register_profile(
            "mutations",
            max_examples=25,
            phases=[Phase.explicit, Phase.generate],
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        settings.load_profile("mutations")

    def pytest_collection_modifyitems(self, items: list) -> None:
        """Takes the tests out that are not asked for, or red anyway."""
        items[:] = [
            item
            for item in items
            if item.nodeid not in self._left_out and (not self._only or item.nodeid in self._only)
        ]

    def pytest_runtest_logreport(self, report) -> None:
        """Notes a test that failed."""
        if report.failed and report.nodeid not in self.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report) -> None:
        """Notes a file that could not be imported."""
        if report.failed:
            self.failed.append(report.nodeid)


def _pytest(tests: Sequence[str], recorder: Recorder, tier: str, *, stops_early: bool) -> int:
    """Runs the tests and returns pytest's exit status."""
    import pytest

    options = ["-q", "--tb=short", "-p", "no:cacheprovider", "-m", tier]
    # Plugins that are loaded already are no news.
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    if importlib.util.find_spec("xdist"):
        options += ["-n", "0"]  # this process is the one that has loaded everything
    if stops_early:
        options.append("-x")
    return int(pytest.main([*options, *tests], plugins=[recorder]))


def _wait(child: int, limit: float) -> int | None:
    """The exit status of a process; past the limit it is ended with all it has started."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _forget_compiled(path: Path) -> None:
    """Removes the bytecode of a module: its time stamp has whole seconds only."""
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
        compiled.unlink()
