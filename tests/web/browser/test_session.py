"""What a writer does, from the first click on."""

import pytest

from novelgen.web import limits

expect = pytest.importorskip("playwright.sync_api").expect

PROMPT = "小满坐在船头，数着河边的石阶。"
OTHER_PROMPT = "雨停了，桥上的灯一盏一盏地亮起来。"
MARKUP = "<script>window.harm = 1</script><img src=x onerror='window.harm = 2'>"


def text_of(page, name):
    return page.locator(f"#{name} textarea").input_value()


def grows(page):
    """Waits until the draft is longer than it is now."""
    length = len(text_of(page, "write-draft-1"))
    page.wait_for_function(
        "length => document.querySelector('#write-draft-1 textarea').value.length > length",
        arg=length,
    )


def write(page, prompt=PROMPT, paragraphs=1):
    page.locator("#write-manuscript textarea").fill(prompt)
    page.locator("#write-paragraphs input[type=number]").fill(str(paragraphs))
    page.locator("#write-paragraphs input[type=number]").press("Tab")
    page.locator("#write-continue").click()
    page.wait_for_function("document.querySelector('#write-draft-1 textarea').value.length > 0")


def test_markup_stays_text_in_every_tab(page, settled):
    page.locator("#write-opening textarea").fill(f"{MARKUP}她")
    page.locator("#write-title textarea, #write-title input").first.fill(MARKUP)
    write(page, prompt=f"{MARKUP}她说。")
    settled(page)
    page.locator("#write-draft-1 textarea").fill(MARKUP)
    page.locator("#write-accept").click()
    settled(page)
    assert text_of(page, "write-draft-1") == ""
    assert text_of(page, "write-manuscript") == f"{MARKUP}她说。\n{MARKUP}"
    for name in ("注意力", "对比", "模型", "写作"):
        page.get_by_role("tab", name=name, exact=True).click()
        settled(page)
        assert page.evaluate("document.querySelector('img[onerror]')") is None
    assert page.evaluate("window.harm") is None


def write_long(page, prompt, length):
    """Begins a text of many paragraphs of at most `length` tokens."""
    set_number(page, "max-length", length)
    write(page, prompt, limits.PARAGRAPHS)


def set_number(page, name, value):
    field = page.locator(f"#write-{name} input[type=number]")
    field.fill(str(value))
    field.press("Tab")


# A browser on a busy machine may still be drawing what a server that was stopped had sent before.
# So these tests look at the end: only a text that nobody stopped has all its paragraphs.


def test_two_visitors_write_stop_and_see_nothing_of_each_other(open_page, settled):
    first, second = open_page(), open_page()
    write_long(first, PROMPT, 200)
    second.reload()
    second.wait_for_selector("#page-title")
    settled(second)
    assert text_of(second, "write-manuscript") == text_of(second, "write-draft-1") == ""
    while_one_writes_another_writes_accepts_and_undoes(first, second, settled)
    who_stops_stops_no_other(first, second, settled)


def while_one_writes_another_writes_accepts_and_undoes(first, second, settled):
    begun = text_of(first, "write-draft-1")
    write(second, OTHER_PROMPT)
    settled(second)
    written = text_of(second, "write-draft-1")
    second.locator("#write-accept").click()
    settled(second)
    assert text_of(second, "write-manuscript") == f"{OTHER_PROMPT}\n{written}"
    second.locator("#write-undo").click()
    settled(second)
    assert text_of(second, "write-manuscript") == OTHER_PROMPT
    assert text_of(second, "write-draft-1") == written
    settled(first)
    whole = text_of(first, "write-draft-1")
    assert whole.startswith(begun)
    assert len(whole.splitlines()) >= limits.PARAGRAPHS
    assert text_of(first, "write-manuscript") == PROMPT


def who_stops_stops_no_other(first, second, settled):
    for page in (first, second):
        page.locator("#write-discard").click()
        settled(page)
    # Whoever stops begins last and writes most: the text must not be at its end before the click.
    write_long(second, OTHER_PROMPT, limits.LENGTH)
    set_number(first, "max-length", limits.LENGTH)
    first.locator("#write-more > button").click()
    set_number(first, "min-length", limits.LENGTH)
    write_long(first, PROMPT, limits.LENGTH)
    # Not by the mouse, for which a busy machine finds no moment when the growing text rests.
    first.locator("#write-stop").dispatch_event("click")
    settled(first)
    stopped = text_of(first, "write-draft-1")
    assert stopped.count("\n") < limits.PARAGRAPHS - 1
    settled(second)
    assert len(text_of(second, "write-draft-1").splitlines()) >= limits.PARAGRAPHS
    assert text_of(first, "write-draft-1") == stopped


def test_a_waiting_visitor_sees_the_place_in_the_queue(page, app, busy, settled):
    page.locator("#write-manuscript textarea").fill(PROMPT)
    page.locator("#write-continue").click()
    waiting = page.locator("#write-draft-1").get_by_text("排队").first
    waiting.wait_for()
    page.locator("#write-stop").click()
    waiting.wait_for(state="hidden")
    for call in busy:
        call.close()
    # Whoever stood in line before has had a turn.
    assert "event: complete" in app.call({"prompt": PROMPT, "max_length": 4}).rest()
    settled(page)
    assert text_of(page, "write-draft-1") == ""


def test_a_full_queue_is_shown_on_the_page(open_page, app, busy):
    open_page.expected.append("429")
    page = open_page()
    waiting = [
        app.call({"prompt": PROMPT, "max_length": 4}, listen=False) for _ in range(limits.WAITING)
    ]
    page.locator("#write-manuscript textarea").fill(PROMPT)
    page.locator("#write-continue").click()
    page.get_by_text("请过一会儿再试").first.wait_for()
    for call in busy:
        call.close()
    for call in waiting:
        call.listen()
        assert "event: complete" in call.rest()


def test_closing_the_tab_frees_its_place(open_page, app):
    pages = [open_page() for _ in range(limits.WRITERS)]
    for page in pages:
        page.locator("#write-max-length input[type=number]").fill(str(limits.LENGTH))
        page.locator("#write-num-samples input[type=number]").fill(str(limits.CANDIDATES))
        page.locator("#write-num-samples input[type=number]").press("Tab")
        write(page, paragraphs=limits.PARAGRAPHS)
    # Both have asked for equally much: whoever is served while the other still writes has got the
    # place of the one that was closed.
    pages[0].close()
    assert "event: complete" in app.call({"prompt": PROMPT, "max_length": 4}).rest()
    grows(pages[1])
