"""The app as it is used: in a process of its own, with a run that was really trained."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from novelgen.web import limits
from novelgen.web.services.model_registry import LoadedModel
from tests.in_process import run_command

PROJECT = Path(__file__).parents[2]
ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "PYTHONIOENCODING": "utf-8",
    "NOVELGEN_LANG": "en",
}
# app.py, with the base model that the first word names; with none where that is empty.
START = """
import runpy, sys
from pathlib import Path
from types import SimpleNamespace

base, script = sys.argv[1:3]
sys.argv[:] = sys.argv[2:]
sys.path[0] = str(Path(script).parent)
from novelgen import shipped

shipped.shipped_base = lambda: Path(base) if base else None
runpy.run_path(script, run_name="__main__")
"""
STARTS_WITHIN = 300  # seconds, on a busy machine
WITHIN = 120  # seconds that the server has for anything else


@pytest.fixture(scope="session")
def train_novel(tmp_path_factory):
    """Trains a few steps on the shipped novel, with the given options; returns the folder.

    The run is in its checkpoints/novel.
    """

    def train(*options):
        folder = tmp_path_factory.mktemp("workplace")
        done = run_command(
            "train",
            *("--corpus", PROJECT / "corpus" / "novel.txt"),
            *("--output", folder / "checkpoints" / "novel"),
            *("--preset", "tiny", "--device", "cpu", "--batch-tokens", 600),
            *("--max-steps", 12, "--validate-every", 6),
            *options,
            folder=folder,
        )
        assert done.returncode == 0, done.stderr
        return folder

    return train


@pytest.fixture(scope="session")
def workplace(train_novel):
    """A folder with a run that writes nonsense, but it writes.

    With GRU cells, for which no step is compiled: tests look at texts while they grow, so writing
    must take a while.
    """
    return train_novel("--cell", "gru", "--precision", "float32")


class Call:
    """A request to /generate over plain HTTP; `listen` opens the stream of its answers.

    What the server sends is read at once, as a browser does, whether a test asks for it or not.
    """

    def __init__(self, port, values):
        self._port = port
        self._changed = threading.Condition()
        self._lines = []
        self._has_ended = False
        self._is_open = False
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN)
        with closing(connection):
            connection.request(
                "POST",
                "/gradio_api/call/v2/generate",
                json.dumps(values),
                {"Content-Type": "application/json"},
            )
            reply = connection.getresponse()
            body = reply.read().decode()
        assert reply.status == 200, f"HTTP {reply.status}: {body}"
        self._event = json.loads(body)["event_id"]

    def listen(self):
        self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=WITHIN)
        self._connection.request("GET", f"/gradio_api/call/generate/{self._event}")
        # Of this answer, which has no end that is known beforehand, the response owns the socket.
        self._socket = self._connection.sock
        self._stream = self._connection.getresponse()
        self._is_open = True
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
            while line := self._stream.readline():
                with self._changed:
                    self._lines.append(line.decode())
                    self._changed.notify_all()
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def _count(self):
        return sum(line.startswith("event: generating") for line in self._lines)

    def wait_for_text(self):
        """Waits until more text comes than has come so far."""
        with self._changed:
            before = self._count()
            self._changed.wait_for(lambda: self._has_ended or self._count() > before, WITHIN)
            assert self._count() > before, "no more text has come"

    def rest(self):
        """Waits for the end; all that came."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._has_ended, WITHIN), "it does not end"
        self.close()
        return "".join(self._lines)

    def close(self):
        """As a closed tab does: the connection is gone, nothing is said."""
        if not self._is_open:
            return
        self._is_open = False
        # The thread that reads must not keep the connection open.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(WITHIN)
        self._stream.close()
        self._connection.close()


