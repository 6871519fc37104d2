"""The Write tab, button by button."""

import itertools
import re

import pytest

from novelgen.web import limits

expect = pytest.importorskip("playwright.sync_api").expect

PROMPT = "小满坐在船头，数着河边的石阶。"
# Clicks a button, and notes every text that the first draft has from then on.
TEXTS = """name => {
    const field = document.querySelector('#write-draft-1 textarea');
    let text = field.value;
    window.texts = [];
    const look = () => {
        if (field.value !== text) window.texts.push(text = field.value);
        requestAnimationFrame(look);
    };
    look();
    document.querySelector(name).click();
}"""


def manuscript(page):
    return page.locator("#write-manuscript textarea").input_value()


def draft(page, number=1):
    return page.locator(f"#write-draft-{number} textarea").input_value()


def seed(page):
    return page.locator("#write-seed textarea, #write-seed input").first


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


def test_continuing_accepts_the_draft_and_writes_the_next(page, run, click):
    run(page)
    first = draft(page)
    run(page)
    assert manuscript(page) == f"{PROMPT}\n{first}"
    assert draft(page) != first
    click(page, "undo")
    assert draft(page) == first
    assert manuscript(page) == PROMPT


def test_rewriting_changes_only_the_draft_and_can_be_undone(page, run, click):
    run(page)
    first = draft(page)
    run(page, "rewrite")
    assert draft(page) != first
    assert manuscript(page) == PROMPT
    click(page, "undo")
    assert draft(page) == first


def test_a_pinned_seed_repeats_the_text_and_rewriting_takes_the_next_seed(page, run, click):
    run(page)
    first = draft(page)
    click(page, "pin")
    pinned = int(seed(page).input_value())
    assert f"种子 {pinned}" in page.locator("#write-status").inner_text()
    run(page, "rewrite")
    assert int(seed(page).input_value()) == pinned + 1
    assert draft(page) != first
    seed(page).fill(str(pinned))
    run(page, "rewrite")
    assert draft(page) == first


def test_candidates_stand_side_by_side_and_one_is_picked(page, run, click):
    number(page, "write-num-samples", 3)
    run(page)
    boxes = [page.locator(f"#write-draft-{place}").bounding_box() for place in (1, 2, 3)]
    assert boxes[0]["x"] < boxes[1]["x"] < boxes[2]["x"]
    assert boxes[0]["y"] == boxes[1]["y"] == boxes[2]["y"]
    assert not page.locator("#write-draft-4").is_visible()
    second = draft(page, 2)
    assert len({draft(page, place) for place in (1, 2, 3)}) == 3
    click(page, "pick-2")
    assert not page.locator("#write-draft-2").is_visible()
    assert manuscript(page) == f"{PROMPT}\n{second}"
    assert draft(page) == ""
    assert not page.locator("#write-pick-1").is_visible()


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


def test_the_beams_best_are_offered(page, run):
    page.locator("#write-decoder label").nth(1).click()
    page.wait_for_selector("#write-beam-size", state="visible")
    number(page, "write-num-samples", 2)
    run(page)
    assert draft(page, 1)
    assert draft(page, 2)
    assert draft(page, 1) != draft(page, 2)
    assert "种子" not in page.locator("#write-status").inner_text()


def test_the_opening_is_continued_once(page, run, click):
    page.locator("#write-opening textarea").fill("小满笑道：“")
    run(page)
    assert draft(page).startswith("小满笑道：“")
    assert len(draft(page)) > 6
    run(page, "rewrite")
    assert draft(page).startswith("小满笑道：“")
    click(page, "accept")
    assert page.locator("#write-opening textarea").input_value() == ""
    assert manuscript(page).startswith(f"{PROMPT}\n小满笑道：“")


def test_a_story_of_several_paragraphs(page, run):
    number(page, "write-paragraphs", 4)
    run(page)
    assert len(draft(page).splitlines()) == 4


def test_an_edited_draft_is_what_is_accepted(page, run, click):
    run(page)
    page.locator("#write-draft-1 textarea").fill("我改过的一段。")
    click(page, "accept")
    assert draft(page) == ""
    assert manuscript(page) == f"{PROMPT}\n我改过的一段。"


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


def test_the_draft_is_seen_to_grow(page, settled):
    number(page, "write-max-length", 160)
    number(page, "write-paragraphs", 5)
    page.evaluate(TEXTS, "#write-continue")
    settled(page)
    texts = page.evaluate("window.texts")
    assert len(texts) >= 3
    assert all(after.startswith(before) for before, after in itertools.pairwise(texts))
    assert texts[-1] == draft(page)


def test_an_example_begins_a_manuscript_and_new_ends_it(page, click, settled):
    assert not page.locator("#write-examples").is_visible()
    page.locator("#write-manuscript textarea").fill("")
    page.locator("#write-examples button").first.click()
    settled(page)
    example = manuscript(page)
    assert len(example) >= 25
    page.locator("#write-clear").click()
    page.locator("#write-new .desk-main").click()
    settled(page)
    assert manuscript(page) == ""
    click(page, "undo")
    assert manuscript(page) == example


def test_the_manuscript_is_copied(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#write-manuscript button").first.click()
    page.wait_for_function(
        "text => navigator.clipboard.readText().then(copied => copied === text)", arg=PROMPT
    )
    assert page.evaluate("navigator.clipboard.readText()") == PROMPT


def test_every_control_has_a_label_and_nothing_shares_an_id(page):
    ids = page.evaluate("[...document.querySelectorAll('[id^=write-]')].map(element => element.id)")
    assert len(ids) == len(set(ids)) > 25
    assert all(re.fullmatch(r"write-[a-z0-9-]+", name) for name in ids)
    for field in page.locator("#write textarea:visible, #write input[type=number]:visible").all():
        assert field.evaluate(
            "field => !!(field.labels?.length || field.ariaLabel || field.closest('label'))"
        )


def test_no_button_makes_the_app_print_a_warning(page, app, run, click, settled):
    before = len(app.printed())
    run(page)
    for button in ("pin", "accept", "undo", "rewrite", "discard", "undo", "redo"):
        click(page, button)
    for _ in range(2):
        page.locator("#write-stop").evaluate("button => button.click()")
        settled(page)
    assert "Warning" not in app.printed()[before:], app.printed()[before:]


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
