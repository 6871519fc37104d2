"""The endpoint for programs: its description, its checks, and calls by every way there is.

These are gradio_client, plain HTTP and MCP.
"""

import ast
import dataclasses
import inspect
import itertools
import json
import os
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import anyio
import gradio as gr
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from novelgen.config import DecodingConfig, decoding_defaults
from novelgen.errors import ConfigError
from novelgen.web import api, limits
from novelgen.web.services.model_registry import LoadedModel

PROJECT = Path(__file__).parents[2]
PROMPT = "小满坐在船头，数着河边的石阶。"


class OneRun:
    """A registry with one run."""

    def __init__(self, generator):
        self._generator = generator

    def newest(self):
        return "toy"

    def generator(self, name):
        assert name == "toy"
        return self._generator

    def newest_model(self, name):
        return LoadedModel(1, self.generator(name))

    def is_validated(self, name):
        return True


@pytest.fixture
def call(toy):
    """Calls the endpoint on the toy model as gradio does: every parameter, by position."""
    ended = []
    function = api.endpoint(OneRun(toy.generator()), ended.append)
    parameters = inspect.signature(function).parameters

    def answers(**values):
        values = (
            {name: each.default for name, each in parameters.items()}
            | values
            | {"caller": SimpleNamespace(session_hash="me")}
        )
        try:
            return list(function(*values.values()))
        finally:
            assert ended.pop() == "me"
            assert not ended

    return answers


def test_every_decoding_option_is_a_typed_and_described_parameter():
    function = api.endpoint(OneRun(None), print)
    parameters = inspect.signature(function).parameters
    assert list(parameters) == [
        "prompt",
        "model",
        *(spec.name for spec in dataclasses.fields(DecodingConfig)),
        "caller",
    ]
    for spec in dataclasses.fields(DecodingConfig):
        assert parameters[spec.name].default == (
            None if spec.name in decoding_defaults(True) else spec.default
        )
    description, explained, returns = gr.utils.get_function_description(function)
    assert "novel" in description
    assert "finished" in " ".join(returns)
    del explained["caller"]  # comes from Gradio, not from the program
    assert all(explained.values()), explained
    assert f"≤ {limits.LENGTH}" in explained["max_length"]
    assert f"≤ {limits.SEED}" in explained["seed"]
    assert "≤ 100" in explained["temperature"]
    assert "> 0" in explained["temperature"]


def test_the_answers_grow_and_the_last_is_whole(call, toy):
    answers = call(
        prompt="宝玉笑道。", seed=4, max_length=200, min_length=150, num_samples=2, paragraphs=2
    )
    texts = [answer["text"] for answer in answers]
    assert len(texts) > 1
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(texts))
    assert [answer["finished"] for answer in answers] == [False] * (len(answers) - 1) + [True]
    whole = toy.generator().candidates(
        "宝玉笑道。", seed=4, max_length=200, min_length=150, num_samples=2, paragraphs=2
    )
    assert [candidate["text"] for candidate in answers[-1]["candidates"]] == [
        generation.text for generation in whole
    ]
    assert [candidate["seed"] for candidate in answers[-1]["candidates"]] == [4, 5]
    assert answers[-1]["seed"] == 4
    assert answers[-1]["model"] == "toy"
    assert answers[-1]["device"] == "cpu"
    json.dumps(answers, allow_nan=False)


def test_null_is_the_default_and_whole_numbers_may_have_a_point(call):
    plain = call(prompt="宝玉笑道。", seed=4, max_length=30)[-1]["text"]
    assert (
        call(
            prompt="宝玉笑道。", seed=4.0, max_length=30.0, temperature=None, top_k=None, model=""
        )[-1]["text"]
        == plain
    )


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"max_length": limits.LENGTH + 1}, str(limits.LENGTH)),
        ({"paragraphs": limits.PARAGRAPHS + 1}, str(limits.PARAGRAPHS)),
        ({"num_samples": limits.CANDIDATES + 1}, str(limits.CANDIDATES)),
        ({"seed": limits.SEED + 1}, str(limits.SEED)),
        ({"decoder": "beam", "beam_size": limits.BEAM + 1}, str(limits.BEAM)),
        ({"temperature": "warm"}, "temperature"),
        ({"temperature": 0}, "temperature"),
        ({"seed": 1.5}, "seed"),
        ({"seed": True}, "seed"),
        ({"top_k": float("nan")}, "top_k"),
        ({"decoder": "smaple"}, "sample"),
        ({"decoder": 3}, "decoder"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": " \n"}, "prompt"),
        ({"prefix": ["a"]}, "prefix"),
        ({"model": 7}, "model"),
        ({"min_length": 50, "max_length": 40}, "min"),
    ],
)
def test_impossible_request_is_refused_with_the_reason(call, values, named):
    with pytest.raises(gr.Error, match=named) as raised:
        call(**{"prompt": "宝玉笑道。", **values})
    assert raised.value.print_exception is False


def test_an_error_is_in_the_language_of_the_request(toy):
    function = api.endpoint(OneRun(toy.generator()), lambda _session: None)
    parameters = inspect.signature(function).parameters
    values = {name: each.default for name, each in parameters.items()} | {"prompt": 5}
    for accepted, is_english in (("zh-CN", False), ("en", True)):
        values["caller"] = SimpleNamespace(session_hash="me", headers={"accept-language": accepted})
        with pytest.raises(gr.Error) as raised:
            list(function(*values.values()))
        assert raised.value.message.isascii() == is_english


def test_limits_count_for_the_checks_too():
    with pytest.raises(ConfigError):
        api.checked({"num_samples": limits.CANDIDATES + 1})
    assert api.checked({"num_samples": limits.CANDIDATES, "seed": None}) == {
        "num_samples": limits.CANDIDATES
    }


