"""The table of comparisons: its script, on rows of which all is known."""

import pytest

expect = pytest.importorskip("playwright.sync_api").expect

MARKUP = "<img src=x onerror='window.harm = 1'>"
ROWS = [["b", "10", MARKUP], ["a", "9", "短"], ["c", "—", "长"]]


@pytest.fixture
def table(open_page):
    """The script of the page on rows of its own."""
    from novelgen.web import static_files

    page = open_page()
    page.evaluate(
        """([script, rows]) => {
            const element = document.createElement("div");
            element.id = "tried";
            element.innerHTML = "<table><thead><tr></tr></thead><tbody></tbody></table>";
            document.body.append(element);
            const props = {value: {headers: ["run", "score", "text"], data: rows, wide: 2}};
            const redraw = [];
            new Function("element", "props", "watch", script)(
                element, props, (_name, draw) => redraw.push(draw));
            window.grow = row => { props.value.data.push(row); redraw.forEach(draw => draw()); };
        }""",
        [static_files.read("comparison.js"), ROWS],
    )
    return page


def column(page, place):
    return page.locator(f"#tried tbody td:nth-child({place})").all_inner_texts()


def test_a_click_on_a_heading_sorts_by_numbers_and_back(table):
    heading = table.locator("#tried th button", has_text="score")
    orders = []
    for _ in range(3):
        heading.click()
        orders.append(column(table, 2))
    # What has no number stays last.
    assert orders == [["9", "10", "—"], ["10", "9", "—"], ["10", "9", "—"]]
    assert column(table, 1) == ["b", "a", "c"]
    heading.click()
    assert heading.locator("xpath=..").get_attribute("aria-sort") == "ascending"
    expect(heading).to_be_focused()
    # A row that comes meanwhile is put where it belongs; what it says is text.
    table.evaluate("grow(['d', '9.5', 'x'])")
    assert column(table, 2) == ["9", "9.5", "10", "—"]
    assert MARKUP in column(table, 3)
    assert table.evaluate("window.harm") is None


def test_on_a_phone_the_text_is_on_the_screen(open_page, settled):
    page = open_page(width=360, height=740)
    page.get_by_role("tab", name="对比", exact=True).click()
    page.locator("#compare-prompt textarea").fill("小满坐在船头。")
    page.locator("#compare-decoders label", has_text="采样").click()
    page.locator("#compare-start").click()
    text = page.locator("#compare-table td.wide").first
    expect(text).not_to_be_empty()
    settled(page)
    box = text.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    assert box["width"] > 200
