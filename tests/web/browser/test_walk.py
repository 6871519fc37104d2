"""An hour of a writer, in one sitting: every button of the page once, in an order that is likely.

What another test would have to load the page for stands here as one more step.
"""

import csv
import io
import itertools
import json
import re

import pytest

from novelgen.web import limits

expect = pytest.importorskip("playwright.sync_api").expect

PROMPT = "小满坐在船头，数着河边的石阶。"
MARKUP = "<img src=x onerror='window.harm = 1'>"
# Notes every text that the first draft has from now on.
WATCH_DRAFT = """() => {
    const field = document.querySelector('#write-draft-1 textarea');
    let text = field.value;
    window.texts = [];
    const look = () => {
        if (field.value !== text) window.texts.push(text = field.value);
        requestAnimationFrame(look);
    };
    look();
}"""


class Writer:
    """Somebody at the page, who waits for each thing to be done."""

    def __init__(self, page, settled):
        self.page = page
        self._settled = settled

    def settle(self):
        """Waits until nothing goes on."""
        self._settled(self.page)

    def field(self, name):
        return self.page.locator(f"#{name} textarea, #{name} input").first

    @property
    def manuscript(self):
        return self.field("write-manuscript").input_value()

    def draft(self, number=1):
        return self.field(f"write-draft-{number}").input_value()

    def number(self, name, value):
        box = self.page.locator(f"#write-{name} input[type=number]")
        box.fill(str(value))
        box.press("Tab")

    def click(self, name):
        """Clicks a button that moves text."""
        self.page.locator(f"#{name}").click()
        self.settle()

    def write(self, name="write-continue"):
        """Clicks a button that writes, and returns what is written."""
        before = self.page.locator("#write-status").inner_text()
        self.click(name)
        assert self.draft() != ""
        assert self.page.locator("#write-status").inner_text() != before
        return self.draft()

    def open_tab(self, name):
        self.page.get_by_role("tab", name=name, exact=True).click()
        self.settle()

    def decoder(self, number):
        self.page.locator("#write-decoder label").nth(number).click()

    def downloaded(self, name):
        with self.page.expect_download() as download:
            self.page.locator(f"#{name}").click()
        return download.value.path().read_text(encoding="utf-8")


@pytest.fixture
def writer(open_page, settled):
    return Writer(open_page(), settled)


def test_an_hour_at_the_page(writer, app):
    printed = len(app.printed())
    begin_from_an_example(writer)
    continue_and_take_back(writer)
    write_again_with_a_seed(writer)
    give_the_opening(writer)
    change_a_draft_and_copy(writer)
    choose_among_candidates(writer)
    search_with_a_beam(writer)
    write_several_paragraphs_and_stop(writer)
    ask_why(writer)
    compare_settings(writer)
    look_at_the_model(writer)
    assert "Warning" not in app.printed()[printed:], app.printed()[printed:]


def begin_from_an_example(writer):
    page = writer.page
    # 1. What is there has names of its own.
    ids = page.evaluate("[...document.querySelectorAll('[id^=write-]')].map(element => element.id)")
    assert len(ids) == len(set(ids)) > 25
    assert all(re.fullmatch(r"write-[a-z0-9-]+", name) for name in ids)
    for field in page.locator("#write textarea:visible, #write input[type=number]:visible").all():
        assert field.evaluate(
            "field => !!(field.labels?.length || field.ariaLabel || field.closest('label'))"
        )
    # 2. An example, and a new story in its place.
    page.locator("#write-examples button").first.click()
    expect(writer.field("write-manuscript")).to_have_value(re.compile(".{25}"))
    writer.settle()
    example = writer.manuscript
    assert not page.locator("#write-examples").is_visible()
    for _ in range(2):
        page.locator("#write-clear").click()
        writer.click("write-new .desk-main")
        assert writer.manuscript == ""
        writer.click("write-undo")
        assert writer.manuscript == example
    writer.field("write-manuscript").fill(PROMPT)
    writer.number("max-length", 30)


