"""axe over every tab, light and dark, wide and on a phone; what can be reached shows its focus."""

from importlib.resources import files

import pytest

pytest.importorskip("playwright.sync_api")
pytest.importorskip("axe_playwright_python")
# Gradio's own, which no page can change, each with its reason.
GRADIOS = ()
SERIOUS = """async () => {
  const {violations} = await axe.run(document, {resultTypes: ["violations"]});
  return violations
    .filter(({impact}) => ["serious", "critical"].includes(impact))
    .flatMap(({id, nodes}) => nodes.map(({target, html}) => [id, target.join(" "), html]));
}"""
# What is closed at first: the page's long parts.
CLOSED = ("#write-more", "#report-panel", "#corpus")


def violations(page, settled):
    """The serious and critical ones of every tab, all parts opened."""
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8") + ";0")
    found = []
    for tab in page.get_by_role("tab").all():
        tab.click()
        settled(page)
        for name in CLOSED:
            button = page.locator(f"{name} > button")
            if button.is_visible() and button.get_attribute("aria-expanded") != "true":
                button.click()
        settled(page)
        found += [
            (tab.inner_text(), *each) for each in page.evaluate(SERIOUS) if each[0] not in GRADIOS
        ]
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_serious(open_page, settled, dark):
    page = open_page(dark=dark)
    page.locator("#write-manuscript textarea").fill("小满坐在船头，数着河边的石阶。")
    page.locator("#write-continue").click()
    settled(page)
    found = violations(page, settled)
    page.set_viewport_size({"width": 360, "height": 740})
    settled(page)
    found += violations(page, settled)
    assert found == []


def test_what_the_keyboard_reaches_shows_its_focus(page):
    for name in ("#write-preset input", "#write-temperature input[type=range]", "#write-continue"):
        field = page.locator(name).first
        field.focus()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        outlines = field.evaluate(
            "field => [field, field.closest('label')].map(each => each &&"
            " getComputedStyle(each).outlineStyle)"
        )
        assert "solid" in outlines, name
