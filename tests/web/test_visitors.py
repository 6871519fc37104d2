"""What a visitor may do, without a server: who may send files, and how much may be asked for."""

import asyncio
import json

import pytest

from novelgen.config import TextConfig
from novelgen.errors import ConfigError
from novelgen.web import limits
from novelgen.web.guard import BodyLimit
from novelgen.web.serve import takes_files
from novelgen.web.services.metrics import Metrics
from novelgen.web.services.streaming import write
from novelgen.web.tabs.corpus_view import text_config


def answer(headers, path="/gradio_api/upload", root_path=""):
    """The status of an upload with these headers; 200 where it reaches the page."""
    statuses = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message):
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def receive():
        return {"type": "http.request", "body": b""}

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "root_path": root_path,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(BodyLimit(app, takes_files=True)(scope, receive, send))
    return statuses


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),  # a program, no browser
        ("http://here:7860", 200),
        ("http://elsewhere", 403),
        ("null", 403),
    ],
)
def test_files_are_taken_from_this_page_alone(origin, status):
    headers = {"host": "here:7860"}
    if origin is not None:
        headers["origin"] = origin
    assert answer(headers) == [status]


def test_a_reverse_proxy_may_tell_where_it_was_asked():
    below = {"path": "/novelgen/gradio_api/upload", "root_path": "/novelgen"}
    headers = {"host": "127.0.0.1:7860", "origin": "https://novels.example"}
    assert answer(headers, **below) == [403]
    assert answer({**headers, "x-forwarded-host": "novels.example"}, **below) == [200]


@pytest.mark.parametrize(
    ("host", "is_open", "taken"),
    [
        ("127.0.0.1", False, True),
        ("localhost", False, True),
        ("127.0.0.1", True, False),
        ("0.0.0.0", False, False),
    ],
)
def test_files_are_taken_where_all_visitors_use_this_machine(host, is_open, taken):
    assert takes_files(host, is_open) is taken


def test_an_opening_has_a_longest_length():
    with pytest.raises(ConfigError, match=f"at most {limits.OPENING:,}"):
        write(None, None, "船来了。", {"prefix": "船" * (limits.OPENING + 1)})


def test_every_switch_of_an_import_is_its_own():
    assert text_config("auto", True, False, False) == TextConfig(errors="replace")
    assert text_config("auto", False, True, False) == TextConfig(simplify=True)
    assert text_config("auto", False, False, True) == TextConfig(keep_site_lines=True)


def test_a_record_that_is_half_written_is_read_when_it_is_whole(tmp_path):
    path = tmp_path / "metrics.jsonl"
    record = json.dumps({"step": 2, "bpc": 5.0, "loss": 3.0, "characters": 9, "seconds": 1.0})
    first = record.replace("2", "1", 1)
    metrics = Metrics()
    path.write_text(f"{first}\n{record[:10]}", encoding="utf-8")
    before = len(metrics.history(path).steps)
    path.write_text(f"{first}\n{record}\n", encoding="utf-8")
    assert (before, len(metrics.history(path).steps)) == (1, 2)
