"""The sheet of the Write tab and the buttons below it: what is where, and what can be done now."""

import pytest

expect = pytest.importorskip("playwright.sync_api").expect

PROMPT = "小满坐在船头，数着河边的石阶。"
LONG = "\n".join(f"小满坐在船头，数到第{number}级石阶。" for number in range(60))
# The buttons that can be pressed now, by their names in the ids.
ENABLED = """() => [...document.querySelectorAll('#write-bar button, #write-clear')]
    .filter(button => !button.disabled && button.ariaDisabled !== 'true')
    .map(button => button.id.replace('write-', '')).sort().join(' ')"""
TOP = "name => document.querySelector(name).getBoundingClientRect().top"
BOTTOM = "name => document.querySelector(name).getBoundingClientRect().bottom"
IS_IDLE = "document.querySelector('#write').dataset.busy === 'false'"


def field(page, name):
    return page.locator(f"#write-{name} textarea, #write-{name} input").first


def number(page, name, value):
    box = page.locator(f"#write-{name} input[type=number]")
    box.fill(str(value))
    box.press("Tab")


@pytest.fixture
def press(settled):
    """Clicks a button and waits for all that follows: `press(page, button)`."""

    def press_one(page, button):
        page.locator(f"#write-{button}").click()
        settled(page)
        page.wait_for_function(IS_IDLE)

    return press_one


def test_continue_takes_only_the_draft_that_fits_and_says_so(page, press):
    go = page.locator("#write-continue")
    number(page, "max-length", 20)
    field(page, "manuscript").fill(PROMPT)
    expect(go).to_have_text("续写")
    press(page, "continue")
    expect(go).to_have_text("采用并续写")
    # 1. The writer goes on by hand: the draft is not wanted any more.
    mine = f"{PROMPT}\n我写的。"
    draft = field(page, "draft-1").input_value()
    field(page, "manuscript").fill(mine)
    expect(go).to_have_text("弃稿并续写")
    press(page, "continue")
    assert field(page, "manuscript").input_value() == mine
    assert field(page, "draft-1").input_value() != draft
    press(page, "undo")
    expect(field(page, "draft-1")).to_have_value(draft)
    # 2. As it was, it is taken again.
    field(page, "manuscript").fill(PROMPT)
    expect(go).to_have_text("采用并续写")
    # 3. Of several none is taken.
    number(page, "num-samples", 2)
    press(page, "rewrite")
    expect(go).to_have_text("弃稿并续写")
    expect(page.locator("#write-accept")).to_be_disabled()
    press(page, "continue")
    assert field(page, "manuscript").input_value() == PROMPT
    # 4. Discarded, with all that was said of it; and back.
    press(page, "discard")
    expect(go).to_have_text("续写")
    expect(page.locator("#write-status span")).not_to_be_visible()
    press(page, "undo")
    expect(go).to_have_text("弃稿并续写")
    # 5. A draft that the writer deletes leaves no figures behind.
    expect(page.locator("#write-status span")).to_be_visible()
    for place in (1, 2):
        field(page, f"draft-{place}").fill("")
    expect(page.locator("#write-status span")).not_to_be_visible()


def test_buttons_can_be_pressed_when_they_do_something(page, press):
    expect(page.locator("#write-undo")).to_be_disabled()
    assert page.evaluate(ENABLED) == "continue"
    field(page, "manuscript").fill(PROMPT)
    expect(page.locator("#write-clear")).to_be_enabled()
    assert page.evaluate(ENABLED) == "clear continue rewrite"
    number(page, "paragraphs", 20)
    page.locator("#write-continue").click()
    expect(page.locator("#write-stop")).to_have_attribute("aria-disabled", "false")
    expect(page.locator("#write-continue")).to_have_attribute("aria-disabled", "true")
    page.wait_for_function("document.querySelector('#write-draft-1 textarea').value.length > 0")
    press(page, "stop")
    expect(page.locator("#write-stop")).to_have_attribute("aria-disabled", "true")
    assert page.evaluate(ENABLED) == "accept clear continue discard pin rewrite undo"
    press(page, "accept")
    assert page.evaluate(ENABLED) == "clear continue rewrite undo"
    press(page, "undo")
    assert "redo" in page.evaluate(ENABLED)
    # What was refused leaves nothing running.
    press(page, "discard")
    field(page, "manuscript").fill("")
    page.locator("#write-continue").click()
    page.get_by_text("稿子还是空的").wait_for()
    expect(page.locator("#write-stop")).to_have_attribute("aria-disabled", "true")


