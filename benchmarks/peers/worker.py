"""A script of ours that runs in a peer's own environment.

A line of JSON asks, a line of JSON answers.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.peers.install_joeynmt import interpreter


class Worker:
    """The script beside this file that is called `script`, started in `environment`."""

    def __init__(self, environment: Path, script: str) -> None:
        self._directory = tempfile.TemporaryDirectory()
        self._log = Path(self._directory.name) / "log"
        # What our own process has set for itself is not for others.
        environ = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
        with self._log.open(
            "w", encoding="utf-8"
        ) as log:  # not a pipe, which would fill and block it
            self._process = subprocess.Popen(
                [interpreter(environment), Path(__file__).with_name(script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environ,
                encoding="utf-8",
            )

    def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        """Its answer; RuntimeError with the end of its log where it has ended."""
        with contextlib.suppress(BrokenPipeError):  # that it has ended shows below
            print(json.dumps(order), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(
                f"{self._process.args[1].name} ended: "
                f"{self._log.read_text(encoding='utf-8')[-2000:]}"
            )
        return json.loads(answer)

    def close(self) -> None:
        """Ends it."""
        self._process.communicate()
        self._directory.cleanup()
