import contextlib
import errno
import json
import os
import platform
import signal
import subprocess
import sys

import filelock
import pytest

from novelgen.errors import ConfigError
from novelgen.training.run_directory import RunDirectory
from novelgen.training.run_lock import LOCK_FILES, check_no_training, locked, training_in

# Holds the lock of a directory until it is killed.
HOLDER = """
import pathlib, sys, time
from novelgen.training.run_lock import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""
# Holds it again and again; fails where another process is inside at the same time.
CONTENDER = """
import pathlib, sys
from novelgen.errors import ConfigError
from novelgen.training.run_lock import locked, training_in
directory = pathlib.Path(sys.argv[1])
inside = directory.with_name("inside")
for _ in range(100):
    try:
        with locked(directory):
            inside.touch(exist_ok=False)
            inside.unlink()
    except ConfigError:
        pass
    training_in(directory)
"""
YEAR_2001 = 1_000_000_000.0  # in September, in every time zone


@contextlib.contextmanager
def another_process(directory):
    """A process that holds the lock of a directory; killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)], stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_training_is_refused_in_one_line(tmp_path):
    with locked(tmp_path, clock=lambda: YEAR_2001):
        with pytest.raises(ConfigError) as refused, locked(tmp_path):
            pytest.fail("two trainings at once")
        line = f"{tmp_path}: process {os.getpid()} has been training here since 2001-09-"
        assert str(refused.value).startswith(line)
        assert "wait until it has ended, stop it, or choose another --output" in str(refused.value)
        assert training_in(tmp_path) == str(refused.value)
        with pytest.raises(ConfigError, match="has been training"):
            check_no_training(tmp_path)


def test_two_directories_are_trained_into_at_once(tmp_path):
    with locked(tmp_path / "one"), locked(tmp_path / "two"):
        assert training_in(tmp_path / "one")
    assert not list((tmp_path / "two").iterdir())


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, ConfigError])
def test_nothing_is_left_of_a_training_that_has_ended(tmp_path, error):
    with contextlib.suppress(KeyboardInterrupt, ConfigError), locked(tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(LOCK_FILES)
        if error is not None:
            raise error
    assert not list(tmp_path.iterdir())
    with locked(tmp_path):
        pass


def test_looking_creates_nothing(tmp_path):
    assert training_in(tmp_path) is None
    assert training_in(tmp_path / "missing") is None
    assert not list(tmp_path.iterdir())


@pytest.fixture
def left(tmp_path):
    """A directory with what a training that was killed has left."""
    holder = {"process": os.getpid(), "machine": platform.node(), "since": YEAR_2001}
    for name in LOCK_FILES:
        (tmp_path / name).write_text(json.dumps(holder), encoding="utf-8")
    return tmp_path


def test_what_a_killed_training_has_left_is_nobodys_and_is_removed(left):
    RunDirectory(left).check_free(overwrite=False)
    assert training_in(left) is None
    assert not list(left.iterdir())


def test_what_a_killed_training_has_left_keeps_nobody_out(left):
    with locked(left):
        RunDirectory(left).create(overwrite=False)
        assert "since 2001" not in training_in(left)
    assert not list(left.iterdir())


def test_a_holder_on_another_machine_is_named_with_it(tmp_path):
    with locked(tmp_path):
        path = tmp_path / ".training.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "machine": "node7"}))
        assert f"process {os.getpid()} on node7 has been training" in training_in(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"process": null, "since": 1}'])
def test_a_holder_that_is_not_known_is_another_process(tmp_path, content):
    with locked(tmp_path):
        (tmp_path / ".training.json").write_text(content, encoding="utf-8")
        assert "another process is training here" in training_in(tmp_path)


def test_a_directory_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigError, match=r"cannot be written .*--output"),
        locked(tmp_path / "file" / "run"),
    ):
        pytest.fail("there is no such directory")


def test_where_the_file_system_has_no_locks_training_goes_on_without(tmp_path, monkeypatch):
    def acquire(*_, **__):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    with locked(tmp_path):
        assert training_in(tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_clearing_a_run_leaves_its_lock(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "config.json").touch()
    with locked(tmp_path):
        RunDirectory(tmp_path).clear()
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(LOCK_FILES)


@pytest.mark.slow
def test_the_lock_of_a_process_ends_with_it(tmp_path):
    with another_process(tmp_path) as process:
        assert f"process {process.pid} has been" in training_in(tmp_path)
        with pytest.raises(ConfigError), locked(tmp_path):
            pytest.fail("two trainings at once")
    assert process.returncode == -signal.SIGKILL
    assert (tmp_path / ".training.lock").exists()
    with locked(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_of_processes_that_come_and_go_at_most_one_is_inside(tmp_path):
    """The files of a lock are removed while others open them."""
    processes = [
        subprocess.Popen([sys.executable, "-c", CONTENDER, str(tmp_path / "run")]) for _ in range(3)
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert not list((tmp_path / "run").iterdir())