def continue_and_take_back(writer):
    first = writer.write()
    second = writer.write()
    assert second != first
    assert writer.manuscript == f"{PROMPT}\n{first}"
    writer.click("write-undo")
    assert (writer.manuscript, writer.draft()) == (PROMPT, first)
    assert writer.write("write-rewrite") != first
    assert writer.manuscript == PROMPT
    writer.click("write-undo")
    assert writer.draft() == first


def write_again_with_a_seed(writer):
    first = writer.draft()
    writer.click("write-pin")
    seed = writer.field("write-seed")
    pinned = int(seed.input_value())
    assert f"种子 {pinned}" in writer.page.locator("#write-status").inner_text()
    # Writing again takes the next seed; the pinned one gives its text again.
    assert writer.write("write-rewrite") != first
    assert int(seed.input_value()) == pinned + 1
    seed.fill(str(pinned))
    assert writer.write("write-rewrite") == first
    seed.fill("")


def give_the_opening(writer):
    opening = "小满笑道：“"
    writer.field("write-opening").fill(opening)
    for _ in range(2):
        assert re.fullmatch(f"{opening}(?!{opening}).*", writer.write("write-rewrite"), re.S)
    writer.click("write-accept")
    assert writer.field("write-opening").input_value() == ""
    assert writer.manuscript.startswith(f"{PROMPT}\n{opening}")


def change_a_draft_and_copy(writer):
    page = writer.page
    before = writer.manuscript
    writer.write()
    writer.field("write-draft-1").fill("我改过的一段。")
    writer.click("write-accept")
    assert writer.draft() == ""
    assert writer.manuscript == f"{before}\n我改过的一段。"
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#write-manuscript button").first.click()
    page.wait_for_function(
        "text => navigator.clipboard.readText().then(copied => copied === text)",
        arg=writer.manuscript,
    )
    writer.field("write-manuscript").fill(PROMPT)


def choose_among_candidates(writer):
    page = writer.page
    writer.number("num-samples", 3)
    writer.write()
    boxes = [page.locator(f"#write-draft-{place}").bounding_box() for place in (1, 2, 3)]
    assert boxes[0]["x"] < boxes[1]["x"] < boxes[2]["x"]
    assert boxes[0]["y"] == boxes[1]["y"] == boxes[2]["y"]
    assert not page.locator("#write-draft-4").is_visible()
    second = writer.draft(2)
    assert len({writer.draft(place) for place in (1, 2, 3)}) == 3
    writer.click("write-pick-2")
    assert not page.locator("#write-draft-2").is_visible()
    assert writer.manuscript == f"{PROMPT}\n{second}"
    assert writer.draft() == ""
    assert not page.locator("#write-pick-1").is_visible()


def search_with_a_beam(writer):
    page = writer.page
    temperature = page.locator("#write-temperature")
    beam_size = page.locator("#write-beam-size")
    expect(temperature).to_be_visible()
    expect(beam_size).to_be_hidden()
    writer.decoder(1)
    expect(beam_size).to_be_visible()
    expect(temperature).to_be_hidden()
    writer.number("num-samples", 2)
    best = writer.write()
    assert writer.draft(2) not in ("", best)
    assert "种子" not in page.locator("#write-status").inner_text()
    writer.number("num-samples", 1)
    writer.decoder(0)
    expect(beam_size).to_be_hidden()
    writer.click("write-discard")


def write_several_paragraphs_and_stop(writer):
    page = writer.page
    manuscript = writer.manuscript
    # 1. The text is seen to grow.
    writer.number("paragraphs", 4)
    writer.number("max-length", 160)
    page.evaluate(WATCH_DRAFT)
    whole = writer.write()
    assert len(whole.splitlines()) == 4
    texts = page.evaluate("window.texts")
    assert len(texts) >= 3
    assert all(after.startswith(before) for before, after in itertools.pairwise(texts))
    assert texts[-1] == whole
    # 2. So much that a slow browser can press Stop before the end.
    page.locator("#write-more > button").click()
    writer.number("max-length", limits.LENGTH)
    writer.number("min-length", 200)
    writer.number("paragraphs", limits.PARAGRAPHS)
    page.locator("#write-rewrite").click()
    page.wait_for_function(
        "before => !before.startsWith(document.querySelector('#write-draft-1 textarea').value)",
        arg=whole,
    )
    writer.click("write-stop")
    stopped = writer.draft()
    assert stopped.count("\n") < limits.PARAGRAPHS - 1
    writer.click("write-accept")
    assert writer.draft() == ""
    assert writer.manuscript == f"{manuscript}\n{stopped}"
    for _ in range(2):
        writer.click("write-undo")
        assert (writer.manuscript, writer.draft()) == (manuscript, stopped)
        writer.click("write-redo")
    # Nothing is written any more.
    for _ in range(2):
        page.locator("#write-stop").evaluate("button => button.click()")
        writer.settle()


