"""The Write tab, button by button."""

import pytest

from novelgen.web import limits

expect = pytest.importorskip("playwright.sync_api").expect

PROMPT = "小满坐在船头，数着河边的石阶。"


def manuscript(page):
    return page.locator("#write-manuscript textarea").input_value()


def draft(page, number=1):
    return page.locator(f"#write-draft-{number} textarea").input_value()


def number(page, name, value):
    field = page.locator(f"#{name} input[type=number]")
    field.fill(str(value))
    field.press("Tab")


@pytest.fixture
def run(settled):
    """Clicks a button that writes and waits until all is written: `run(page, button)`."""

    def click(page, button="continue"):
        before = page.locator("#write-status").inner_text()
        page.locator(f"#write-{button}").click()
        settled(page)
        assert draft(page) != ""
        assert page.locator("#write-status").inner_text() != before

    return click


@pytest.fixture
def click(settled):
    """Clicks a button that moves text and waits until it is moved: `click(page, button)`."""

    def click_one(page, button):
        page.locator(f"#write-{button}").click()
        settled(page)

    return click_one


@pytest.fixture
def page(open_page):
    page = open_page()
    page.locator("#write-manuscript textarea").fill(PROMPT)
    number(page, "write-max-length", 30)
    return page


def test_candidates_are_stacked_on_a_phone(open_page, run):
    page = open_page(width=375, height=700)
    page.locator("#write-manuscript textarea").fill(PROMPT)
    number(page, "write-max-length", 20)
    number(page, "write-num-samples", 2)
    run(page)
    first, second = (page.locator(f"#write-draft-{place}").bounding_box() for place in (1, 2))
    assert first["x"] == second["x"]
    assert first["y"] + first["height"] < second["y"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_accepting_a_growing_draft_ends_the_request(page, click):
    number(page, "write-max-length", 160)
    number(page, "write-paragraphs", limits.PARAGRAPHS)
    for _ in range(3):
        page.locator("#write-rewrite").click()
        page.wait_for_function("document.querySelector('#write-draft-1 .generating')")
        page.wait_for_function(
            "document.querySelector('#write-draft-1 textarea').value.length > 20"
        )
        click(page, "accept")
        assert draft(page) == ""
        assert manuscript(page).startswith(f"{PROMPT}\n")
        click(page, "undo")
        assert manuscript(page) == PROMPT


def test_accepting_waits_until_no_more_text_arrives(page, run, settled):
    """Otherwise text that arrives late fills the draft again.

    It did so every third time with a continuation of the Attention tab.
    """
    run(page)
    assert page.evaluate("window.novelgenDraftChanged > 0")
    # Text has come right now, and the time stands still, however often it is looked at.
    page.evaluate("""() => {
        const now = performance.now();
        window.looks = 0;
        performance.now = () => { window.looks++; return now; };
        window.novelgenDraftChanged = now;
    }""")
    page.locator("#write-accept").click()
    page.wait_for_function("window.looks > 50")
    assert manuscript(page) == PROMPT
    # The time goes on.
    page.evaluate("() => { delete performance.now; }")
    expect(page.locator("#write-draft-1 textarea")).to_have_value("")
    settled(page)
    assert manuscript(page).startswith(f"{PROMPT}\n")


def test_stop_works_before_the_browser_knows_the_event_id(open_page, page, settled, until):
    """With a slow connection the first click's answer is on its way when the second click comes."""
    open_page.expected.append("422")  # gradio's own cancelling fails then
    late = []
    number(page, "write-max-length", 160)
    number(page, "write-paragraphs", limits.PARAGRAPHS)
    page.route("**/queue/join*", lambda route: late.append((route, route.fetch())))
    page.locator("#write-continue").click()
    until(page, lambda: late)
    with page.expect_response("**/run/predict*"):
        page.locator("#write-stop").click()
    for route, answer in late:
        route.fulfill(response=answer)
    page.unroute("**/queue/join*")
    settled(page)
    assert len(draft(page).splitlines()) < limits.PARAGRAPHS
