"""A page where nothing is trained yet: the base model writes, and says so."""

import pytest

expect = pytest.importorskip("playwright.sync_api").expect


def test_a_fresh_page_writes_with_the_base_model_at_once(
    start_app, make_run, open_page, settled, tmp_path
):
    folder = tmp_path / "empty"
    folder.mkdir()
    app = start_app(folder, base=make_run(tmp_path / "base"))
    page = open_page(app.url)
    # 1. It is named, and there is something to begin with.
    expect(page.locator("#page-run")).to_have_text("基础模型")
    page.locator("#write-base").get_by_text("基础模型").wait_for()
    assert not page.locator("#training-panel").is_visible()
    page.locator("#write-examples button").first.click()
    settled(page)
    page.locator("#write-continue").click()
    page.wait_for_function("document.querySelector('#write-draft-1 textarea').value !== ''")
    settled(page)
    # 2. What it was trained on did not come along: every tab opens all the same.
    for tab in ("注意力", "对比", "模型"):
        page.get_by_role("tab", name=tab, exact=True).click()
        settled(page)
    assert page.locator("#model-corpus textarea").input_value() == "没有随模型附上"
    page.locator("#model-no-curves").wait_for()
    # 3. It is what a training starts from.
    page.locator("#corpus").get_by_role("button", name="教它一部小说").click()
    page.locator("#corpus-shipped").click()
    page.locator("#corpus-start").wait_for()
    page.locator("#corpus-init input").click()
    assert page.get_by_role("option").count() == 2
    page.keyboard.press("Escape")
    # 4. A run of one's own comes first, and is not called the base model.
    make_run(folder / "checkpoints" / "base")
    visitor = open_page(app.url, locale="en-US")
    expect(visitor.locator("#page-run")).to_have_text("base")
    expect(visitor.locator("#write-base")).to_be_hidden()
    visitor.get_by_role("tab", name="Model", exact=True).click()
    visitor.locator("#model-run input").click()
    names = visitor.get_by_role("option")
    expect(names).to_have_count(2)
    expect(names.last).to_contain_text("base model")
    names.last.click()
    visitor.get_by_role("tab", name="Write", exact=True).click()
    visitor.locator("#write-base").get_by_text("base model").wait_for()
    assert "Traceback" not in app.printed()
