"""What is refused at the door, asked of the real server."""

import http.client
import json
import re
from contextlib import closing

import pytest

from novelgen.web import limits

PROMPT = "小满坐在船头，数着河边的石阶。"


def post(app, path, body, headers):
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=60)
    with closing(connection):
        connection.request(
            "POST", f"/gradio_api/{path}", body, headers, encode_chunked=not isinstance(body, str)
        )
        reply = connection.getresponse()
        return reply.status, reply.read().decode()


def ask(app, headers=(), **values):
    headers = {"Content-Type": "application/json", **dict(headers)}
    return post(app, "call/v2/generate", json.dumps(values), headers)


def pieces(size):
    """A body in chunks, whose length nothing tells beforehand."""
    yield b'{"prompt": "'
    for _ in range(size // 2**16):
        yield b"x" * 2**16
    yield b'"}'


@pytest.mark.parametrize(
    ("values", "named"), [({"prompt": PROMPT, "stop": 1}, "stop"), ({"max_length": 8}, "prompt")]
)
def test_wrong_parameters_are_named(app, values, named):
    status, body = ask(app, **values)
    assert status == 422
    assert named in body
    assert "wrong parameters" in json.loads(body)["detail"]


def test_a_refusal_is_in_the_language_of_the_request(app):
    chinese = {"Accept-Language": "zh-CN,zh;q=0.9"}
    for values in ({"prompt": "x" * limits.BODY}, {"max_length": 8}):
        _status, body = ask(app, headers=chinese, **values)
        assert re.search(r"[\u4e00-\u9fff]", json.loads(body)["detail"])
        _status, body = ask(app, **values)
        assert json.loads(body)["detail"].isascii()


def test_too_large_request_is_refused_unread(app):
    status, body = ask(app, prompt="x" * limits.BODY)
    assert status == 413
    assert "too large" in body


def test_too_large_request_in_chunks_is_refused(app):
    kind = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    try:
        status = post(app, "call/v2/generate", pieces(2 * limits.BODY), kind)[0]
    except ConnectionError:  # hung up on while still sending
        status = 413
    assert status == 413
    assert post(app, "call/v2/generate", pieces(2**17), kind)[0] == 200


@pytest.mark.parametrize(
    "values", [{"temperature": 10**400}, {"prefix": "船" * (limits.OPENING + 1)}, {"seed": 10**400}]
)
def test_absurd_values_are_answered_with_a_message(app, values):
    call = app.call({"prompt": PROMPT, **values})
    body = call.rest()
    assert "event: error" in body, body
    assert next(iter(values)) in body, body
