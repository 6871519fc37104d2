"""The Attention tab: where the model looked, and what else it might have written."""

import json
import re

import pytest

expect = pytest.importorskip("playwright.sync_api").expect

SOURCE = "小满坐在船头，数着河边的石阶。"


@pytest.fixture
def write(settled):
    """Has the next paragraph written, and waits for its end: `write(page, manuscript)`."""

    def write_one(page, manuscript=SOURCE):
        page.get_by_role("tab", name="写作", exact=True).click()
        page.locator("#write-manuscript textarea").fill(manuscript)
        draft = page.locator("#write-draft-1 textarea")
        before = draft.input_value()
        page.locator("#write-continue").click()
        # What a draft before left there is not to be taken for this one.
        page.wait_for_function(
            """before => {
                const text = document.querySelector('#write-draft-1 textarea').value;
                return text !== '' && text !== before;
            }""",
            arg=before,
        )
        settled(page)
        assert len(draft.input_value()) > 3

    return write_one


# The shade of the heatmap's corner; null until it is drawn.
SHADE = """() => {
    const canvas = document.querySelector('#attention-heatmap');
    const [x, y] = [canvas.width - 3, canvas.height - 3];
    const [red, green, blue, alpha] = canvas.getContext('2d').getImageData(x, y, 1, 1).data;
    return alpha ? {red} : null;
}"""


def open_tab(page):
    page.get_by_role("tab", name="注意力", exact=True).click()
    page.wait_for_selector("#attention-alternative-1")


def written(page):
    """The text of the output without the mark of its end."""
    return page.locator("#attention-output").inner_text().replace("¶", "").strip()


def weights(page):
    """How strongly each character of the source is lit."""
    return page.locator("#attention-source .attention-piece").evaluate_all(
        "spans => spans.map(span => Number(span.style.getPropertyValue('--weight') || 0))"
    )


def downloaded(page, button):
    with page.expect_download() as download:
        page.locator(button).click()
    return download.value


@pytest.fixture
def go_on(traffic):
    """Has the model go on from an alternative: `go_on(page)`; returns the text that is kept.

    Another alternative is tried when the text was finished before it could be seen to grow.
    """
    kept = "() => document.querySelector('[data-state=growing] .attention-kept')?.innerText"

    def seen_to_grow(page):
        quiet = 0
        while quiet < 3:
            if text := page.evaluate(kept):
                return text
            page.evaluate("() => new Promise(requestAnimationFrame)")
            quiet = quiet + 1 if traffic.is_quiet(page) else 0
        return ""

    def go_on_from_one(page):
        for place in (2, 1, 2, 1, 2):
            page.wait_for_selector("[data-state=shown] #attention-alternative-1")
            page.locator("#attention-output .attention-piece").nth(place).click()
            choice = page.locator("#attention-place button:enabled").filter(has_not_text="¶")
            with page.expect_request("**/queue/join*"):
                choice.first.click()
            if text := seen_to_grow(page):
                return text
        raise AssertionError("nothing was seen to be written")

    return go_on_from_one


def test_an_english_visitor_reads_english(open_page):
    page = open_page(locale="en-US")
    page.get_by_role("tab", name="Attention", exact=True).click()
    assert page.locator(".attention-empty").inner_text().startswith("Write a paragraph")
    assert not page.locator("#attention-heatmap").is_visible()
    page.get_by_role("tab", name="Write", exact=True).click()
    page.locator("#write-manuscript textarea").fill(SOURCE)
    page.locator("#write-continue").click()
    page.locator("#write-status").get_by_text(re.compile(r"^[\d,]+ characters? · ")).wait_for()
    page.get_by_role("tab", name="Attention", exact=True).click()
    # The view may be drawn anew once, without the figures until the model has told them again.
    for name in ("Probability", "Surprise", "Entropy", "bits"):
        page.locator("#attention-place .attention-facts", has_text=name).wait_for()


@pytest.fixture
def attention(page, write):
    write(page)
    open_tab(page)
    return page


