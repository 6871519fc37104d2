"""The page with the default model: LSTM cells, whose steps are compiled.

The run that other tests share writes slowly.
"""

import pytest

PROMPT = "小满坐在船头，数着河边的石阶。"


@pytest.fixture(scope="module")
def default_app(train_novel, start_shared_app):
    running = start_shared_app(train_novel())
    yield running
    running.stop()


@pytest.mark.parametrize("decoder", ["采样", "束搜索"])
def test_a_paragraph_is_written_looked_at_and_accepted(open_page, default_app, decoder, settled):
    page = open_page(default_app.url)
    page.locator("#write-manuscript textarea").fill(PROMPT)
    page.locator("#write-decoder label").filter(has_text=decoder).first.click()
    page.locator("#write-continue").click()
    page.wait_for_function("document.querySelector('#write-draft-1 textarea').value !== ''")
    settled(page)
    page.get_by_role("tab", name="注意力", exact=True).click()
    page.wait_for_selector("[data-state=shown] #attention-alternative-1")
    shown = page.locator("#attention-output").inner_text().replace("¶", "").split()
    page.get_by_role("tab", name="写作", exact=True).click()
    draft = page.locator("#write-draft-1 textarea").input_value()
    assert shown == draft.split() != []  # a page shows every kind of space alike
    page.locator("#write-accept").click()
    settled(page)
    assert page.locator("#write-draft-1 textarea").input_value() == ""
    assert page.locator("#write-manuscript textarea").input_value() == f"{PROMPT}\n{draft}"
