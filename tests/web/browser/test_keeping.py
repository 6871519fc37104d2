"""What the browser keeps of the page, and what its fields are called."""

import pytest

expect = pytest.importorskip("playwright.sync_api").expect

PROMPT = "小满坐在船头，数着河边的石阶。"
MARKUP = "</script><img src=x onerror='window.harm = 1'>"
KEPT = "Object.keys(localStorage).filter(name => name.startsWith('novelgen-page-'))"
# Types every character of a text for itself, in the middle of the manuscript.
TYPE = """async text => {
    const field = document.querySelector('#write-manuscript textarea');
    field.focus();
    field.setSelectionRange(50, 50);
    for (const character of text) {
        document.execCommand('insertText', false, character);
        await new Promise(resume => requestAnimationFrame(() => setTimeout(resume)));
    }
}"""
# As before a page is left: what has changed is stored at once.
STORE = "() => { dispatchEvent(new Event('beforeunload')); }"


def field(page, name):
    return page.locator(f"#write-{name} textarea, #write-{name} input").first


def text(page, name):
    return field(page, name).input_value()


def has(page, name, value):
    """Waits until a field has a text; fails when it does not get it."""
    expect(field(page, name)).to_have_value(value)


def is_stored(page, text):
    """Waits until the browser has stored a text of a field."""
    page.wait_for_function(
        """text => Object.values(localStorage).some(
            kept => kept.includes(JSON.stringify(text)))""",
        arg=text,
    )


@pytest.fixture
def reload(settled):
    def reload_one(page):
        page.reload()
        page.wait_for_selector("#write-manuscript textarea")
        settled(page)

    return reload_one


@pytest.fixture
def another_tab(app, settled):
    def open_one(page):
        tab = page.context.new_page()
        tab.goto(app.url)
        tab.wait_for_selector("#write-manuscript textarea")
        settled(tab)
        return tab

    return open_one


def number(page, name, value):
    page.locator(f"#write-{name} input[type=number]").fill(str(value))
    page.locator(f"#write-{name} input[type=number]").press("Tab")


@pytest.fixture
def written(settled):
    """Drafts, as they stand when all is written: `written(page, count)`."""

    def write(page, count=1):
        field(page, "manuscript").fill(PROMPT)
        number(page, "max-length", 20)
        number(page, "num-samples", count)
        page.locator("#write-continue").click()
        expect(page.locator("#write-status")).to_contain_text("字/秒")
        settled(page)
        return [text(page, f"draft-{place}") for place in range(1, count + 1)]

    return write


def test_every_text_survives_a_reload_even_at_once(page, written, reload, settled):
    drafts = written(page, count=2)
    field(page, "draft-2").fill(f"{MARKUP}改过")
    field(page, "title").fill(MARKUP)
    field(page, "opening").fill("他")
    # The page has heard of it; to store it takes the page a second more, by its own clock.
    settled(page)
    reload(page)
    has(page, "draft-2", f"{MARKUP}改过")
    assert [text(page, name) for name in ("title", "manuscript", "opening", "draft-1")] == [
        MARKUP,
        PROMPT,
        "他",
        drafts[0],
    ]
    assert not page.locator("#write-draft-3").is_visible()
    assert page.evaluate("window.harm") is None
    page.locator("#write-pick-2").click()  # and all is as it was
    has(page, "manuscript", f"{PROMPT}\n{MARKUP}改过")
    settled(page)
    reload(page)
    page.locator("#write-undo").click()  # what can be undone has survived as well
    has(page, "draft-2", f"{MARKUP}改过")


def test_two_tabs_keep_a_text_each_and_a_new_one_begins_with_the_newest(
    page, another_tab, reload, settled
):
    field(page, "manuscript").fill("第一页")
    is_stored(page, "第一页")
    other = another_tab(page)
    has(other, "manuscript", "第一页")
    field(other, "manuscript").fill("第二页")
    is_stored(other, "第二页")
    assert other.evaluate(f"{KEPT}.length") == 2
    field(page, "title").fill("书")  # the first tab's manuscript is older, and stays so
    is_stored(page, "书")
    reload(other)
    has(other, "manuscript", "第二页")
    reload(page)
    has(page, "manuscript", "第一页")
    field(other, "manuscript").fill("第二页更新")
    settled(other)
    other.close(run_before_unload=True)
    newest = another_tab(page)
    has(newest, "manuscript", "第二页更新")


def test_nothing_is_kept_where_nothing_was_changed(page, another_tab, reload):
    field(page, "manuscript").fill(PROMPT)
    is_stored(page, PROMPT)
    assert page.evaluate(f"{KEPT}.length") == 1
    before = page.evaluate("JSON.stringify(localStorage)")
    other = another_tab(page)
    has(other, "manuscript", PROMPT)
    reload(page)
    has(page, "manuscript", PROMPT)
    for tab in (page, other):
        tab.evaluate(STORE)
    assert page.evaluate("JSON.stringify(localStorage)") == before
    field(other, "title").fill("书")
    other.wait_for_function(
        f"""() => {{
            ({STORE})();
            return {KEPT}.length === 2;
        }}"""
    )