def test_a_paragraph_is_looked_at_from_all_sides(attention, open_page, settled):
    one_can_zoom_and_go_back_to_the_whole(attention)
    a_click_on_a_character_lights_the_source_up(attention)
    arrow_keys_go_from_character_to_character(attention)
    the_heatmap_says_both_characters_and_the_weight(attention)
    the_mouse_finds_the_cell_that_it_is_over(attention)
    the_picture_is_a_png_and_the_data_a_matrix(attention)
    why_shows_every_view_and_what_another_source_changes(attention)
    another_visitor_sees_nothing_of_it(open_page, settled)


def a_click_on_a_character_lights_the_source_up(attention):
    pieces = attention.locator("#attention-output .attention-piece")
    seen = set()
    for number in range(3):
        pieces.nth(number).click()
        assert pieces.nth(number).get_attribute("aria-selected") == "true"
        assert max(weights(attention)) == 1 > min(weights(attention))
        seen.add(attention.locator("#attention-place .attention-token").inner_text())
        assert attention.locator("#attention-place button").count() == 10
        facts = attention.locator("#attention-place .attention-facts").inner_text()
        assert re.search(r"概率\s+[\d.<≈ e-]+%?", facts)
        assert "熵" in facts
        assert "比特" in facts
    assert len(seen) == 3


def arrow_keys_go_from_character_to_character(attention):
    attention.locator("#attention-output .attention-piece").nth(0).click()
    attention.locator("#attention-output").press("ArrowRight")
    assert (
        attention.locator("#attention-output .attention-selected").evaluate("span => span.id")
        == "attention-output-1"
    )
    # The character itself stands before, and may be any.
    assert "第 2 个" in attention.locator("#attention-place .attention-token").inner_text()


def the_heatmap_says_both_characters_and_the_weight(attention):
    data = json.loads(downloaded(attention, "#attention-json").path().read_text(encoding="utf-8"))
    heatmap = attention.locator("#attention-heatmap")
    heatmap.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight"):
        heatmap.press(key)
    said = attention.locator("#attention-cell").inner_text()
    row, i, column, j, weight = re.fullmatch(
        r"写“(.+)”（第 (\d+) 个）时看“(.+)”（第 (\d+) 个）：权重 ([\d.]+)%", said
    ).groups()
    token = data["tokens"][int(i) - 1]
    # A byte is shown as the character that it is part of.
    byte = re.fullmatch("<([0-9A-F]{2})>", token)
    assert int(byte[1], 16) in row.encode() if byte else token == row
    assert data["source_tokens"][int(j) - 1] == column
    assert 100 * data["attention"][int(i) - 1][int(j) - 1] == pytest.approx(
        float(weight), rel=0.05, abs=0.05
    )
    tip = attention.locator(".attention-tip").inner_text()
    assert row in tip
    assert column in tip
    assert f"{weight}%" in tip
    heatmap.press("Enter")
    assert attention.locator("#attention-output .attention-selected").inner_text() == row


def the_mouse_finds_the_cell_that_it_is_over(attention):
    heatmap = attention.locator("#attention-heatmap")
    height = heatmap.bounding_box()["height"]

    def readout(x, share):
        heatmap.hover(position={"x": x, "y": height * share})
        return attention.locator("#attention-cell").inner_text()

    # Where the cells begin and end depends on the text: on its labels and its length.
    inside = next(x for x in range(40, 160, 8) if "权重" in readout(x, 0.5))
    said = [readout(inside, share) for share in (0.3, 0.5, 0.7)]
    assert len(set(said)) == 3
    assert all("权重" in text for text in said)


def one_can_zoom_and_go_back_to_the_whole(attention):
    heatmap = attention.locator("#attention-heatmap")

    def picture_after(button, condition, others):
        """The picture as soon as the condition holds for it and the others."""
        attention.locator(f"#attention-{button}").click()
        attention.wait_for_function(
            f"""others => {{
                const picture = document.querySelector('#attention-heatmap').toDataURL();
                return {condition};
            }}""",
            arg=others,
        )
        return heatmap.evaluate("canvas => canvas.toDataURL()")

    attention.locator("#attention-fit").click()  # a long source is not whole at first
    whole = heatmap.evaluate(
        "canvas => new Promise(found => requestAnimationFrame(() => found(canvas.toDataURL())))"
    )
    near = picture_after("zoom-in", "!others.includes(picture)", [whole])
    picture_after("zoom-in", "!others.includes(picture)", [whole, near])
    assert picture_after("fit", "others.includes(picture)", [whole]) == whole
    assert picture_after("log", "!others.includes(picture)", [whole]) != whole
    assert picture_after("log", "others.includes(picture)", [whole]) == whole
    assert attention.wait_for_function(SHADE).json_value()["red"] > 200