def ask_why(writer):
    page = writer.page
    writer.number("paragraphs", 1)
    writer.number("min-length", 0)
    writer.number("max-length", 30)
    writer.field("write-manuscript").fill(PROMPT + MARKUP)
    writer.write()
    writer.open_tab("注意力")
    page.wait_for_selector("#attention-alternative-1")
    pieces = page.locator("#attention-output .attention-piece")
    pieces.first.click()
    expect(pieces.first).to_have_attribute("aria-selected", "true")
    assert page.locator("#attention-view").locator("img, script, iframe").count() == 0
    facts = page.locator("#attention-place .attention-facts").inner_text()
    assert re.search(r"概率\s+[\d.<≈ e-]+%?", facts)
    assert "熵" in facts


def compare_settings(writer):
    page = writer.page
    writer.open_tab("对比")
    # 1. Nothing to save, and nothing to write from.
    toast = page.locator(".toast-body")
    for button, words in (("compare-csv", "还没有"), ("compare-start", "请先填上文")):
        page.locator(f"#{button}").click()
        toast.get_by_text(words).wait_for()
        expect(toast).to_have_count(1)
        toast.get_by_label("关闭").click()
        expect(toast).to_have_count(0)
    # What was refused leaves nothing to stop.
    expect(page.locator("#compare-stop")).to_be_disabled()
    # 2. A table of the manuscript.
    page.locator("#compare-take").click()
    expect(writer.field("compare-prompt")).to_have_value(PROMPT + MARKUP)
    writer.field("compare-seed").fill("7")
    page.locator("#compare-start").click()
    expect(writer.field("compare-status")).to_have_value(re.compile("^完成 · 5/5"))
    expect(page.locator("#compare-stop")).to_be_disabled()
    table = page.locator("#compare-table").inner_text()
    found = writer.downloaded("compare-csv")
    assert found.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(found.removeprefix("\ufeff"), newline="")))
    assert {row["prompt"] for row in rows} == {PROMPT + MARKUP}
    assert [[row["decoder"], row["temperature"]] for row in rows] == [
        ["sample", "0.5"],
        ["sample", "0.8"],
        ["sample", "1"],
        ["beam", ""],
        ["greedy", ""],
    ]
    assert all(float(row["log p per character"]) < 0 for row in rows)
    assert all(0 <= float(row["copied 8-grams"]) <= 1 for row in rows)
    assert all(row["log p per character"] in table for row in rows)
    assert writer.downloaded("compare-markdown").count("\n") == 7


def look_at_the_model(writer):
    page = writer.page
    writer.open_tab("模型")
    page.wait_for_selector("#model-curves canvas, #model-curves svg")
    expect(writer.field("model-progress")).to_have_value(re.compile("第 12 步"))
    assert writer.field("model-corpus").input_value() == "novel.txt"
    assert "字" in writer.field("model-tokenizer").input_value()
    assert float(writer.field("model-bpc").input_value()) > 1
    assert writer.field("model-steps").input_value() in ("6", "12")
    # The story is still there, and is kept as a file.
    writer.open_tab("写作")
    writer.field("write-title").fill("渡口")
    page.locator("#write-file summary").click()
    story = json.loads(writer.downloaded("write-save"))
    assert (story["title"], story["manuscript"]) == ("渡口", PROMPT + MARKUP)
    assert page.evaluate("window.harm") is None
