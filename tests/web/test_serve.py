"""The server: its options, its start in a hostile environment, and how it shares its places."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest
from gradio_client import Client

from novelgen.errors import ConfigError
from novelgen.web import limits, serve
from tests.in_process import run_command

PROJECT = Path(__file__).parents[2]
PROMPT = "小满坐在船头，数着河边的石阶。"
SHORT = {"prompt": PROMPT, "max_length": 4}


def test_help_answers_without_the_heavy_libraries():
    program = (
        "import runpy, sys; sys.argv = ['app.py', '--help']\n"
        f"try: runpy.run_path({str(PROJECT / 'app.py')!r}, run_name='__main__')\n"
        "finally: print('HEAVY' if {'torch', 'gradio'} & set(sys.modules) else 'LIGHT')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        capture_output=True,
        encoding="utf-8",
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    assert "LIGHT" in done.stdout, done.stderr
    for option in (
        "--checkpoint",
        "--host",
        "--port",
        "--root-path",
        "--auth",
        "--share",
        "--mcp",
        "--device",
    ):
        assert option in done.stdout


@pytest.mark.slow
def test_port_in_use_is_reported_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = subprocess.run(
            [sys.executable, PROJECT / "app.py", "--port", port],
            cwd=PROJECT,
            capture_output=True,
            encoding="utf-8",
            env=os.environ | {"PYTHONIOENCODING": "utf-8"},
            timeout=120,
            check=False,
        )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert port in done.stderr
    assert "in use" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("--checkpoint", "nowhere"),
        ("--device", "abacus"),
        ("--host", "192.0.2.1"),
        ("--host", "no such host"),
        ("--host", "::1"),
        ("--port", "70000"),
        ("--port", "0"),
        ("--root-path", "novelgen"),
    ],
)
def test_unusable_option_is_reported_in_one_line(arguments, tmp_path):
    done = run_command("app", *arguments, folder=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert arguments[1] in done.stderr, done.stderr


def test_without_a_port_the_next_free_one_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert port < serve.free_port("127.0.0.1", None, range(port, port + 100)) < port + 100
        with pytest.raises(ConfigError, match=f"{port} to {port}: all of these ports"):
            serve.free_port("127.0.0.1", None, range(port, port + 1))


def test_the_ports_that_are_tried_begin_with_gradios():
    assert (serve.PORTS[0], len(serve.PORTS)) == (7860, 100)


def test_dead_proxy_changes_nothing_and_the_program_ends_cleanly(workplace, start_app):
    dead = {
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "socks5://127.0.0.1:9",
    }
    proxies = dead | {name.lower(): address for name, address in dead.items()}
    app = start_app(workplace, environment={"NO_PROXY": "", "no_proxy": "", **proxies})
    assert "event: complete" in app.call(SHORT).rest()
    app.process.send_signal(signal.SIGINT)
    assert app.process.wait(timeout=30) == 0
    assert "Traceback" not in app.printed()
    assert "http" in app.printed()


def other_addresses():
    """Addresses of this machine at which another one could reach it."""
    names = {socket.gethostname(), socket.getfqdn()}
    found = set()
    for name in names:
        with suppress(OSError):
            infos = socket.getaddrinfo(name, None, socket.AF_INET)
            found |= {address[0] for *_kind, address in infos}
    # The address that the machine would send from; a datagram socket sends nothing by connecting.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))
        found.add(probe.getsockname()[0])
    return sorted(address for address in found if not address.startswith("127."))


def listening_addresses(port):
    """At which addresses the machine listens on the port, as Linux tells."""
    table = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    places = [line.split()[1] for line in table if line.split()[3] == "0A"]
    addresses = [place.split(":")[0] for place in places if int(place.split(":")[1], 16) == port]
    return {socket.inet_ntoa(bytes.fromhex(address)[::-1]) for address in addresses}


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux lists its sockets there")
def test_only_the_own_machine_is_listened_to(app):
    assert listening_addresses(app.port) == {"127.0.0.1"}


def test_another_machine_is_not_served(app):
    addresses = other_addresses()
    if not addresses:
        pytest.skip("this machine has no address at which another one could reach it")
    for address in addresses:
        with pytest.raises((ConnectionError, TimeoutError)):
            socket.create_connection((address, app.port), timeout=5).close()


def test_the_page_is_served(app):
    assert urlopen(app, "").startswith("<!doctype html>")


def urlopen(app, path):
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=60)
    with closing(connection):
        connection.request("GET", "/" + path)
        return connection.getresponse().read().decode()


# In the next tests one of two requests goes away, and the other one writes on. Both would take
# equally long: that a third one is served while the other still writes shows that the place was
# given up, and not written to its end for nobody.


def test_a_closed_tab_frees_its_place(app, busy):
    waiting = app.call(SHORT)
    busy[0].close()
    assert "event: complete" in waiting.rest()
    busy[1].wait_for_text()


def test_a_cancelled_call_frees_its_place(app, busy):
    with closing(Client(app.url, verbose=False)) as client:
        waiting = client.submit(**app.long, api_name="/generate")
        behind = app.call(SHORT)
        busy[0].close()
        next(iter(waiting))  # it has the place now, and the other one waits
        waiting.cancel()
        assert "event: complete" in behind.rest()
        busy[1].wait_for_text()


def test_calls_that_leave_the_queue_hold_up_no_other(app, busy):
    left = [app.call(app.long) for _ in range(3)]
    behind = app.call(SHORT)
    for call in left:
        call.close()
    busy[0].close()
    assert "event: complete" in behind.rest()
    busy[1].wait_for_text()


def test_full_queue_is_answered_with_429_and_a_sentence(app, busy):
    waiting = [app.call(SHORT, listen=False) for _ in range(limits.WAITING)]
    with pytest.raises(AssertionError, match=r"HTTP 429.*try again in a moment"):
        app.call(SHORT)
    for call in busy:
        call.close()
    for call in waiting:
        call.listen()
        assert "event: complete" in call.rest()