def the_picture_is_a_png_and_the_data_a_matrix(attention):
    picture = downloaded(attention, "#attention-png")
    assert picture.suggested_filename.endswith(".png")
    assert picture.path().read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    data = json.loads(downloaded(attention, "#attention-json").path().read_text(encoding="utf-8"))
    assert len(data["attention"]) == len(data["tokens"]) == len(data["places"])
    for row in data["attention"]:
        assert len(row) == len(data["source_tokens"])
        assert sum(row) == pytest.approx(1, abs=1e-4)
    assert "".join(data["source_tokens"]).startswith("小满")


def why_shows_every_view_and_what_another_source_changes(attention):
    page = attention
    assert page.locator("#attention-view-gradient").is_disabled()
    page.locator("#attention-explain").click()
    page.wait_for_selector("#attention-views[data-explained=true]")
    assert not page.locator("#attention-explain").is_visible()
    # 1. Every view can be looked at: the source is lit in another way.
    seen = set()
    for name in ("attention", "gradient", "characters", "words", "sentences"):
        page.locator(f"#attention-view-{name}").click()
        assert page.locator(f"#attention-view-{name}").get_attribute("aria-pressed") == "true"
        styles = page.locator("#attention-source .attention-piece").evaluate_all(
            "spans => spans.map(span => span.getAttribute('style'))"
        )
        seen.add(str(styles))
        # What the colours mean is said for each.
        said = "模型看得越多" if name == "attention" else "蓝的使它更不可能"
        assert said in page.locator("#attention-source-name").inner_text()
    assert len(seen) == 5
    assert "源文省下" in page.locator("#attention-place .attention-facts").inner_text()
    told = page.locator("#attention-told").inner_text()
    assert re.search(r"注意力与梯度 −?-?[\d.]+", told)
    assert page.locator(".attention-sentences li").count() == 1
    # 2. The same as files.
    data = json.loads(downloaded(page, "#attention-json").path().read_text(encoding="utf-8"))
    assert {"gradient", "characters", "words", "sentences"} == set(data["bits"])
    assert len(data["saved_bits"]) == len(data["tokens"]) == len(data["bits"]["words"])
    vector = downloaded(page, "#attention-svg").path().read_text(encoding="utf-8")
    assert vector.startswith("<svg")
    assert vector.count("<rect") == 1 + len(data["tokens"]) * len(data["source_tokens"])
    # 3. Another source.
    page.locator(".attention-what-if summary").click()
    page.locator("#attention-other").fill("祖父在院子里。")
    page.locator("#attention-compare").click()
    page.wait_for_selector("#attention-compared .attention-text")
    assert "比特" in page.locator("#attention-compared").inner_text()
    assert page.locator("#attention-compared .attention-piece").count() > 3


def another_visitor_sees_nothing_of_it(open_page, settled):
    other = open_page()
    other.get_by_role("tab", name="注意力", exact=True).click()
    settled(other)
    assert other.locator(".attention-empty").is_visible()
    assert other.locator("#attention-output .attention-piece").count() == 0


def test_the_text_goes_on_from_what_is_clicked(attention, go_on, settled):
    continuing_from_an_alternative_changes_the_draft(attention)
    open_tab(attention)
    stopping_keeps_what_is_written(attention, go_on, settled)
    open_tab(attention)
    attention_by_hand_writes_again(attention, settled)


