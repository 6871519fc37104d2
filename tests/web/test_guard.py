"""What is refused at the door, asked of the real server."""

import http.client
import json
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


def ask(app, **values):
    return post(app, "call/v2/generate", json.dumps(values), {"Content-Type": "application/json"})


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
    assert "参数不对" in json.loads(body)["detail"]


def test_a_request_beyond_all_measure_is_refused_unread(app):
    status, body = ask(app, prompt="x" * limits.BODY)
    assert status == 413
    assert "too large" in body


def test_one_that_does_not_tell_its_length_is_refused_as_well(app):
    kind = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    try:
        status = post(app, "call/v2/generate", pieces(2 * limits.BODY), kind)[0]
    except ConnectionError:  # hung up on while still sending
        status = 413
    assert status == 413
    assert post(app, "call/v2/generate", pieces(2**17), kind)[0] == 200


def test_nobody_uploads_files(app):
    form = '--x\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\nhello\r\n--x--\r\n'
    status, body = post(app, "upload", form, {"Content-Type": "multipart/form-data; boundary=x"})
    assert status == 413, body


@pytest.mark.parametrize(
    "values", [{"temperature": 10**400}, {"prefix": "船" * (limits.OPENING + 1)}, {"seed": 10**400}]
)
def test_what_is_absurd_is_answered_in_words(app, values):
    call = app.call({"prompt": PROMPT, **values})
    body = call.rest()
    assert "event: error" in body and next(iter(values)) in body, body
