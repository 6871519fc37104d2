"""Runs commands of novelgen in forks of one process, which has imported torch already.

Documents hold some eighty commands, and each would spend most of its time importing. This file is
the server, `python command_server.py SOCKET`, and the client that runs one command by it, with the
caller's folder, environment and streams: `python command_server.py SOCKET WORDS`, where the words
are those after `python`. What is neither a command of novelgen nor a script runs as a process of
its own.
"""

import importlib
import json
import os
import runpy
import signal
import socket
import sys
import traceback
from pathlib import Path

# What the commands import before they do anything.
IMPORTED = (
    "torch._dynamo",
    "novelgen.api.evaluation_data",
    "novelgen.api.sessions",
    "novelgen.evaluation.comparison",
    "novelgen.report.heatmap",
    "novelgen.web.page",
)
# What `novelgen app` sets before it imports Gradio, which reads it then.
QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "*"}


def serve(address):
    """Answers requests until it is killed; prints a line when it is ready."""
    os.environ.update(QUIET)
    for module in IMPORTED:
        importlib.import_module(module)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _answer(connection)
            os._exit(0)
        connection.close()


def _answer(connection):
    """Runs the command of one request in a fork; sends its process and, at last, its exit code."""
    data, streams, *_ = socket.recv_fds(connection, 1 << 20, 3)
    request = json.loads(data)
    child = os.fork()
    if child == 0:
        os._exit(_run(request, streams))
    connection.send(child.to_bytes(8, "big"))
    _, status = os.waitpid(child, 0)
    connection.send(bytes([os.waitstatus_to_exitcode(status) & 0xFF]))


def _run(request, streams):
    """The exit code of a command, run in this process."""
    # A shell lets what it starts in the background ignore Ctrl-C; a command of a document hears it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    # New objects: those of the server remember its own streams.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - open to the end
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    first, *rest = request["words"]
    try:
        if first == "-m":
            sys.argv = rest
            runpy.run_module("novelgen", run_name="__main__", alter_sys=True)
        else:
            sys.argv = [first, *rest]
            runpy.run_path(first, run_name="__main__")
    except SystemExit as end:
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def request(address, words):
    """Has the server run a command, and exits as it did."""
    data = {"folder": str(Path.cwd()), "environment": dict(os.environ), "words": words}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [json.dumps(data).encode()], [0, 1, 2])
        process = int.from_bytes(connection.recv(8), "big")
        signal.signal(signal.SIGINT, lambda *_: os.kill(process, signal.SIGINT))
        answer = connection.recv(1)
    # Nothing comes back from a command that was killed.
    raise SystemExit(answer[0] if answer else 1)


def main(address, *words):
    """The server without `words`; with them, the client."""
    if not words:
        serve(address)
    if words[0].endswith(".py") or words[:2] == ("-m", "novelgen"):
        request(address, words)
    os.execv(sys.executable, [sys.executable, *words])


if __name__ == "__main__":
    main(*sys.argv[1:])