def continuing_from_an_alternative_changes_the_draft(attention):
    before = written(attention)
    # An opening is cleaned of odd characters, which a model that knows nothing writes now and then.
    place = 2 if before[:2].isprintable() else 0
    attention.locator("#attention-output .attention-piece").nth(place).click()
    choice = attention.locator("#attention-place button:enabled").filter(has_not_text="¶").first
    token = choice.locator("b").inner_text()
    choice.click()
    attention.wait_for_function(
        "before => !document.querySelector('#attention-output').innerText.startsWith(before)",
        arg=before[:3],
    )
    attention.wait_for_selector("[data-state=shown] #attention-alternative-1")
    assert written(attention).startswith(before[:place] + token)
    assert attention.locator("#attention-output .attention-selected").inner_text() == token
    attention.get_by_role("tab", name="写作", exact=True).click()
    assert (
        attention.locator("#write-draft-1 textarea")
        .input_value()
        .startswith(before[:place] + token)
    )


def stopping_keeps_what_is_written(attention, go_on, settled):
    go_on(attention)
    # The text may be finished before a mouse is there.
    attention.locator("#attention-stop").evaluate("button => button.click()")
    attention.wait_for_selector("[data-state=shown] #attention-alternative-1")
    settled(attention)
    kept = written(attention)
    assert len(kept) >= 2
    attention.get_by_role("tab", name="写作", exact=True).click()
    assert attention.locator("#write-draft-1 textarea").input_value().strip() == kept


def attention_by_hand_writes_again(attention, settled):
    page = attention
    before = written(page)
    page.locator("#attention-pin").click()
    assert page.locator("#attention-pin-write").is_disabled()
    heatmap = page.locator("#attention-heatmap")
    sliders = page.locator("#attention-pin-rows input[type=range]")
    # 1. The mouse marks cells and takes one of them back, weighing it away.
    readout = page.locator("#attention-cell")
    # Where the cells begin depends on the labels, and their size on the length of the text.
    for inside in range(24, 160, 4):
        heatmap.hover(position={"x": inside, "y": 60})
        if "：权重" in readout.inner_text():
            break
    box = heatmap.bounding_box()
    x, y = box["x"] + inside, box["y"] + 60

    def drag(right, down):
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + right, y + down, steps=4)
        page.mouse.up()

    drag(40, 0)
    marked = sliders.count()
    assert marked > 1
    drag(0, 40)
    assert sorted(each.input_value() for each in sliders.all())[:2] == ["0.5", "1"]
    assert "手定 0.50" in readout.inner_text()
    drag(0, 80)
    assert sliders.count() == marked - 1
    page.locator("#attention-pin-clear").click()
    # 2. So do keys.
    heatmap.focus()
    for _ in range(20):
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    assert sliders.count() == 1
    page.locator("#attention-pin-write").click()
    page.wait_for_function(
        "before => document.querySelector('[data-state=shown] #attention-output')"
        "?.innerText.replace('¶', '').trim() !== before",
        arg=before,
    )
    settled(page)
    row = page.locator("#attention-output .attention-selected").get_attribute("id")
    assert row
    # The row looks where it was told to.
    assert "100.0%" in page.locator("#attention-place .attention-facts").inner_text()


def test_a_waiting_continuation_shows_its_place_in_the_queue(attention, app, request):
    attention.locator("#attention-output .attention-piece").nth(2).click()
    request.getfixturevalue("busy")
    attention.locator("#attention-place button:enabled").filter(has_not_text="¶").first.click()
    place = attention.locator("#attention-line").get_by_text(re.compile("queue|排队"))
    place.wait_for()
    attention.mouse.wheel(0, 400)
    box, window = place.bounding_box(), attention.viewport_size
    assert 0 <= box["x"] < box["x"] + box["width"] <= window["width"]
    assert 0 <= box["y"] < box["y"] + box["height"] <= window["height"]
    assert place.evaluate("text => parseFloat(getComputedStyle(text).animationDelay)") >= 0.5
    attention.locator("#write-stop").evaluate("button => button.click()")
    place.wait_for(state="hidden")


# Clicks Rewrite, and notes at every change of the draft whether its text begins so.
BEGINS = """opening => {
    const field = document.querySelector('#write-draft-1 textarea');
    let text = field.value;
    window.begins = [text.startsWith(opening)];
    const look = () => {
        if (field.value !== text) {
            text = field.value;
            window.begins.push(text.startsWith(opening));
        }
        requestAnimationFrame(look);
    };
    look();
    document.querySelector('#write-rewrite').click();
}"""