def _hear_ctrl_c():
    """A shell lets what it starts in the background ignore Ctrl-C; the app in tests must not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class App:
    """A running app.py and what it has printed."""

    def __init__(self, folder, log, arguments, environment, base):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    START,
                    str(base or ""),
                    str(PROJECT / "app.py"),
                    "--port",
                    str(self.port),
                    "--device",
                    "cpu",
                    *arguments,
                ],
                cwd=folder,
                env={**ENVIRONMENT, **environment},
                stdout=file,
                stderr=subprocess.STDOUT,
                preexec_fn=_hear_ctrl_c,
            )
        deadline = time.monotonic() + STARTS_WITHIN
        while not (found := re.search(r"http://\S+?/", self.printed())):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"the app did not start: {self.printed()}")
            time.sleep(0.1)
        self.url = found[0]
        # What /generate is asked for to keep it busy for a good while.
        self.long = {
            "prompt": "船来了。",
            "min_length": limits.LENGTH,
            "max_length": limits.LENGTH,
            "paragraphs": limits.PARAGRAPHS,
        }

    def printed(self):
        return self.log.read_text(encoding="utf-8")

    def call(self, values, listen=True):
        """Asks /generate; raises AssertionError with status and body when it is refused."""
        call = Call(self.port, values)
        if listen:
            call.listen()
        return call

    def stop(self):
        """Ends the process as `kill` does, and returns its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@contextmanager
def apps(tmp_path_factory):
    """A function that starts app.py in a folder; all are stopped at the end, or by their stop().

    Without `base`, a run directory, the app is one whose base model was removed.
    """
    started = []

    def start(folder, *arguments, environment=(), base=None):
        log = tmp_path_factory.mktemp("log") / "app.log"
        started.append(App(folder, log, arguments, dict(environment), base))
        return started[-1]

    yield start
    for app in started:
        if app.process.poll() is None:
            app.stop()


@pytest.fixture(scope="session")
def start_shared_app(tmp_path_factory):
    """Starts app.py in a folder, for several tests; who is done with it before the end stops it.

    One that nobody asks takes 6 % of a core.
    """
    with apps(tmp_path_factory) as start:
        yield start


@pytest.fixture
def start_app(tmp_path_factory):
    """Starts app.py in a folder, for one test."""
    with apps(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="session")
def app(workplace, start_shared_app):
    """The app that most tests share, with the MCP endpoint. `app.url` ends in a slash."""
    running = start_shared_app(workplace, "--mcp")
    yield running
    assert "Traceback" not in running.printed(), running.printed()


@pytest.fixture
def busy(app):
    """Calls that hold all places, each of them writing."""
    calls = [app.call(app.long) for _ in range(limits.WRITERS)]
    for call in calls:
        call.wait_for_text()
    yield calls
    for call in calls:
        call.close()
    # All places are free again.
    assert "event: complete" in app.call({"prompt": "船来了。", "max_length": 4}).rest()


@pytest.fixture(scope="session")
def registry_of():
    """A registry with one model: `registry_of(generator)`."""

    def make(generator):
        model = LoadedModel(1, generator)
        return SimpleNamespace(
            generator=lambda name: generator,
            newest_model=lambda name: model,
            generator_with=lambda name, weights: generator,
            is_validated=lambda name: True,
        )

    return make


class Named:
    """Stands for the parts of a tab: every component is its name, by which a test reads changes."""

    def __getattr__(self, name):
        return name


@pytest.fixture
def named():
    return Named()


@pytest.fixture
def write_parts():
    """As `named`, of the Write tab: drafts are "draft 0", "draft 1", …, in "column 0", …"""
    places = range(limits.CANDIDATES)
    return SimpleNamespace(
        result="result",
        status="status",
        manuscript="manuscript",
        opening="opening",
        undo_history="undo history",
        cancellation="cancellation",
        controls=SimpleNamespace(seed="seed"),
        hidden=SimpleNamespace(journal="journal", source="source"),
        draft_texts=[f"draft {place}" for place in places],
        draft_columns=[f"column {place}" for place in places],
    )
