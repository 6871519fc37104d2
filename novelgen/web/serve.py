"""`novelgen app`: options → registry → page → server, until Ctrl-C.

Nothing heavy is imported before the options are read.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from novelgen.config import DEVICES, validate_choice
from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.os_errors import reason_of_number
from novelgen.shipped import shipped_base
from novelgen.web import limits, static_files
from novelgen.web.access import Accounts, accounts_of, root_path_of

if TYPE_CHECKING:
    import gradio as gr

PORTS = range(7860, 7960)  # of which the first free one is taken
# Visitors remembered, some 200 KB each. Beyond that, the one that has been idle longest loses what
# the browser does not keep.
_SESSIONS = 300
RUNS = Path(
    "checkpoints"
).absolute()  # where `novelgen train` leaves them: in the working directory
_STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # the last is not on Windows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `novelgen app`."""
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="DIR",
        help=_(
            "run directory to begin with (default: the newest in checkpoints, else the base model)"
        ),
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help=_(
            "address to serve at; 0.0.0.0 opens the page to the local network (default: 127.0.0.1)"
        ),
    )
    parser.add_argument(
        "--port",
        type=int,
        metavar="N",
        help=_("port (default: the first free one from {port} on)").format(port=PORTS[0]),
    )
    parser.add_argument(
        "--share",
        action="store_true",
        help=_("open the page to the internet for a week, through gradio.live"),
    )
    parser.add_argument(
        "--root-path",
        default="",
        metavar="PATH",
        help=_("path below which a reverse proxy serves the page, such as /novelgen"),
    )
    parser.add_argument(
        "--auth",
        metavar="NAME:PASSWORD|FILE",
        help=_(
            "ask for a name and a password, for /generate as well; a file has such a pair in each"
            " line, and is not seen in the list of processes"
        ),
    )
    parser.add_argument(
        "--mcp",
        action="store_true",
        help=_("offer /generate as an MCP tool as well"),
    )
    parser.add_argument(
        "--device", default="auto", metavar="|".join(DEVICES), help=_("where to compute")
    )


def main(args: argparse.Namespace) -> None:
    """Serves the page until Ctrl-C or SIGTERM.

    Raises NovelgenError for options that cannot be used.
    """
    validate_choice(args.device, DEVICES, "--device")
    root_path = root_path_of(args.root_path)
    accounts = accounts_of(args.auth)
    port = free_port(args.host, args.port)
    # 1. Gradio reads the environment when it is imported, so the options come first.
    _quiet_environment(args.share)
    from novelgen.web import page
    from novelgen.web.services.model_registry import ModelRegistry

    # 2. The page, and the server in threads of its own.
    registry = ModelRegistry(RUNS, args.checkpoint, args.device, base=shipped_base())
    is_open = bool(args.share or root_path) and not accounts
    with_files = takes_files(args.host, is_open)
    blocks = page.build(registry, with_files)
    start(
        blocks,
        args.host,
        port,
        with_files,
        accounts,
        root_path=root_path,
        share=args.share,
        mcp_server=args.mcp,
    )
    if accounts:
        print(_("the page asks for a name and a password (--auth)"))
    message = _("open {url} in a browser to write (Ctrl-C stops the program)")
    print(message.format(url=blocks.local_url), flush=True)
    # 3. Serve until somebody stops the program.
    _wait_for_stop()
    blocks.close(verbose=False)


def _wait_for_stop() -> None:
    """Returns after Ctrl-C, `kill`, or when the terminal is closed.

    A signal that is ignored, by `nohup` or a shell, stays ignored.
    """
    stopped = threading.Event()
    for name in _STOP_SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: stopped.set())
    # On Windows a wait without end would not hear of Ctrl-C.
    while not stopped.wait(1):
        pass


def takes_files(host: str, is_open: bool) -> bool:
    """Whether visitors may drop a novel and train on it.

    They may where the address is this machine's alone, unless `is_open` says that others reach it
    all the same and need no password: through gradio.live or a reverse proxy.
    """
    is_this_machine = host == "localhost" or host.startswith("127.")
    return limits.UPLOADS_FROM_NETWORK or (is_this_machine and not is_open)


def start(
    blocks: gr.Blocks,
    host: str,
    port: int,
    with_files: bool = False,
    accounts: Accounts | None = None,
    **options: Any,
) -> None:
    """Launches the page and returns; `options` are further ones of Blocks.launch."""
    from novelgen.web import guard, page
    from novelgen.web.language import translations

    blocks.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=True,
        quiet=True,
        inbrowser=False,
        i18n=translations(),
        theme=page.theme(),
        head=page.head(),
        css_paths=sorted(static_files.FOLDER.glob("*.css")),
        favicon_path=static_files.FOLDER / "favicon.svg",
        # Gradio's settings would offer thirty languages, of which we have two, and are in English.
        footer_links=["api"],
        run_history=False,
        enable_monitoring=False,
        state_session_capacity=_SESSIONS,
        # One byte where nothing on the page takes a file.
        max_file_size=limits.UPLOAD if with_files else 1,
        app_kwargs=guard.options(with_files, accounts),
        **options,
    )


def free_port(host: str, port: int | None, ports: Sequence[int] = PORTS) -> int:
    """`port`, or without one the first free of `ports`. Raises ConfigError when there is none."""
    if ":" in host:
        message = _("--host {host}: give an IPv4 address; this machine is 127.0.0.1")
        raise ConfigError(message.format(host=host))
    if port is None:
        return _first_free_port(host, ports)
    if not 0 < port < 2**16:
        message = _("--port {port}: out of range; give a port from 1 to 65535")
        raise ConfigError(message.format(port=port))
    if not _is_free(host, port):
        message = _("--port {port}: in use; choose another one, or leave the option out")
        raise ConfigError(message.format(port=port))
    return port


def _first_free_port(host: str, ports: Sequence[int]) -> int:
    for port in ports:
        if _is_free(host, port):
            return port
    message = _("ports {first} to {last}: all of these ports are in use; choose one with --port")
    raise ConfigError(message.format(first=ports[0], last=ports[-1]))


def _is_free(host: str, port: int) -> bool:
    """Whether the port is not in use.

    Raises ConfigError when nothing can be served there for another reason.
    """
    problem = _bind_error(host, port)
    if problem is None or problem == errno.EADDRINUSE:
        return problem is None
    message = _("--host {host} --port {port}: cannot serve there ({reason})")
    raise ConfigError(message.format(host=host, port=port, reason=reason_of_number(problem)))


def _bind_error(host: str, port: int) -> int | None:
    """Why nothing can be served there, as an error number; None when it can."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _name, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror:
        return errno.EADDRNOTAVAIL
    except OSError as error:
        return error.errno
    return None


def _quiet_environment(share: bool) -> None:
    """Sets the environment so that nothing is sent out by itself.

    A proxy does not come between the page and its own server either.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    # Only a shared page speaks with the outside; otherwise no proxy is asked for anything.
    local = "localhost,127.0.0.1" if share else "*"
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), local)))