# Whether the view shows the draft. A page shows a form feed, which a model that knows nothing may
# write, as a space.
SHOWS_DRAFT = """() => {
    const [draft, output] = ['#write-draft-1 textarea', '#attention-output']
        .map(selector => document.querySelector(selector));
    const bare = text => text.replace(/[\\s¶]+/g, '');
    return bare(draft.value) === bare(output.innerText);
}"""


def test_rewriting_ends_a_continuation(page, write, go_on, settled):
    # So long that it does not end by itself before it is ended.
    page.locator("#write-more > button").click()
    for length in ("max", "min"):
        page.locator(f"#write-{length}-length input[type=number]").fill("500")
        page.locator(f"#write-{length}-length input[type=number]").press("Tab")
    write(page)
    open_tab(page)
    before = written(page)
    opening = go_on(page)
    page.get_by_role("tab", name="写作", exact=True).click()
    page.evaluate(BEGINS, opening)
    page.wait_for_function("() => !window.begins.at(-1)")
    settled(page)
    begins = page.evaluate("window.begins")
    assert not before.startswith(opening)
    assert begins[0]
    assert begins == sorted(begins, reverse=True)
    open_tab(page)
    page.wait_for_function(SHOWS_DRAFT)


def test_what_is_written_while_the_tab_is_open_is_shown(page):
    page.get_by_role("tab", name="写作", exact=True).click()
    page.locator("#write-manuscript textarea").fill(SOURCE)
    page.locator("#write-continue").click()
    open_tab(page)
    page.wait_for_function("document.querySelector('#attention-output').innerText.length > 3")
    shown = written(page)
    page.get_by_role("tab", name="写作", exact=True).click()
    assert page.locator("#write-draft-1 textarea").input_value().startswith(shown)


def test_on_a_phone_the_tab_fits(open_page, write):
    page = open_page(width=375, height=700)
    write(page)
    open_tab(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    for part in (
        "#attention-source",
        "#attention-output",
        "#attention-heatmap",
        "#attention-alternative-1",
    ):
        box = page.locator(part).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 375


def test_in_the_dark_the_heatmap_is_dark(open_page, write):
    page = open_page(dark=True)
    write(page)
    open_tab(page)
    assert page.wait_for_function(SHADE).json_value()["red"] < 60


def test_after_a_failed_answer_the_view_asks_once(open_page, write, settled):
    open_page.expected.append("Failed to load")
    page = open_page()
    for is_rewritten in (False, True):
        write(page)
        asks_once(page, write, settled, is_rewritten)


def asks_once(page, write, settled, is_rewritten):
    refused = []
    page.route(
        "**/queue/join*",
        lambda route: (
            refused.append(route),
            route.fulfill(status=429, json={"detail": "the line is full"}),
        ),
    )
    page.get_by_role("tab", name="注意力", exact=True).click()
    page.wait_for_selector("#attention-output .attention-piece")
    settled(page)
    assert refused
    page.unroute("**/queue/join*")
    page.get_by_role("tab", name="写作", exact=True).click()
    settled(page)
    if is_rewritten:
        write(page, f"{SOURCE}他来了。")
    asked = []

    def note(request):
        if "queue/join" in request.url:
            asked.append(request.url)

    page.on("request", note)
    open_tab(page)
    settled(page)
    page.remove_listener("request", note)
    assert len(asked) == 1


def test_a_beam_is_drawn_as_a_tree(page, write):
    page.get_by_role("radio", name="束搜索").check()
    write(page)
    open_tab(page)
    tree = page.locator(".attention-beam-tree")
    assert tree.locator("text").count() > 5
    chosen = tree.locator("text.attention-beam-written").evaluate_all(
        "texts => texts.map(text => text.firstChild.textContent).join('')"
    )
    assert chosen.replace("¶", "").replace("·", "")[:3] in written(page).replace("\n", "")
    vector = downloaded(page, "#attention-beam-svg").path().read_text(encoding="utf-8")
    assert vector.count("<text") == tree.locator("text").count()
    picture = downloaded(page, "#attention-beam-png").path().read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 2000
