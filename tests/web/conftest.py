"""The app as it is used: in a process of its own, with a run that was really trained."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
STARTS_WITHIN = 120  # seconds, on a busy machine


@pytest.fixture(scope="session")
def workplace(tmp_path_factory):
    """A folder with checkpoints/novel: a few steps on the shipped novel, so it writes nonsense, but it writes."""
    folder = tmp_path_factory.mktemp("workplace")
    subprocess.run([sys.executable, PROJECT / "train.py", "--corpus", PROJECT / "corpus" / "novel.txt", "--output",
                    folder / "checkpoints" / "novel", "--preset", "tiny", "--device", "cpu", "--precision", "float32",
                    "--batch-tokens", "600", "--max-steps", "12", "--validate-every", "6"],
                   check=True, cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL, timeout=300)
    return folder


class App:
    """A running app.py and what it has printed."""

    def __init__(self, folder, log, arguments, environment):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen([sys.executable, PROJECT / "app.py", "--port", str(self.port), "--device", "cpu", *arguments],
                                            cwd=folder, env={**ENVIRONMENT, **environment}, stdout=file, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + STARTS_WITHIN
        while not (found := re.search(r"http://\S+?/", self.printed())):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"the app did not start: {self.printed()}")
            time.sleep(0.1)
        self.url = found[0]

    def printed(self):
        return self.log.read_text(encoding="utf-8")

    def stop(self):
        """Ends the process as `kill` does, and returns its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@pytest.fixture(scope="session")
def start_app(tmp_path_factory):
    """Starts app.py in a folder; stopped at the end of all tests, or by its stop()."""
    started = []

    def start(folder, *arguments, environment=()):
        started.append(App(folder, tmp_path_factory.mktemp("log") / "app.log", arguments, dict(environment)))
        return started[-1]

    yield start
    for app in started:
        if app.process.poll() is None:
            app.stop()


@pytest.fixture(scope="session")
def app(workplace, start_app):
    """The app that most tests share, with the MCP endpoint. `app.url` ends in a slash."""
    running = start_app(workplace, "--mcp")
    yield running
    assert "Traceback" not in running.printed(), running.printed()
