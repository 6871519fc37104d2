"""`python app.py`: options → shelf → page → server, until Ctrl-C. Nothing heavy is imported before the options are read."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from novelgen.config import DEVICES, validate_choice
from novelgen.errors import ConfigError

if TYPE_CHECKING:
    import gradio as gr

PORT = 7860
_PORTS_TRIED = 100
_SESSIONS = 300  # visitors remembered, some 200 KB each; of more the longest idle lose what their browser does not keep
RUNS = Path("checkpoints").absolute()  # where train.py leaves them: in the working directory
_PROJECT = Path(__file__).resolve().parents[2]
_STATIC = Path(__file__).with_name("static")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `app.py`."""
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="DIR",
        help="先用这个训练目录（默认 checkpoints 里最新的）| the run to begin with (default: the newest in checkpoints)",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="在哪个地址上服务；0.0.0.0 让局域网里的人也能打开 | address to serve at; 0.0.0.0 opens it to the network "
        "（默认 default: 127.0.0.1）",
    )
    parser.add_argument(
        "--port",
        type=int,
        metavar="N",
        help=f"端口（默认从 {PORT} 起第一个空着的）| port (default: the first free one from {PORT})",
    )
    parser.add_argument(
        "--share",
        action="store_true",
        help="经 gradio.live 让网上的人也能打开 | a public address for a week, by way of gradio.live",
    )
    parser.add_argument(
        "--mcp",
        action="store_true",
        help="也作为 MCP 工具 | offer /generate as an MCP tool as well",
    )
    parser.add_argument(
        "--device", default="auto", metavar="|".join(DEVICES), help="在哪里算 | where to compute"
    )


def main(args: argparse.Namespace) -> None:
    """Serves the page until Ctrl-C or SIGTERM. Raises NovelgenError for options that cannot be used."""
    validate_choice(args.device, DEVICES, "--device")
    port = free_port(args.host, args.port)
    _quiet_environment(args.share)
    from novelgen.web import page
    from novelgen.web.model_registry import ModelRegistry

    shelf = ModelRegistry(RUNS, args.checkpoint, args.device)
    blocks = page.build(shelf, _PROJECT)
    start(blocks, args.host, port, share=args.share, mcp_server=args.mcp)
    print(f"写作 write: {blocks.local_url}（Ctrl-C 结束 ends it）", flush=True)
    _wait_for_the_end()
    blocks.close(verbose=False)


def _wait_for_the_end() -> None:
    """Returns after Ctrl-C, `kill`, or when the terminal is closed; what `nohup` or a shell has put aside stays so."""
    stopped = threading.Event()
    for number in (
        getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
    ):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: stopped.set())
    while not stopped.wait(1):  # on Windows a wait without end would not hear of Ctrl-C
        pass


def start(blocks: gr.Blocks, host: str, port: int, **options: Any) -> None:
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
        head=page.HEAD,
        css_paths=sorted(_STATIC.glob("*.css")),
        favicon_path=_STATIC / "favicon.svg",
        footer_links=["api", "settings"],
        run_history=False,
        enable_monitoring=False,
        state_session_capacity=_SESSIONS,
        max_file_size=1,
        app_kwargs=guard.OPTIONS,
        **options,
    )  # nobody needs to upload a file


def free_port(host: str, port: int | None) -> int:
    """`port`, or without one the first free from PORT on. Raises ConfigError when there is none."""
    if ":" in host:
        raise ConfigError(
            f"--host {host}：请给 IPv4 地址，本机是 127.0.0.1 | give an IPv4 address; this machine is 127.0.0.1"
        )
    if port is not None and not 0 < port < 2**16:
        raise ConfigError(
            f"--port {port}：超出范围，应为 1–65535 | out of range, must be 1 to 65535"
        )
    for candidate in [port] if port is not None else range(PORT, PORT + _PORTS_TRIED):
        problem = _problem(host, candidate)
        if problem is None:
            return candidate
        if problem != errno.EADDRINUSE:
            raise ConfigError(
                f"--host {host} --port {candidate}：不能在此服务（{os.strerror(problem)}）| cannot serve there"
            )
    if port is None:
        raise ConfigError(
            f"端口 {PORT}–{PORT + _PORTS_TRIED - 1} 都占用着；请用 --port 另选 | all these ports are in use; choose another "
            "with --port"
        )
    raise ConfigError(
        f"--port {port}：已被占用；请换一个，或不给 --port 让程序自己找 | in use; choose another, or leave it out"
    )


def _problem(host: str, port: int) -> int | None:
    """Why nothing can be served there, as an error number; None when it can."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror:
        return errno.EADDRNOTAVAIL
    except OSError as error:
        return error.errno
    return None


def _quiet_environment(share: bool) -> None:
    """Nothing goes out, and a proxy in the environment does not come between the page and its own server."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    # Only a shared page speaks with the outside; otherwise no proxy is asked for anything.
    local = "localhost,127.0.0.1" if share else "*"
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), local)))
