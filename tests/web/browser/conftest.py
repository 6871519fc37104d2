"""Chromium, driven by Playwright, on the page of the `app` fixture."""

import os
import shutil
import time
from urllib.parse import urlsplit

import pytest

# The shell has no windows: it loads the page with a third less of the CPU's time.
BROWSERS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)

WITHIN = 120  # seconds that a page has for anything, on a busy machine


@pytest.fixture(scope="module")
def browser():
    """One browser for a module; its loop must not outlive it: other tests run their own loops."""
    if CHROMIUM is None:
        pytest.skip("no chromium in PATH (Debian/Ubuntu: apt install chromium)")
    playwright = pytest.importorskip("playwright.sync_api")
    playwright.expect.set_options(timeout=1000 * WITHIN)
    with playwright.sync_playwright() as driver:
        # Chromium's sandbox refuses to run as root, as in a container.
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        yield browser
        browser.close()


class Traffic:
    """What the pages of a browser have asked for and not got yet."""

    def __init__(self):
        self._pending = {}

    def watch(self, context):
        context.on("request", self._begin)
        context.on("requestfinished", self._end)
        context.on("requestfailed", self._end)

    def _begin(self, request):
        # By this stream, which stays open, Gradio knows that the visitor is still there.
        if "/heartbeat/" not in request.url:
            self._pending[request] = request.frame.page

    def _end(self, request):
        self._pending.pop(request, None)

    def is_quiet(self, page):
        return page not in self._pending.values()


@pytest.fixture(scope="session")
def traffic():
    return Traffic()


# What has come is drawn, and what follows from it is asked for.
DRAWN = """() => new Promise(resume =>
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resume))))"""


NO_MORE_TEXT = "() => !(performance.now() - window.novelgenDraftChanged <= 800)"


@pytest.fixture
def settled(traffic):
    """Waits until nothing goes on: `settled(page)`.

    The page has drawn all that it got, and waits for no answer; text that is written has come to
    its end, also by the rule of stable_prefix.js, which holds back the buttons that move text. What
    the page does by a timer can begin again.
    """

    def wait(page):
        deadline = time.monotonic() + WITHIN
        quiet = 0
        while quiet < 2:
            page.evaluate(DRAWN)
            is_quiet = traffic.is_quiet(page) and page.evaluate(NO_MORE_TEXT)
            quiet = quiet + 1 if is_quiet else 0
            if time.monotonic() > deadline:
                pytest.fail("the page does not come to rest")

    return wait


@pytest.fixture
def until():
    """Waits for a state of the test itself, while the pages go on: `until(page, condition)`."""

    def wait(page, condition):
        deadline = time.monotonic() + WITHIN
        while not condition():
            page.evaluate(DRAWN)
            if time.monotonic() > deadline:
                pytest.fail("it has not come to this")

    return wait


@pytest.fixture
def open_page(browser, app, traffic, settled):
    """Opens the app in a fresh session and returns the page when it is loaded.

    `open_page(url=app.url, locale="zh-CN", width=1280, dark=False)`. A test fails at its end when
    one of its pages threw, wrote an error to the console, or asked another host for anything;
    errors with a text that the test has put into `open_page.expected` are all right.
    """
    contexts, complaints, expected = [], [], []

    def open_one(url=None, locale="zh-CN", width=1280, height=900, dark=False, credentials=None):
        context = browser.new_context(
            locale=locale,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
            http_credentials=credentials,
        )
        contexts.append(context)
        context.set_default_timeout(1000 * WITHIN)
        traffic.watch(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"thrown: {error}"))
        page.on(
            "console",
            lambda message: complaints.append(message.text) if message.type == "error" else None,
        )
        page.on(
            "request",
            lambda request: (
                None if _is_ours(request.url) else complaints.append(f"request to {request.url}")
            ),
        )
        page.goto(url or app.url)
        page.wait_for_selector("#page-title")
        # What the page puts into its fields when it is loaded would overwrite what a test types.
        settled(page)
        return page

    open_one.expected = expected
    yield open_one
    for context in contexts:
        context.close()
    complaints = [
        complaint for complaint in complaints if not any(text in complaint for text in expected)
    ]
    assert not complaints, complaints


def _is_ours(url):
    parts = urlsplit(url)
    return parts.scheme in ("data", "blob") or parts.hostname in ("127.0.0.1", "localhost")


@pytest.fixture
def page(open_page):
    """The app in Chinese on a desktop."""
    return open_page()