@pytest.mark.parametrize("width", [1400, 360])
def test_the_text_is_one_sheet_with_its_buttons_in_sight(open_page, press, settled, width):
    page = open_page(width=width, height=800)
    assert page.evaluate(BOTTOM, "#write-continue") <= 800
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # All settings are below each other, none beside the window's edge.
    settings = "() => [...document.querySelectorAll('#write-settings, #write-more')]"
    lefts = page.evaluate(f"{settings}.map(part => part.getBoundingClientRect().left)")
    assert lefts[0] == lefts[1]
    # 1. Nothing moves at the first character.
    before = page.evaluate(TOP, "#write-bar"), page.evaluate(TOP, "#write-sheet")
    field(page, "manuscript").press_sequentially("船")
    settled(page)
    field(page, "manuscript").press("Enter")
    field(page, "manuscript").press_sequentially("水")
    assert field(page, "manuscript").input_value() == "船\n水"
    assert (page.evaluate(TOP, "#write-bar"), page.evaluate(TOP, "#write-sheet")) == before
    # 2. The page scrolls, not the box; the buttons stay.
    field(page, "manuscript").fill(LONG)
    settled(page)
    height = "field => [field.scrollHeight, field.clientHeight]"
    inner, outer = field(page, "manuscript").evaluate(height)
    assert inner <= outer + 1
    page.evaluate("scrollTo(0, 0)")
    assert page.evaluate(BOTTOM, "#write-continue") <= 800
    # 3. What is written stands below the last line, in sight, in the same letters.
    number(page, "max-length", 60)
    page.evaluate("scrollTo(0, 0)")
    press(page, "continue")
    draft = page.evaluate(TOP, "#write-draft-1 textarea")
    assert abs(draft - page.evaluate(BOTTOM, "#write-manuscript textarea")) < 12
    assert page.evaluate(BOTTOM, "#write-draft-1 textarea") <= page.evaluate(TOP, "#write-bar") + 1
    font = "name => getComputedStyle(document.querySelector(name)).font"
    assert page.evaluate(font, "#write-draft-1 textarea") == page.evaluate(
        font, "#write-manuscript textarea"
    )
    # 4. What the model reads is marked: the last paragraph.
    band, text = ".sheet-band", "#write-manuscript textarea"
    assert abs(page.evaluate(BOTTOM, band) - page.evaluate(BOTTOM, text)) < 8
    assert 20 < page.evaluate(BOTTOM, band) - page.evaluate(TOP, band) < 80
    expect(page.locator("#write-reads")).to_have_text("模型读的是标出的最后一段")
    # 5. Accepted, it is all to be seen.
    press(page, "accept")
    page.wait_for_function(
        """() => document.querySelector('.sheet-band').getBoundingClientRect().bottom
            <= document.querySelector('#write-bar').getBoundingClientRect().top"""
    )
    assert page.evaluate(TOP, ".sheet-band") >= 0


def test_on_a_phone_every_button_shows_its_whole_name(open_page, press):
    page = open_page(locale="en-US", width=360, height=740)
    field(page, "manuscript").fill(PROMPT)
    number(page, "max-length", 20)
    number(page, "num-samples", 2)
    press(page, "continue")
    expect(page.locator("#write-continue")).to_have_text("Discard and continue")
    for button in page.locator("#write-buttons button").all():
        assert button.evaluate("button => button.scrollWidth - button.clientWidth") == 0


def test_on_a_phone_the_bar_hides_nothing_at_the_end_of_the_page(open_page, settled):
    page = open_page(locale="en-US", width=360, height=740)
    heights = page.locator("#write-buttons button").evaluate_all(
        "buttons => buttons.map(button => button.offsetHeight)"
    )
    assert len(set(heights)) == 1
    # The status of a draft makes the bar higher.
    field(page, "manuscript").fill(LONG)
    page.locator("#write-continue").click()
    page.wait_for_function("document.querySelector('#write-draft-1 textarea').value.length > 0")
    settled(page)
    # Clicks only what nothing lies over.
    page.locator("#write-more > button").click(timeout=10_000)
    page.locator("#write-min-p").wait_for()


def test_the_text_is_followed_until_the_reader_scrolls(page, until):
    field(page, "manuscript").fill(LONG)
    number(page, "paragraphs", 20)
    # So much that it does not end by itself before it is stopped.
    number(page, "max-length", 1000)
    page.locator("#write-more > button").click()
    number(page, "min-length", 1000)
    page.evaluate("scrollTo(0, 0)")
    page.locator("#write-continue").click()
    page.wait_for_function("document.querySelector('#write-draft-1 textarea').value.length > 0")
    page.wait_for_function("scrollY > 0")
    page.mouse.move(400, 400)

    def scrolled_to_the_top():
        # More than once: to follow the text at the same moment ends the scrolling of a wheel.
        page.mouse.wheel(0, -5000)
        return page.evaluate("scrollY") == 0

    until(page, scrolled_to_the_top)
    length = len(field(page, "draft-1").input_value())
    page.wait_for_function(
        "length => document.querySelector('#write-draft-1 textarea').value.length > length",
        arg=length,
    )
    assert page.evaluate("scrollY") == 0
    # Which stops; where the machine is so slow that all is written by now, it has nothing to do.
    page.keyboard.press("Escape")
    expect(page.locator("#write-stop")).to_have_attribute("aria-disabled", "true")


def test_escape_stops_what_is_written(open_page, settled):
    page = open_page()
    # Gradio complains of cancelling what the server has given no number yet.
    open_page.expected.append("422")
    field(page, "manuscript").fill(PROMPT)
    settled(page)
    # The request is held back, so that nothing can end before Escape is pressed.
    held = []
    page.route("**/queue/join*", lambda route: held.append(route))
    page.evaluate(
        """() => document.querySelector('#write-stop')
            .addEventListener('click', () => { window.isStopped = true; })"""
    )
    page.locator("#write-continue").click()
    expect(page.locator("#write-stop")).to_have_attribute("aria-disabled", "false")
    assert not page.evaluate("window.isStopped")
    page.keyboard.press("Escape")
    expect(page.locator("#write-stop")).to_have_attribute("aria-disabled", "true")
    assert page.evaluate("window.isStopped")
    page.unroute("**/queue/join*")  # which sends it
    settled(page)
