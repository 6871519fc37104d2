"""The Write tab, button by button."""

import re
import time

import pytest

from novelgen.web import limits

PROMPT = "小满坐在船头，数着河边的石阶。"
WAIT_IDLE = "document.querySelector('#write-draft-1 .wrap').classList.contains('hide')"
# Clicks a button and returns when the first draft changed, in milliseconds since the click, until
# it has not changed for a second.
CHANGES = """async name => {
    const field = document.querySelector('#write-draft-1 textarea');
    const begun = performance.now();
    const passed = () => performance.now() - begun;
    let text = field.value, changes = [];
    document.querySelector(name).click();
    while (passed() < 15000 && passed() - (changes.at(-1) ?? 14000) < 1000) {
        await new Promise(requestAnimationFrame);
        if (field.value !== text) { text = field.value; changes.push(passed()); }
    }
    return changes;
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


def run(page, button="continue"):
    """Clicks a button that writes and waits until all is written."""
    before = page.locator("#write-status").inner_text()
    page.locator(f"#write-{button}").click()
    page.wait_for_function(
        f"document.querySelector('#write-draft-1 textarea').value !== '' && {WAIT_IDLE}"
    )
    page.wait_for_function(
        "before => document.querySelector('#write-status').innerText !== before", arg=before
    )
    page.wait_for_function(WAIT_IDLE)


@pytest.fixture
def page(open_page):
    page = open_page()
    page.locator("#write-manuscript textarea").fill(PROMPT)
    number(page, "write-max-length", 30)
    return page


def test_continuing_accepts_the_draft_and_writes_the_next(page):
    run(page)
    first = draft(page)
    run(page)
    assert manuscript(page) == f"{PROMPT}\n{first}"
    assert draft(page) != first
    page.locator("#write-undo").click()
    page.wait_for_function(
        "first => document.querySelector('#write-draft-1 textarea').value === first", arg=first
    )
    assert manuscript(page) == PROMPT


def test_rewriting_changes_only_the_draft_and_can_be_undone(page):
    run(page)
    first = draft(page)
    run(page, "rewrite")
    assert draft(page) != first
    assert manuscript(page) == PROMPT
    page.locator("#write-undo").click()
    page.wait_for_function(
        "first => document.querySelector('#write-draft-1 textarea').value === first", arg=first
    )


def test_a_pinned_seed_repeats_the_text_and_rewriting_takes_the_next_seed(page):
    run(page)
    first = draft(page)
    page.locator("#write-pin").click()
    page.wait_for_function(
        "document.querySelector('#write-seed textarea, #write-seed input').value !== ''"
    )
    pinned = int(seed(page).input_value())
    assert f"种子 {pinned}" in page.locator("#write-status").inner_text()
    run(page, "rewrite")
    assert int(seed(page).input_value()) == pinned + 1
    assert draft(page) != first
    seed(page).fill(str(pinned))
    run(page, "rewrite")
    assert draft(page) == first


def test_candidates_stand_side_by_side_and_one_is_picked(page):
    number(page, "write-num-samples", 3)
    run(page)
    boxes = [page.locator(f"#write-draft-{place}").bounding_box() for place in (1, 2, 3)]
    assert boxes[0]["x"] < boxes[1]["x"] < boxes[2]["x"]
    assert boxes[0]["y"] == boxes[1]["y"] == boxes[2]["y"]
    assert not page.locator("#write-draft-4").is_visible()
    second = draft(page, 2)
    assert len({draft(page, place) for place in (1, 2, 3)}) == 3
    page.locator("#write-pick-2").click()
    page.wait_for_selector("#write-draft-2", state="hidden")
    assert manuscript(page) == f"{PROMPT}\n{second}"
    assert draft(page) == ""
    assert not page.locator("#write-pick-1").is_visible()


def test_candidates_are_stacked_on_a_phone(open_page):
    page = open_page(width=375, height=700)
    page.locator("#write-manuscript textarea").fill(PROMPT)
    number(page, "write-max-length", 20)
    number(page, "write-num-samples", 2)
    run(page)
    first, second = (page.locator(f"#write-draft-{place}").bounding_box() for place in (1, 2))
    assert first["x"] == second["x"]
    assert first["y"] + first["height"] < second["y"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_the_beams_best_are_offered(page):
    page.locator("#write-decoder label").nth(1).click()
    page.wait_for_selector("#write-beam-size", state="visible")
    number(page, "write-num-samples", 2)
    run(page)
    assert draft(page, 1)
    assert draft(page, 2)
    assert draft(page, 1) != draft(page, 2)
    assert "种子" not in page.locator("#write-status").inner_text()


def test_the_opening_is_continued_once(page):
    page.locator("#write-opening textarea").fill("小满笑道：“")
    run(page)
    assert draft(page).startswith("小满笑道：“")
    assert len(draft(page)) > 6
    run(page, "rewrite")
    assert draft(page).startswith("小满笑道：“")
    page.locator("#write-accept").click()
    page.wait_for_function("document.querySelector('#write-opening textarea').value === ''")
    assert manuscript(page).startswith(f"{PROMPT}\n小满笑道：“")


def test_a_story_of_several_paragraphs(page):
    number(page, "write-paragraphs", 4)
    run(page)
    assert len(draft(page).splitlines()) == 4


def test_an_edited_draft_is_what_is_accepted(page):
    run(page)
    page.locator("#write-draft-1 textarea").fill("我改过的一段。")
    page.locator("#write-accept").click()
    page.wait_for_function("document.querySelector('#write-draft-1 textarea').value === ''")
    assert manuscript(page) == f"{PROMPT}\n我改过的一段。"


def test_accepting_a_growing_draft_ends_the_request(page):
    number(page, "write-max-length", 160)
    number(page, "write-paragraphs", limits.PARAGRAPHS)
    for _ in range(3):
        page.locator("#write-rewrite").click()
        page.wait_for_function("document.querySelector('#write-draft-1 .generating')")
        page.wait_for_function(
            "document.querySelector('#write-draft-1 textarea').value.length > 20"
        )
        page.locator("#write-accept").click()
        page.wait_for_function(
            "text => document.querySelector('#write-manuscript textarea').value !== text",
            arg=PROMPT,
        )
        page.wait_for_timeout(500)
        assert draft(page) == ""
        assert manuscript(page).startswith(f"{PROMPT}\n")
        page.locator("#write-undo").click()
        page.wait_for_function(
            "text => document.querySelector('#write-manuscript textarea').value === text",
            arg=PROMPT,
        )


# Accepts the draft while text is still coming in, for a second, and tells how long it took.
LATE = """async () => {
    const field = document.querySelector('#write-manuscript textarea');
    const before = field.value, begun = performance.now();
    const comes = () => { window.novelgenDraftChanged = performance.now(); };
    comes();
    const late = setInterval(comes, 50);
    setTimeout(() => clearInterval(late), 1000);
    document.querySelector('#write-accept').click();
    while (field.value === before && performance.now() - begun < 8000) {
        await new Promise(requestAnimationFrame);
    }
    return performance.now() - begun;
}"""


def test_accepting_waits_until_no_more_text_arrives(page):
    """Otherwise text that arrives late fills the draft again.

    It did so every third time with a continuation of the Attention tab.
    """
    run(page)
    assert page.evaluate("window.novelgenDraftChanged > 0")
    assert 1000 < page.evaluate(LATE) < 8000


def test_updates_a_second_are_limited(page):
    number(page, "write-max-length", 160)
    number(page, "write-paragraphs", 5)
    changes = page.evaluate(CHANGES, "#write-continue")
    # Frames that were held up may bring two updates close together; the rate over the whole counts.
    assert (
        3 <= len(changes) <= 2 + (changes[-1] - changes[0]) / 1000 * limits.UPDATES_A_SECOND * 1.1
    )


def test_an_example_begins_a_manuscript_and_new_ends_it(page):
    page.locator("#write-examples button").first.click()
    page.wait_for_function(
        "text => document.querySelector('#write-manuscript textarea').value !== text", arg=PROMPT
    )
    assert len(manuscript(page)) >= 25
    page.locator("#write-clear").click()
    page.wait_for_function("document.querySelector('#write-manuscript textarea').value === ''")
    for _ in range(2):
        page.locator("#write-undo").click()
        page.wait_for_timeout(300)
    assert manuscript(page) == PROMPT


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("石阶", "石阶.txt"),
        ('../a:"b"|<c>', "_a__b___c_.txt"),
        ("", "novel.txt"),
        (" .. ", "novel.txt"),
    ],
)
def test_the_manuscript_is_downloaded_under_a_safe_name(page, title, name):
    page.locator("#write-title textarea, #write-title input").first.fill(title)
    with page.expect_download() as download:
        page.locator("#write-download").click()
    assert download.value.suggested_filename == name
    heading = f"{title.strip()}\n\n" if title.strip() else ""
    assert download.value.path().read_text(encoding="utf-8") == f"{heading}{PROMPT}\n"


def test_the_manuscript_is_copied(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#write-manuscript button").first.click()
    page.wait_for_timeout(200)
    assert page.evaluate("navigator.clipboard.readText()") == PROMPT


def test_presets_move_the_controls(page):
    page.locator("#write-decoder label").nth(2).click()
    page.wait_for_selector("#write-temperature", state="hidden")
    values = []
    for preset in ("steady", "balanced", "bold"):
        page.locator(f"#write-preset-{preset}").click()
        page.wait_for_selector("#write-temperature", state="visible")
        page.wait_for_timeout(400)
        values.append(float(page.locator("#write-temperature input[type=number]").input_value()))
    assert values == sorted(set(values))


def test_every_control_has_a_label_and_nothing_shares_an_id(page):
    ids = page.evaluate("[...document.querySelectorAll('[id^=write-]')].map(element => element.id)")
    assert len(ids) == len(set(ids)) > 25
    assert all(re.fullmatch(r"write-[a-z0-9-]+", name) for name in ids)
    for field in page.locator("#write textarea:visible, #write input[type=number]:visible").all():
        assert field.evaluate(
            "field => !!(field.labels?.length || field.ariaLabel || field.closest('label'))"
        )


def test_no_button_makes_the_app_print_a_warning(page, app):
    before = len(app.printed())
    run(page)
    for button in ("pin", "accept", "undo", "rewrite", "stop", "clear", "undo", "continue", "stop"):
        page.locator(f"#write-{button}").click()
        page.wait_for_timeout(300)
    page.wait_for_function(WAIT_IDLE)
    assert "Warning" not in app.printed()[before:], app.printed()[before:]


def test_stop_works_before_the_browser_knows_the_event_id(open_page, page):
    """With a slow connection the first click's answer is on its way when the second click comes."""
    open_page.expected.append("422")  # gradio's own cancelling fails then

    def late(route):
        answer = route.fetch()
        time.sleep(0.7)
        route.fulfill(response=answer)

    number(page, "write-max-length", 160)
    number(page, "write-paragraphs", limits.PARAGRAPHS)
    page.route("**/queue/join*", late)
    page.evaluate("""() => {
        document.querySelector('#write-continue').click();
        setTimeout(() => document.querySelector('#write-stop').click(), 350);
    }""")
    page.wait_for_timeout(2500)
    stopped = draft(page)
    page.wait_for_timeout(1500)
    assert draft(page) == stopped
    assert len(stopped.splitlines()) < limits.PARAGRAPHS
