"""The page below a sub-path of a real nginx, for those who have a password."""

import http.client
import shutil
import socket
import subprocess
from base64 import b64encode
from contextlib import closing

import pytest

expect = pytest.importorskip("playwright.sync_api").expect

# The block of docs/guide.md stands in a file around it.
NGINX = """
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        {block}
    }}
}}
"""


def block_of_the_guide(project, port):
    text = (project / "docs" / "guide.md").read_text(encoding="utf-8")
    block = text.split("```nginx\n")[1].split("```")[0]
    assert "127.0.0.1:7860" in block
    return block.replace("127.0.0.1:7860", f"127.0.0.1:{port}")


@pytest.fixture
def proxied(workplace, start_app, tmp_path, request):
    """The port of an nginx before an app with a password."""
    if shutil.which("nginx") is None:
        pytest.skip("no nginx in PATH (Debian/Ubuntu: apt install nginx)")
    accounts = tmp_path / "accounts"
    accounts.write_text("小满:石阶 三十\n", encoding="utf-8")
    app = start_app(workplace, "--root-path", "/novelgen", "--auth", str(accounts))
    assert "石阶" not in app.printed()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    block = block_of_the_guide(request.config.rootpath, app.port)
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(NGINX.format(folder=tmp_path, port=port, block=block))
    command = ["nginx", "-c", str(configuration), "-e", str(tmp_path / "error.log")]
    subprocess.run(command, check=True)
    yield port
    subprocess.run([*command, "-s", "stop"], check=True)


def status(port, path, headers=()):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", path, headers=dict(headers))
        return connection.getresponse().status


def test_the_page_works_below_a_sub_path_with_a_password(proxied, open_page, settled, tmp_path):
    # 1. Nobody gets in without it, program or browser.
    for path in ("", "config", "gradio_api/info", "gradio_api/call/generate/x"):
        assert status(proxied, f"/novelgen/{path}") == 401
    known = {"Authorization": f"Basic {b64encode('小满:石阶 三十'.encode()).decode()}"}
    assert status(proxied, "/novelgen/gradio_api/info", known) == 200
    # 2. With it the page writes. The host's own icon, which a browser asks for, is not ours.
    open_page.expected.append("404")
    credentials = {"username": "小满", "password": "石阶 三十"}
    page = open_page(f"http://127.0.0.1:{proxied}/novelgen/", credentials=credentials)
    page.locator("#write-manuscript textarea").fill("小满上了船。")
    page.locator("#write-continue").click()
    expect(page.locator("#write-draft-1 textarea")).not_to_have_value("")
    settled(page)
    # 3. And takes a novel, for whoever has a password is trusted.
    novel = tmp_path / "船.txt"
    lines = [f"小满上了船，数到第 {number} 级石阶。" for number in range(50)]
    novel.write_text("\n".join(["第一章", *lines]), encoding="utf-8")
    page.get_by_role("tab", name="模型", exact=True).click()
    page.locator("#corpus > button").click()
    page.locator("#corpus-files input[type=file]").set_input_files(novel)
    expect(page.locator("#corpus-report textarea")).not_to_have_value("")
    settled(page)
