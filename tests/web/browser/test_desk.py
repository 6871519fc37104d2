"""The menus above the sheet: stories, files, chapters, finding; and the keys."""

import json

import pytest

expect = pytest.importorskip("playwright.sync_api").expect

TEXT = "第三回 渡口\n小满坐在船头。\n第四回 石阶\n" + "小满数着石阶。\n" * 50 + "天黑了。"
IS_IDLE = "document.querySelector('#write').dataset.busy === 'false'"


def field(page, name):
    return page.locator(f"#write-{name} textarea, #write-{name} input").first


def has(page, name, value):
    expect(field(page, name)).to_have_value(value)


def menu(page, name):
    page.locator(f"#write-{name} summary").click()


def begin(page):
    """Begins a new story, and says yes."""
    page.locator("#write-clear").click()
    page.locator("#write-new .desk-main").click()
    has(page, "manuscript", "")


@pytest.fixture
def write(settled):
    def write_one(page):
        page.keyboard.press("Control+Enter")
        page.wait_for_function("document.querySelector('#write-draft-1 textarea').value !== ''")
        page.wait_for_function(IS_IDLE)
        settled(page)
        return field(page, "draft-1").input_value()

    return write_one


def test_new_asks_and_every_story_stays_within_reach(page, app, settled):
    field(page, "title").fill("渡口")
    field(page, "manuscript").fill("第一部。")
    # 1. No is no.
    page.locator("#write-clear").click()
    expect(page.locator("#write-new")).to_contain_text("《渡口》（4 字）")
    page.locator("#write-new [data-word=cancel]").click()
    has(page, "manuscript", "第一部。")
    # 2. Yes leaves it in the list, and Undo goes back to it.
    begin(page)
    has(page, "title", "")
    settled(page)
    page.locator("#write-undo").click()
    has(page, "manuscript", "第一部。")
    has(page, "title", "渡口")
    settled(page)
    menu(page, "stories")
    expect(page.locator(".story")).to_have_count(1)
    page.keyboard.press("Escape")
    # 3. Two windows, both closed: both texts are there.
    other = page.context.new_page()
    other.goto(app.url)
    other.wait_for_selector("#write-manuscript textarea")
    settled(other)
    field(other, "manuscript").fill("第二部。")
    settled(other)
    context = page.context
    for each in (page, other):
        each.close(run_before_unload=True)
    third = context.new_page()
    third.goto(app.url)
    third.wait_for_selector("#write-manuscript textarea")
    settled(third)
    has(third, "manuscript", "第二部。")
    menu(third, "stories")
    expect(third.locator(".story")).to_have_count(2)
    third.locator(".story-open").click()
    has(third, "manuscript", "第一部。")
    settled(third)
    # 4. Deleting asks as well.
    menu(third, "stories")
    third.locator(".story-delete").click()
    expect(third.locator(".story")).to_have_count(2)
    third.locator(".story-delete").click()
    expect(third.locator(".story")).to_have_count(1)
    third.close()


