"""Chromium, driven by Playwright, on the page of the `app` fixture."""

import os
import shutil
from urllib.parse import urlsplit

import pytest

CHROMIUM = next(
    filter(
        None,
        map(
            shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
        ),
    ),
    None,
)


@pytest.fixture(scope="module")
def browser():
    """One browser for a module; its loop must not outlive it: other tests run their own loops."""
    if CHROMIUM is None:
        pytest.skip("no chromium in PATH (Debian/Ubuntu: apt install chromium)")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        # Chromium's sandbox refuses to run as root, as in a container.
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, app):
    """Opens the app in a fresh session and returns the page.

    `open_page(url=app.url, locale="zh-CN", width=1280, dark=False)`. A test fails at its end when
    one of its pages threw, wrote an error to the console, or asked another host for anything;
    errors with a text that the test has put into `open_page.expected` are all right.
    """
    contexts, complaints, expected = [], [], []

    def open_one(url=None, locale="zh-CN", width=1280, height=900, dark=False):
        context = browser.new_context(
            locale=locale,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
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
