"""The page as a whole: languages, the dark, a phone, and no word to anybody else."""

import pytest

TABS = {
    "zh-CN": ["写作", "注意力", "对比", "模型"],
    "zh-TW": ["写作", "注意力", "对比", "模型"],
    "en-US": ["Write", "Attention", "Compare", "Model"],
    "fr-FR": ["Write", "Attention", "Compare", "Model"],
}


@pytest.mark.parametrize("locale", TABS)
def test_the_browsers_language_chooses_the_words(open_page, locale):
    page = open_page(locale=locale)
    assert [tab.strip() for tab in page.get_by_role("tab").all_inner_texts()] == TABS[locale]


def test_every_tab_opens(page):
    for name in TABS["zh-CN"]:
        page.get_by_role("tab", name=name, exact=True).click()
        assert (
            page.get_by_role("tab", name=name, exact=True).get_attribute("aria-selected") == "true"
        )


@pytest.mark.parametrize("name", TABS["zh-CN"])
def test_a_phone_needs_no_sideways_scrolling(open_page, name):
    page = open_page(width=375, height=700)
    page.get_by_role("tab", name=name, exact=True).click()
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_the_dark_is_dark(open_page):
    colours = [
        open_page(dark=dark).evaluate("getComputedStyle(document.body).backgroundColor")
        for dark in (False, True)
    ]
    light, dark = (
        sum(map(int, colour[colour.index("(") + 1 : -1].split(",")[:3])) for colour in colours
    )
    assert dark < 150 < 600 < light


def test_the_model_in_use_is_named(page):
    page.wait_for_function("document.querySelector('#page-run').textContent.trim() !== ''")
    assert page.locator("#page-run").inner_text().strip() == "novel"


@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
def test_a_phone_names_the_model_as_well(open_page, locale):
    page = open_page(locale=locale, width=375, height=700)
    name = page.locator("#page-run span")
    name.get_by_text("novel").wait_for()
    box = name.bounding_box()
    assert box["width"] > 30
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 375


def test_without_a_run_the_page_opens_and_offers_to_train_one(open_page, start_app, tmp_path):
    empty = start_app(tmp_path)
    page = open_page(empty.url)
    page.wait_for_selector("#training-start", state="visible")
    page.locator("#write-manuscript textarea").fill("小满上了船。")
    page.locator("#write-continue").click()
    page.get_by_text("train one first").wait_for()
    assert (
        page.locator("#write-manuscript textarea").input_value() == "小满上了船。"
    )  # nothing that was typed is lost