def test_a_story_is_saved_and_opened_with_all_that_belongs_to_it(page, write, settled, tmp_path):
    field(page, "title").fill('渡口:"一"')
    field(page, "manuscript").fill(TEXT)
    page.locator("#write-max-length input[type=number]").fill("20")
    page.locator("#write-max-length input[type=number]").press("Tab")
    draft = write(page)
    saved = {}
    for kind in ("save", "markdown", "word", "download"):
        menu(page, "file")
        with page.expect_download() as download:
            page.locator(f"#write-{kind}").click()
        saved[kind] = download.value
    names = [download.suggested_filename for download in saved.values()]
    assert names == [f"渡口__一_.{kind}" for kind in ("json", "md", "docx", "txt")]
    text = saved["download"].path().read_text(encoding="utf-8")
    assert text == f'渡口:"一"\n\n{TEXT}\n'
    expect(page.locator("#write-told")).to_contain_text("不含草稿")
    assert saved["word"].path().read_bytes().startswith(b"PK")
    assert "## 第四回 石阶" in saved["markdown"].path().read_text(encoding="utf-8")
    story = saved["save"].path()
    assert json.loads(story.read_text(encoding="utf-8"))["settings"]["max_length"] == 20
    # It is opened in place of another one.
    begin(page)
    page.locator("#write-max-length input[type=number]").fill("30")
    page.locator("#write-max-length input[type=number]").press("Tab")
    copy = tmp_path / "story.json"
    copy.write_bytes(story.read_bytes())
    page.locator("#write-open-file").set_input_files(copy)
    has(page, "manuscript", TEXT)
    has(page, "draft-1", draft)
    has(page, "title", '渡口:"一"')
    expect(page.locator("#write-max-length input[type=number]")).to_have_value("20")
    expect(page.locator("#write-continue")).to_have_text("采用并续写")
    settled(page)
    page.locator("#write-undo").click()
    has(page, "draft-1", "")
    # Its other files give its title and its text too.
    for kind in ("markdown", "download"):
        begin(page)
        copy = tmp_path / saved[kind].suggested_filename
        copy.write_bytes(saved[kind].path().read_bytes())
        page.locator("#write-open-file").set_input_files(copy)
        has(page, "manuscript", TEXT)
        has(page, "title", '渡口:"一"')
        settled(page)
    # A text in an older encoding, and what is no text at all.
    old = tmp_path / "旧稿.txt"
    old.write_bytes("船来了。\r\n天黑了。".encode("gb18030"))
    page.locator("#write-open-file").set_input_files(old)
    has(page, "manuscript", "船来了。\n天黑了。")
    has(page, "title", "旧稿")
    broken = tmp_path / "x.json"
    broken.write_text("{", encoding="utf-8")
    page.locator("#write-open-file").set_input_files(broken)
    expect(page.locator("#write-told")).to_contain_text("x.json")
    has(page, "manuscript", "船来了。\n天黑了。")


def test_chapters_finding_and_keys(page, write, settled):
    field(page, "manuscript").fill(TEXT)
    expect(page.locator("#write-count")).to_have_text("371 字")
    # 1. Chapters.
    menu(page, "chapters")
    page.locator("#write-chapters").get_by_role("button", name="第四回 石阶").click()
    place = page.evaluate("document.activeElement.selectionStart")
    assert TEXT[place:].startswith("第四回")
    # 2. Finding and replacing, which can be undone.
    page.keyboard.press("Control+f")
    page.locator("#write-find-text").fill("石阶")
    expect(page.locator("#write-find-count")).to_have_text("第 1 处，共 51 处")
    page.locator("#write-find-previous").click()
    expect(page.locator("#write-find-count")).to_have_text("第 51 处，共 51 处")
    box = page.locator(".sheet-found").bounding_box()
    assert box["width"] > 20
    assert 0 < box["y"] < 900
    page.locator("#write-replace-text").fill("台阶")
    page.locator("#write-replace").click()
    has(page, "manuscript", "台阶".join(TEXT.rsplit("石阶", 1)))
    settled(page)
    page.locator("#write-replace-all").click()
    has(page, "manuscript", TEXT.replace("石阶", "台阶"))
    page.keyboard.press("Escape")
    expect(page.locator(".desk-find")).not_to_be_visible()
    for expected in ("台阶".join(TEXT.rsplit("石阶", 1)), TEXT):
        settled(page)
        page.locator("#write-undo").click()
        has(page, "manuscript", expected)
    # 3. Keys.
    settled(page)
    draft = write(page)
    # What is looked for comes in sight, with the field, though a text was written below.
    page.keyboard.press("Control+f")
    page.locator("#write-find-text").fill("第四回")
    settled(page)
    assert page.locator(".desk-find").bounding_box()["y"] >= 0
    assert 0 < page.locator(".sheet-found").bounding_box()["y"] < 900
    place = page.evaluate("scrollY")
    page.keyboard.press("Enter")
    assert page.evaluate("scrollY") == place
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.selectionStart") == TEXT.index("第四回")
    page.keyboard.press("Control+Shift+Enter")
    has(page, "manuscript", f"{TEXT}\n{draft.strip()}")
    settled(page)
    write(page)
    page.keyboard.press("Control+Shift+Backspace")
    has(page, "draft-1", "")
    menu(page, "keys")
    expect(page.locator("#write-keys")).to_contain_text("Ctrl Enter")
    page.keyboard.press("Escape")
    expect(page.locator("#write-keys dl")).not_to_be_visible()
    # 4. The manuscript comes before the buttons, and the examples last.
    order = page.evaluate(
        """() => ['manuscript', 'draft-1', 'continue', 'examples'].map(name => [...document
            .querySelectorAll('*')].indexOf(document.querySelector(`#write-${name}`)))"""
    )
    assert order == sorted(order)


