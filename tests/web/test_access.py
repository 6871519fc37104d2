"""Who may open the page: names and passwords, and the path below which it is served."""

import asyncio
import base64

import pytest

from novelgen.errors import ConfigError
from novelgen.web.access import accounts_of, is_known, root_path_of
from novelgen.web.guard import BasicAuth


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("", ""),
        ("/", ""),
        ("/novelgen", "/novelgen"),
        ("/novelgen/", "/novelgen"),
        ("/a/b.c", "/a/b.c"),
    ],
)
def test_a_root_path_ends_without_a_slash(given, path):
    assert root_path_of(given) == path


@pytest.mark.parametrize("given", ["novelgen", "http://a.example/x", "/a//b", "/a/../b", "/a b"])
def test_what_is_no_path_is_refused(given):
    with pytest.raises(ConfigError, match="--root-path"):
        root_path_of(given)


def test_accounts_are_given_or_stand_in_a_file(tmp_path):
    assert accounts_of(None) == {}
    assert accounts_of("小满:a:b") == {"小满": "a:b"}
    file = tmp_path / "accounts"
    file.write_text("\ufeff小满:石阶\n\n other:x y \n", encoding="utf-8")
    assert accounts_of(str(file)) == {"小满": "石阶", "other": "x y"}


@pytest.mark.parametrize("given", ["secret", ":secret", "secret:", "s" * 5000, "secret\0"])
def test_no_message_has_a_password(given):
    with pytest.raises(ConfigError, match="--auth") as raised:
        accounts_of(given)
    assert given.strip(":") not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"name:secret\nsecret\n", b"a:secret\xff"])
def test_a_file_without_accounts_is_named_and_not_quoted(tmp_path, content):
    file = tmp_path / "accounts"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        accounts_of(str(file))
    assert str(file) in str(raised.value)
    assert "secret" not in str(raised.value)


def header(text, scheme="Basic"):
    return f"{scheme} {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("given", "known"),
    [
        (header("小满:a:b"), True),
        (header("小满:a:b", "basic"), True),
        (header("other:x"), True),
        (header("小满:a"), False),
        (header("小满:a:bc"), False),
        (header("other:a:b"), False),
        (header(""), False),
        (header("小满:a:b", "Bearer"), False),
        ("Basic %%%", False),
        ("Basic", False),
        (None, False),
    ],
)
def test_a_name_is_known_with_its_own_password_alone(given, known):
    assert is_known({"小满": "a:b", "other": "x"}, given) is known


@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/mcp/", "/gradio_api/upload"])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_nothing_is_served_without_a_password(path, kind):
    reached, answers = [], []

    async def page(scope, receive, send):
        reached.append(scope["path"])

    async def send(message):
        answers.append(message)

    def ask(headers):
        scope = {"type": kind, "method": "GET", "path": path, "headers": headers}
        asyncio.run(BasicAuth(page, {"name": "word"})(scope, None, send))

    ask([])
    ask([(b"authorization", header("name:wrong").encode())])
    assert reached == []
    if kind == "http":
        assert [each["status"] for each in answers if "status" in each] == [401, 401]
        assert (b"www-authenticate", b'Basic realm="novelgen", charset="UTF-8"') in [
            pair for each in answers for pair in each.get("headers", ())
        ]
    ask([(b"authorization", header("name:word").encode())])
    assert reached == [path]