SESSIONS = """
import os, time
os.environ.update(GRADIO_ANALYTICS_ENABLED="False", NO_PROXY="*")
from pathlib import Path
import gradio as gr
from gradio_client import Client
from novelgen.web import api
from novelgen.web.services.model_registry import ModelRegistry

with gr.Blocks() as blocks:
    api.add(ModelRegistry(Path("checkpoints")), blocks)
blocks.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
client = Client(blocks.local_url, verbose=False)
client.predict(prompt="船来了。", max_length=5, api_name="/generate")
print(len(blocks.state_holder.session_data), len(blocks.state_holder.time_last_used))
job = client.submit(
    prompt="船来了。", min_length=900, max_length=900, paragraphs=20, api_name="/generate"
)
next(iter(job))
print(len(blocks.state_holder.session_data))
job.cancel()
deadline = time.monotonic() + 60
while blocks.state_holder.session_data and time.monotonic() < deadline:
    time.sleep(0.05)
print(len(blocks.state_holder.session_data))
"""


def test_a_call_leaves_no_session_behind(workplace):
    done = subprocess.run(
        [sys.executable, "-c", SESSIONS],
        cwd=workplace,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.stdout.split() == ["0", "0", "1", "0"], done.stderr


@pytest.fixture(scope="module")
def client(app):
    client = Client(app.url, verbose=False)
    yield client
    client.close()


def test_a_python_program_gets_the_whole_or_the_stream(client):
    whole = client.predict(
        prompt=PROMPT, seed=3, max_length=40, min_length=30, api_name="/generate"
    )
    assert whole["finished"]
    assert whole["model"] == "novel"
    assert len(whole["text"]) > 5
    stream = list(
        client.submit(prompt=PROMPT, seed=3, max_length=40, min_length=30, api_name="/generate")
    )
    assert len(stream) > 1
    assert stream[-1]["text"] == whole["text"]
    assert len(stream[0]["text"]) < len(whole["text"])
    assert whole["text"].startswith(stream[0]["text"])


def test_only_generate_is_public(client):
    assert list(client.view_api(return_format="dict")["named_endpoints"]) == ["/generate"]


def test_python_program_gets_the_reason_of_a_refusal(client):
    with pytest.raises(AppError, match="this page allows"):
        client.predict(prompt=PROMPT, max_length=5000, api_name="/generate")
    with pytest.raises(AppError, match="no such trained model"):
        client.predict(prompt=PROMPT, model="../novel", api_name="/generate")


def test_long_prompt_is_cut_with_a_note(client):
    answer = client.predict(prompt=PROMPT * 2000, max_length=10, api_name="/generate")
    assert any("20,000" in note for note in answer["notes"])


def test_the_same_seed_writes_the_same_text_whatever_else_runs(app):
    def text(seed):
        with closing(Client(app.url, verbose=False)) as client:
            return client.predict(
                prompt=PROMPT, seed=seed, max_length=60, min_length=40, api_name="/generate"
            )["text"]

    with ThreadPoolExecutor(6) as pool:
        texts = list(pool.map(text, [1, 2, 1, 3, 1, 2]))
    assert texts[0] == texts[2] == texts[4]
    assert texts[1] == texts[5]
    assert len(set(texts)) == 3


def test_http_is_enough(app):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    body = json.dumps({"prompt": PROMPT, "seed": 3, "max_length": 20}).encode()
    request = urllib.request.Request(
        f"{app.url}gradio_api/call/v2/generate", body, {"Content-Type": "application/json"}
    )
    with opener.open(request, timeout=60) as reply:
        event = json.load(reply)["event_id"]
    with opener.open(f"{app.url}gradio_api/call/generate/{event}", timeout=60) as reply:
        lines = reply.read().decode().splitlines()
    assert "event: complete" in lines
    last = json.loads(lines[lines.index("event: complete") + 1].removeprefix("data: "))
    assert last[0]["finished"]
    assert last[0]["seed"] == 3


def test_the_queue_cannot_be_jumped(app):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    body = json.dumps({"data": [PROMPT]}).encode()
    for path in ("run/generate", "api/generate"):
        request = urllib.request.Request(
            f"{app.url}gradio_api/{path}", body, {"Content-Type": "application/json"}
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            opener.open(request, timeout=60)
        assert refused.value.code in (404, 405)
        refused.value.close()


def test_mcp_offers_the_same(app, client):
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def talk():
        async with (
            streamablehttp_client(f"{app.url}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            good = await session.call_tool(
                tools[0].name, {"prompt": PROMPT, "seed": 3, "max_length": 40, "min_length": 30}
            )
            bad = await session.call_tool(tools[0].name, {"prompt": PROMPT, "max_length": 5000})
            return tools, good, bad

    tools, good, bad = anyio.run(talk)
    assert len(tools) == 1
    assert tools[0].name.endswith("generate")
    assert "Chinese novel" in tools[0].description
    properties = tools[0].inputSchema["properties"]
    assert properties["decoder"]["oneOf"][-1]["enum"] == ["sample", "beam", "greedy"]
    assert properties["temperature"]["type"] == "number"
    assert all(each["description"] for each in properties.values())
    assert tools[0].inputSchema["required"] == ["prompt"]
    whole = client.predict(
        prompt=PROMPT, seed=3, max_length=40, min_length=30, api_name="/generate"
    )
    assert not good.isError
    assert ast.literal_eval(good.content[0].text)["text"] == whole["text"]
    assert bad.isError
    assert "this page allows" in bad.content[0].text