def test_a_paragraph_is_written_between_two_and_undone(page, settled):
    lines = ["小满坐在船头。", "她数着石阶。", "天黑了。"]
    field(page, "manuscript").fill("\n".join(lines))
    field(page, "manuscript").evaluate("box => box.setSelectionRange(3, 3)")
    settled(page)
    menu(page, "middle")
    page.locator("#write-fill").click()
    page.wait_for_function(
        "document.querySelector('#write-manuscript textarea').value.split('\\n').length === 4"
    )
    page.wait_for_function("!document.querySelector('#write-manuscript textarea').readOnly")
    first, new, *rest = field(page, "manuscript").input_value().split("\n")
    assert [first, *rest] == lines
    assert new
    settled(page)
    page.locator("#write-undo").click()
    has(page, "manuscript", "\n".join(lines))
    # What is not possible is said, and the manuscript can be typed in again.
    settled(page)
    menu(page, "middle")
    page.locator("#write-reword").click()
    expect(page.locator("#write-told")).to_contain_text("先在稿子里选中")
    field(page, "manuscript").evaluate("box => box.setSelectionRange(0, 2)")
    menu(page, "middle")
    page.locator("#write-reword").click()
    page.get_by_text("请从第二段起改写").wait_for()
    page.wait_for_function("!document.querySelector('#write-manuscript textarea').readOnly")


def test_writing_in_the_middle_can_be_stopped(page, settled):
    lines = ["小满坐在船头。", "她数着石阶。", "天黑了。"]
    field(page, "manuscript").fill("\n".join(lines))
    field(page, "manuscript").evaluate("box => box.setSelectionRange(3, 3)")
    # So long that it is not through before Stop is pressed.
    page.locator("#write-more > button").click()
    for length in ("max", "min"):
        box = page.locator(f"#write-{length}-length input[type=number]")
        box.fill("1000")
        box.press("Tab")
    settled(page)
    menu(page, "middle")
    page.locator("#write-fill").click()
    expect(page.locator("#write-told")).to_have_text("正在写……")
    # 1. Continue and Rewrite wait for its end, and so does another paragraph.
    page.locator("#write-continue").evaluate("button => button.click()")
    page.locator("#write-rewrite").evaluate("button => button.click()")
    page.locator("#write-fill").evaluate("button => button.click()")
    expect(page.locator("#write-told")).to_contain_text("先按“停止”")
    # 2. After Stop the manuscript is as it was, and can be typed in.
    page.locator("#write-stop").click()
    expect(page.locator("#write-told")).to_be_hidden()
    assert not field(page, "manuscript").evaluate("box => box.readOnly")
    settled(page)
    has(page, "manuscript", "\n".join(lines))
    has(page, "draft-1", "")
    # 3. And it can be asked for again.
    for length in ("min", "max"):
        box = page.locator(f"#write-{length}-length input[type=number]")
        box.fill("5")
        box.press("Tab")
    field(page, "manuscript").evaluate("box => box.setSelectionRange(3, 3)")
    menu(page, "middle")
    page.locator("#write-fill").click()
    page.wait_for_function(
        "document.querySelector('#write-manuscript textarea').value.split('\\n').length === 4"
    )
