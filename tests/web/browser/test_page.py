"""The page as a whole: languages, the dark theme, a phone, and no request to other hosts."""

import re

import pytest

from novelgen.web import limits

expect = pytest.importorskip("playwright.sync_api").expect

TABS = {
    "zh-CN": ["写作", "注意力", "对比", "模型"],
    "zh-TW": ["写作", "注意力", "对比", "模型"],
    "en-US": ["Write", "Attention", "Compare", "Model"],
    "fr-FR": ["Write", "Attention", "Compare", "Model"],
}


@pytest.mark.parametrize("locale", ["zh-TW", "fr-FR"])
def test_the_browsers_language_is_the_language_of_the_tabs(open_page, locale):
    page = open_page(locale=locale)
    expect(page.get_by_role("tab")).to_have_text(TABS[locale])


CHINESE = re.compile(r"[\u4e00-\u9fff]")
# What a visitor sees or hears of the page itself, without what was written, and the names of files.
TEXTS = """() => {
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest("script, style, #page-run, .gallery")) continue;
    for (const name of ["aria-label", "title"]) found.push(element.getAttribute(name));
    for (const node of element.childNodes) {
      if (node.nodeType === Node.TEXT_NODE) found.push(node.data);
    }
  }
  return found.filter(text => text && text.trim());
}"""
# Names that stay in any language.
NAMES = re.compile(
    r"novelgen|CSV|Markdown|JSON|PNG|API|MCP|BPC|distinct-2|top-[kp]|min-p|n-gram|n-best|\.txt"
    r"|Word|docx|Ctrl|Shift|Enter|Backspace|Esc|Alt|Typical-p|DRY|SVG"
    r"|bahdanau|novel|GRU|^(sample|beam|greedy)$|metrics\.jsonl|tiny|python train\.py.*txt"
)


@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
def test_the_page_names_its_model_and_speaks_one_language_in_every_tab(open_page, settled, locale):
    page = open_page(locale=locale)
    expect(page.locator("#page-run")).to_have_text("novel")
    expect(page.get_by_role("tab")).to_have_text(TABS[locale])
    for name in TABS[locale]:
        tab = page.get_by_role("tab", name=name, exact=True)
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        settled(page)
        texts = [NAMES.sub("", text) for text in page.evaluate(TEXTS)]
        if locale == "zh-CN":
            others = [text for text in texts if re.search("[A-Za-z]{3}", text)]
        else:
            others = [text for text in texts if CHINESE.search(text)]
        assert others == [], name


def test_error_is_one_toast_in_the_visitors_language(page):
    temperature = page.locator("#write-temperature")
    expect(temperature.get_by_label("恢复默认值")).to_be_visible()
    expect(temperature.get_by_label("温度：滑块")).to_be_visible()
    page.locator("#write-continue").click()
    toast = page.locator(".toast-body")
    toast.get_by_text("空").wait_for()
    expect(toast).to_have_count(1)
    expect(toast.get_by_text("错误", exact=True)).to_be_visible()
    toast.get_by_label("关闭").click()
    expect(toast).to_have_count(0)


def test_lost_connection_is_reported_in_the_visitors_language(start_app, open_page, workplace):
    open_page.expected += ["Failed to load resource", "network error", "Connection errored out"]
    app = start_app(workplace)
    page = open_page(app.url)
    page.locator("#write-manuscript textarea").fill("小满上了船。")
    # So much that it is still written when the connection is lost, on a slow machine too.
    for name, value in (("max-length", limits.LENGTH), ("paragraphs", limits.PARAGRAPHS)):
        box = page.locator(f"#write-{name} input[type=number]")
        box.fill(str(value))
        box.press("Tab")
    page.locator("#write-continue").click()
    page.wait_for_function("document.querySelector('#write-draft-1 textarea').value.length > 0")
    app.process.kill()
    app.process.wait()
    toast = page.locator(".toast-body")
    toast.get_by_text("错误", exact=True).wait_for()
    toast.get_by_text("与服务器的连接已断开").wait_for()


@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
def test_a_phone_names_the_model_and_needs_no_sideways_scrolling(open_page, settled, locale):
    page = open_page(locale=locale, width=375, height=700)
    name = page.locator("#page-run span")
    name.get_by_text("novel").wait_for()
    box = name.bounding_box()
    assert box["width"] > 30
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 375
    for tab in TABS[locale]:
        page.get_by_role("tab", name=tab, exact=True).click()
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, tab


def test_the_dark_theme_is_dark(open_page):
    colours = [
        open_page(dark=dark).evaluate("getComputedStyle(document.body).backgroundColor")
        for dark in (False, True)
    ]
    light, dark = (
        sum(map(int, colour[colour.index("(") + 1 : -1].split(",")[:3])) for colour in colours
    )
    assert dark < 150 < 600 < light


def test_without_a_run_the_page_opens_and_offers_to_train_one(start_app, open_page, tmp_path):
    empty = start_app(tmp_path)
    page = open_page(empty.url)
    page.wait_for_selector("#training-start", state="visible")
    page.locator("#write-manuscript textarea").fill("小满上了船。")
    page.locator("#write-continue").click()
    page.get_by_text("请先训练一个").wait_for()
    # Nothing that was typed is lost.
    assert page.locator("#write-manuscript textarea").input_value() == "小满上了船。"
