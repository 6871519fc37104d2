"""Which files the server takes: from whom, how large, and on which pages at all."""

import asyncio
import http.client
import json
from contextlib import closing

import pytest
from starlette.exceptions import HTTPException

from novelgen.web import guard, limits, serve

FILES = "/gradio_api/upload"
OTHER = "/gradio_api/call/v2/generate"


def ask(path, *, takes_files=True, length=None, sent=0, headers=()):
    """The status of the answer to a request of so many bytes; 200 when the page would read it."""
    statuses = []

    async def page(_scope, receive, _send):
        while (await receive())["more_body"]:
            pass
        statuses.append(200)

    pieces = [2**20] * (sent // 2**20)

    async def receive():
        size = pieces.pop() if pieces else 0
        return {"type": "http.request", "body": b"x" * size, "more_body": bool(pieces)}

    async def send(message):
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
        elif statuses[-1] != 200:
            assert json.loads(message["body"])["detail"]

    fields = {"host": "127.0.0.1:7860", **dict(headers)}
    if length is not None:
        fields["content-length"] = str(length)
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
        "query_string": b"",
    }
    # Not asyncio.run, which would take the thread's own loop away.
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(guard.BodyLimit(page, takes_files)(scope, receive, send))
    except HTTPException as error:
        return error.status_code
    finally:
        loop.close()
    return statuses[0]


@pytest.mark.parametrize("how", ["length", "sent"])
def test_only_the_route_for_files_takes_more_than_a_manuscript(how):
    assert ask(FILES, **{how: limits.UPLOAD}) == 200
    assert ask(FILES, **{how: limits.UPLOAD + 2**20}) == 413
    assert ask(OTHER, **{how: limits.BODY + 2**20}) == 413
    assert ask(FILES, takes_files=False, **{how: limits.BODY + 2**20}) == 413


def test_files_come_from_this_page_and_no_other():
    assert ask(FILES, headers={"origin": "http://127.0.0.1:7860"}) == 200
    assert ask(FILES, headers={"origin": "http://elsewhere.example"}) == 403
    assert ask(FILES, headers={"origin": "null"}) == 403
    # Other routes are as they were.
    assert ask(OTHER, headers={"origin": "http://elsewhere.example"}) == 200


@pytest.mark.parametrize(
    ("host", "share", "expected"),
    [
        ("127.0.0.1", False, True),
        ("localhost", False, True),
        ("127.0.0.1", True, False),
        ("0.0.0.0", False, False),
        ("192.168.1.7", False, False),
    ],
)
def test_files_are_taken_where_the_page_is_for_this_machine(host, share, expected, monkeypatch):
    assert serve.takes_files(host, share) == expected
    monkeypatch.setattr(limits, "UPLOADS_FROM_NETWORK", True)
    assert serve.takes_files(host, share)


def send_file(app, size):
    """Sends a file to the running server; status and body of its answer."""
    heading = 'Content-Disposition: form-data; name="files"; filename="a.txt"'
    form = f"--x\r\n{heading}\r\n\r\n{'x' * size}\r\n--x--\r\n"
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=60)
    with closing(connection):
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        connection.request("POST", FILES, form, kind)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()


def test_the_page_for_this_machine_takes_a_file_of_some_size(app):
    status, body = send_file(app, limits.BODY + 1)
    assert status == 200, body
    status, body = send_file(app, limits.UPLOAD + 2**20)
    assert status == 413
    assert "64 MiB" in body


def test_the_page_for_the_network_takes_no_file(workplace, start_app):
    app = start_app(workplace, "--host", "0.0.0.0")
    status, body = send_file(app, 5)
    assert status == 413, body
    app.stop()
