"""Runs a command of novelgen in the process of the tests, which has imported torch already.

A process of its own spends seconds on importing before it does anything. So it is for tests of what
only a process has: signals and kills, the interpreter's exit code, the encoding of streams, what
is imported at the start.
"""

import contextlib
import io
import os
from typing import NamedTuple
from unittest import mock

import pytest

from novelgen import i18n
from novelgen.__main__ import command


class Done(NamedTuple):
    """What a command has printed, and the code that it exits with."""

    returncode: int
    stdout: str
    stderr: str


def run_command(*words, folder=".", environment=()):
    """Runs `novelgen` with these words, in a folder and with more variables of the environment.

    What the command does not catch is raised here. Streams, folder, environment and language are
    afterwards what they were.
    """
    stdout = io.StringIO()
    stderr = io.StringIO()
    language = i18n.language()
    try:
        with (
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
            mock.patch.dict(os.environ, environment),
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.chdir(folder)
            with pytest.raises(SystemExit) as ended:
                command([str(word) for word in words])
    finally:
        i18n.set_language(language)
    return Done(ended.value.code, stdout.getvalue(), stderr.getvalue())