def test_a_damaged_entry_is_passed_over(page, reload, settled):
    page.evaluate("localStorage.setItem('novelgen-page-x', '{\"time\": 9e99, \"texts\": 5}')")
    field(page, "manuscript").fill(PROMPT)
    settled(page)
    reload(page)
    has(page, "manuscript", PROMPT)
    assert text(page, "manuscript") == PROMPT


def test_what_is_written_is_named_announced_and_undone(page, written, settled):
    fields_have_the_names_of_their_labels(page, written)
    the_status_is_announced_when_all_is_written(page, written)
    after_an_error_the_page_is_idle_and_the_draft_can_be_read(page, written, settled)
    what_was_typed_is_undone_first_and_can_be_redone(page, written, settled)
    no_key_is_lost_in_a_long_manuscript(page, settled)
    too_long_a_manuscript_is_refused_and_stays(page)


def fields_have_the_names_of_their_labels(page, written):
    written(page, count=2)
    for name in ("稿子", "标题", "草稿 1", "草稿 2"):
        assert page.get_by_role("textbox", name=name, exact=True).count() == 1
    assert page.evaluate(
        """[...document.querySelectorAll('#write label')].every(
            label => label.control?.tagName !== 'BUTTON')"""
    )


def the_status_is_announced_when_all_is_written(page, written):
    written(page)
    status = page.locator("#write-status")
    assert status.get_attribute("aria-live") == "polite"
    expect(status).to_have_attribute("aria-busy", "false")
    number(page, "paragraphs", 20)
    page.locator("#write-rewrite").click()
    expect(status).to_have_attribute("aria-busy", "true")
    page.locator("#write-stop").click()
    expect(status).to_have_attribute("aria-busy", "false")
    number(page, "paragraphs", 1)


def after_an_error_the_page_is_idle_and_the_draft_can_be_read(page, written, settled):
    drafts = written(page)
    field(page, "manuscript").fill("")
    page.locator("#write-draft-1 textarea").fill("")
    page.locator("#write-continue").click()
    page.get_by_text("稿子还是空的").wait_for()
    page.locator("#write-draft-1 textarea").fill(drafts[0])
    settled(page)
    expect(page.locator("#write-stop")).to_have_attribute("aria-disabled", "true")
    expect(page.locator("#write-continue")).to_have_css("opacity", "1")
    assert not page.locator("#write-draft-1 .error").is_visible()
    on_top = """() => {
        const field = document.querySelector('#write-draft-1 textarea');
        const box = field.getBoundingClientRect();
        const found = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        return found === field;
    }"""
    page.locator("#write-draft-1").scroll_into_view_if_needed()
    assert page.evaluate(on_top)


def what_was_typed_is_undone_first_and_can_be_redone(page, written, settled):
    (draft,) = written(page)
    page.locator("#write-accept").click()
    has(page, "manuscript", f"{PROMPT}\n{draft}")
    field(page, "manuscript").fill(f"{PROMPT}\n{draft}\n我亲手写的。")
    for button, expected in (
        ("undo", f"{PROMPT}\n{draft}"),
        ("undo", PROMPT),
        ("redo", f"{PROMPT}\n{draft}"),
        ("redo", f"{PROMPT}\n{draft}\n我亲手写的。"),
    ):
        page.locator(f"#write-{button}").click()
        settled(page)
        assert text(page, "manuscript") == expected


def no_key_is_lost_in_a_long_manuscript(page, settled):
    long = ("小满坐在船头，数着河边的石阶。" * 20 + "\n") * 660  # some 200,000 characters
    field(page, "manuscript").fill(long)
    typed = "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自"
    page.evaluate(TYPE, typed)
    settled(page)
    assert text(page, "manuscript") == f"{long[:50]}{typed}{long[50:]}"


def too_long_a_manuscript_is_refused_and_stays(page):
    field(page, "manuscript").fill("长" * 1_000_001)
    field(page, "draft-1").fill("长")
    page.locator("#write-accept").click()
    page.locator("#write-status").get_by_text("1,000,000").wait_for()
    page.locator("#write-continue").click()
    page.locator(".toast-body").get_by_text("1,000,000").wait_for()
    assert len(text(page, "manuscript")) == 1_000_001


def test_without_sampling_the_same_request_is_refused(page, settled, request):
    page.locator("#write-decoder label").nth(1).click()
    page.wait_for_selector("#write-temperature", state="hidden")
    field(page, "manuscript").fill(PROMPT)
    number(page, "max-length", 20)
    page.locator("#write-continue").click()
    expect(page.locator("#write-status")).to_contain_text("字/秒")
    settled(page)
    # It is refused at once, though all places are taken.
    busy = request.getfixturevalue("busy")
    page.locator("#write-rewrite").click()
    page.get_by_text("没有随机性").wait_for()
    for call in busy:
        call.wait_for_text()
        call.close()
    before = text(page, "draft-1")
    number(page, "max-length", 10)  # another setting: it is written
    page.locator("#write-rewrite").click()
    settled(page)
    assert text(page, "draft-1") not in (before, "")
    # And what was edited is no longer what the settings write.
    field(page, "draft-1").fill("我改过的")
    page.locator("#write-rewrite").click()
    settled(page)
    assert text(page, "draft-1") != "我改过的"
