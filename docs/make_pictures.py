"""Makes the pictures of the documents: the page, photographed in headless Chromium.

    python docs/make_pictures.py                                  # trains a model for it first
    python docs/make_pictures.py --checkpoint checkpoints/novel   # or takes one that is there

It needs Chromium and a font with Chinese characters (Debian, Ubuntu: `apt install chromium
fonts-wqy-zenhei`), and `pip install playwright`. Prompt, seed and window are always the same; the
text is the model's, and the status line has the speed of this machine.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from novelgen.report.fonts import require_font

DOCS = Path(__file__).resolve().parent
PROJECT = DOCS.parent
BROWSERS = (
    "chromium",
    "chromium-headless-shell",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
PROMPT = "小满坐在船头，数着河边的石阶。"
SEED = 11
PARAGRAPHS = 5
WINDOW = {"width": 1280, "height": 1010}
# Seconds; a busy machine takes long to import torch and Gradio, and to compile the step.
START = 300
WAIT = 120
# Milliseconds between two looks at what grows.
POLLING = 2000

# The status line tells the seed of the draft, and the draft waits for no more text.
IS_WRITTEN = """seed => {
    const status = document.querySelector('#write-status').innerText;
    const wait = document.querySelector('#write-draft-1 .wrap').classList;
    return status.includes(` ${seed}`) && wait.contains('hide') && !wait.contains('generating');
}"""
# Nothing has changed since it was last looked at: what streams in has come to its end.
IS_STILL = """selector => {
    const element = document.querySelector(selector);
    const before = window.novelgenSeen;
    window.novelgenSeen = element.value ?? element.innerHTML;
    return window.novelgenSeen && window.novelgenSeen === before;
}"""


def train(output: Path, minutes: float) -> None:
    """Trains the model of the README on the shipped novel."""
    subprocess.run(
        [
            sys.executable,
            PROJECT / "train.py",
            *("--corpus", PROJECT / "corpus" / "novel.txt"),
            *("--output", output),
            *("--max-minutes", str(minutes)),
        ],
        check=True,
    )


@contextmanager
def serve(checkpoint: Path, folder: Path) -> Iterator[str]:
    """Runs app.py in `folder`, where the page offers this run and the base model; its address."""
    command = [sys.executable, "-u", PROJECT / "app.py", "--checkpoint", checkpoint]
    with subprocess.Popen(
        [*command, "--device", "cpu"], cwd=folder, stdout=subprocess.PIPE, encoding="utf-8"
    ) as app:
        assert app.stdout is not None
        # A server that never says where it is must not be waited for without end.
        watchdog = threading.Timer(START, app.kill)
        watchdog.start()
        try:
            # The line with the address is in the terminal's language, the address is not.
            addresses = (re.search(r"http\S+", line) for line in app.stdout)
            address = next(filter(None, addresses), None)
            watchdog.cancel()
            if address is None:
                sys.exit("the page did not start")
            yield address[0]
        finally:
            watchdog.cancel()
            app.terminate()


def write(page: Any) -> None:
    """Has the paragraphs behind the prompt written on the Write tab."""
    page.locator("#write-manuscript textarea").fill(PROMPT)
    page.locator("#write-paragraphs input[type=number]").fill(str(PARAGRAPHS))
    page.locator("#write-paragraphs input[type=number]").press("Tab")
    page.locator("#write-seed").locator("textarea, input").fill(str(SEED))
    page.locator("#write-continue").click()
    page.wait_for_function(IS_WRITTEN, arg=SEED)
    page.wait_for_function(IS_STILL, arg="#write-draft-1 textarea", polling=POLLING)


def save(page: Any, path: Path) -> None:
    """The window from the top of the page, nothing pointed at or selected, as a PNG file."""
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement?.blur(); window.scrollTo(0, 0)")
    page.screenshot(path=path, animations="disabled")
    print(path)


def open_page(browser: Any, url: str, locale: str) -> Any:
    """The page in the language of `locale`, in a session of its own."""
    page = browser.new_page(locale=locale, viewport=WINDOW, reduced_motion="reduce")
    page.set_default_timeout(1000 * WAIT)
    page.goto(url)
    page.wait_for_selector("#page-title")
    return page


def photograph(browser: Any, url: str, output: Path) -> None:
    """Makes every picture: one of the Write tab in each language, one of the Attention tab."""
    # The first text of a process waits until the step is compiled; its speed would be shown.
    page = open_page(browser, url, "zh-CN")
    write(page)
    page.close()

    page = open_page(browser, url, "zh-CN")
    write(page)
    save(page, output / "write.png")
    # The second tab: what the tabs are called depends on the language.
    page.get_by_role("tab").nth(1).click()
    page.wait_for_selector("#attention-alternative-1")
    page.locator("#attention-explain").click()
    page.wait_for_selector("#attention-views[data-explained=true]")
    page.wait_for_function(IS_STILL, arg="#attention-output", polling=POLLING)
    save(page, output / "attention.png")
    page.close()

    page = open_page(browser, url, "en-US")
    write(page)
    save(page, output / "write.en.png")
    page.close()


def main() -> None:
    """Reads the options, and makes the pictures."""
    parser = argparse.ArgumentParser(description="Makes the pictures of the documents.")
    parser.add_argument("--checkpoint", type=Path, metavar="DIR", help="run to take")
    parser.add_argument("--minutes", type=float, default=4, help="of training, without a run")
    parser.add_argument("--output", type=Path, default=DOCS, metavar="DIR", help="where they go")
    options = parser.parse_args()

    # What is missing is named before anything is trained. Without the font there would be empty
    # boxes for Chinese: the browser takes the fonts of the system, as matplotlib does.
    from playwright.sync_api import sync_playwright

    require_font()
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        sys.exit("no Chromium was found; install one: apt install chromium")

    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoint = options.checkpoint
        if checkpoint is None:
            checkpoint = folder / "checkpoints" / "novel"
            train(checkpoint, options.minutes)
        # Chromium's sandbox does not run as root, which one is in a container.
        flags = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        with serve(checkpoint.resolve(), folder) as url, sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=flags)
            photograph(browser, url, options.output.resolve())
            browser.close()


if __name__ == "__main__":
    main()
