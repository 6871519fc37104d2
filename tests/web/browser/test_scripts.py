"""The page's scripts, function by function: in a browser, on a blank page, without a server."""

import pytest

from novelgen.web import static_files

# A page of this address may keep things in the browser and hold locks, as a real one may.
BLANK = "http://localhost/blank"
WORDS = {
    "bits": "{bits} bits",
    "weight": "weight",
    "down": "written",
    "across": "source",
    "compared_cost": "{bits} more",
    "compared_gain": "{bits} less",
}


@pytest.fixture(scope="module")
def context(browser):
    context = browser.new_context()
    context.set_default_timeout(30_000)
    body = "<!doctype html><body></body>"
    context.route(f"{BLANK}*", lambda route: route.fulfill(body=body, content_type="text/html"))
    yield context
    context.close()


@pytest.fixture(scope="module")
def view(context):
    """A page with the scripts that draw the Attention tab."""
    page = context.new_page()
    page.goto(BLANK)
    names = ("dom.js", "heatmap.js", "pins.js", "heatview.js", "reading.js", "why.js")
    page.add_script_tag(content=static_files.read(*names))
    page.evaluate("words => { window.words = words; }", WORDS)
    return page


# 1. heatmap.js


def test_nothing_is_invisible_on_an_axis(view):
    names = view.evaluate("['船', ' ', '\\u3000', '\\u200b', '上海滩上的月亮'].map(nameOf)")
    assert names == ["船", "␣", "␣", "U+200B", "上海滩上的…"]


def test_a_small_share_is_told_from_none(view):
    told = view.evaluate("[1, 0.25, 0.001, 0.00012, 0.0000001, 0.00000001, 0].map(percent)")
    assert told == ["100.0%", "25.0%", "0.1%", "0.012%", "0.00001%", "≈ 0", "≈ 0"]


def test_bits_have_their_sign(view):
    told = view.evaluate("[1.5, -0.25].map(value => amount(value, {unit: 'bits'}, words))")
    assert told == ["+1.50 bits", "−0.25 bits"]


def test_another_source_costs_more_or_less(view):
    told = view.evaluate("[1.5, 0, -0.25].map(bits => costOf(bits, words))")
    assert told == ["1.5 more", "0.0 more", "0.3 less"]


def test_colours_go_from_the_paper_to_their_ends_without_a_jump(view):
    ends, largest_step = view.evaluate(
        """() => {
            const colours = Array.from(
                {length: 401}, (_, step) => colourOf(step / 200 - 1, PAPER));
            const steps = colours.slice(1).map((colour, place) => Math.max(
                ...colour.map((value, channel) => Math.abs(value - colours[place][channel]))));
            return [[colours[0], colours[200], colours[400]], Math.max(...steps)];
        }"""
    )
    assert ends == [[35, 90, 180], [255, 255, 255], [90, 10, 20]]
    assert largest_step < 3


@pytest.mark.parametrize("is_log", [False, True])
def test_a_larger_share_is_never_paler(view, is_log):
    strengths = view.evaluate(
        "isLog => [0, 1e-6, 1e-3, 0.1, 0.5, 1].map(share => strengthOf(share, isLog))", is_log
    )
    assert strengths == sorted(strengths)
    assert (strengths[0], strengths[-1]) == (0, 1)


# A matrix of 2 rows and 3 columns, one value of which is below 0.
MATRIX = (
    "matrixOf(['甲', '<乙>'], ['a&b', '月', '亮'], {weights: [0, 1, 2, 3, -4, 5], unit: 'bits'})"
)


def test_the_picture_has_a_pixel_for_each_cell(view):
    assert view.evaluate(f"{MATRIX}.largest") == 5
    pixels = view.evaluate(
        f"""() => {{
            const raster = rasterOf({MATRIX}, PAPER, false);
            const {{data}} = raster.getContext('2d').getImageData(0, 0, 3, 2);
            return [[raster.width, raster.height], [0, 5, 4].map(
                cell => [...data.slice(4 * cell, 4 * cell + 3)])];
        }}"""
    )
    blue = [255 - (255 - channel) * 0.8**0.5 for channel in (35, 90, 180)]
    assert pixels[0] == [3, 2]
    assert pixels[1][:2] == [[255, 255, 255], [90, 10, 20]]
    assert pixels[1][2] == pytest.approx(blue, abs=1)


def test_the_vector_picture_has_all_cells_and_no_markup_of_a_text(view):
    text = view.evaluate(f"vectorOf({MATRIX}, false, words).text()")
    assert text.count("<rect") == 1 + 6
    assert "&#60;乙&#62;" in text
    assert "−5.00 bits … +5.00 bits" in text
    is_xml = (
        "text => !new DOMParser().parseFromString(text, 'text/xml').querySelector('parsererror')"
    )
    assert view.evaluate(is_xml, text)


# 2. pins.js and heatview.js


def test_dragging_back_takes_marks_back_and_leaves_what_was_there(view):
    rows = view.evaluate(
        """() => {
            const pins = new Pins();
            const row = () => [...pins.rows.get(1) ?? []].sort((a, b) => a[0] - b[0]);
            pins.toggle(1, 4);
            pins.hold(1);
            const seen = [];
            for (const to of [2, 5, 3]) {
                pins.mark(1, 3, to);
                seen.push(row());
            }
            pins.toggle(1, 3);
            seen.push(row());
            pins.toggle(1, 4);
            return [...seen, pins.rows.size];
        }"""
    )
    assert rows == [
        [[2, 1], [3, 1], [4, 1]],
        [[3, 1], [4, 1], [5, 1]],
        [[3, 1], [4, 1]],
        [[4, 1]],
        0,
    ]


def test_a_weight_stays_between_none_and_the_whole(view):
    weights, given = view.evaluate(
        """() => {
            const pins = new Pins();
            pins.hold(0);
            const weights = [0.5, -0.31, -2].map(change => {
                pins.weigh(0, 1, change);
                return pins.rows.get(0)?.get(1) ?? null;
            });
            pins.weigh(0, 1, -0.5);
            return [weights, pins.given(3)];
        }"""
    )
    assert weights == [1, 0.7, None]
    assert given == {"0": [0, 0.5, 0]}


@pytest.fixture
def heatmap(view):
    """A heatmap of 4 rows and 6 columns on the page, `window.map`; pins are taken."""
    view.evaluate(
        """() => {
            const canvas = node('canvas', '');
            canvas.tabIndex = 0;
            const box = node('div', '', canvas);
            box.style.width = '200px';
            document.body.replaceChildren(box);
            const pins = new Pins();
            Object.assign(window, {selected: [], pinned: 0, isPinning: true});
            window.map = new Heatmap(canvas, words, {
                onPoint: () => {}, onSelect: (...cell) => window.selected.push(cell), pins,
                isPinning: () => window.isPinning, onPins: () => window.pinned++,
            });
            map.marks = pins.rows;
            const weights = Array(24).fill(0.1);
            map.show([...'甲乙丙丁'], [...'一二三四五六'], {weights, unit: 'share'});
        }"""
    )
    return view


def test_every_cell_is_found_where_it_is_drawn_near_and_far(heatmap):
    assert heatmap.evaluate(
        """() => [1, 1.7, 0.6].every(factor => {
            map.zoom(factor);
            return [[0, 0], [2, 1], [3, 5]].every(cell => {
                map.reveal(...cell);
                map.place();
                return String(map.cellAt(...map.middle(cell))) === String(cell);
            });
        })"""
    )


def test_a_long_source_is_opened_at_its_end_large_enough_to_be_seen(heatmap):
    opened, end, whole = heatmap.evaluate(
        """() => {
            const weights = Array(400).fill(0.1);
            map.show([...'甲乙丙丁'], Array(100).fill('一'), {weights, unit: 'share'});
            const opened = map.cell, end = map.cellAt(map.width - 5, map.top + 1);
            map.fit();
            return [opened, end, map.cell];
        }"""
    )
    assert opened == heatmap.evaluate("CLEAR_CELL") > whole
    assert end == [0, 99]


def drag(page, start, moves):
    """Presses the mouse in the middle of a cell, moves it by pixels, and lets it go."""
    box = page.locator("canvas").bounding_box()
    x, y = page.evaluate("cell => map.middle(cell)", start)
    x, y = x + box["x"], y + box["y"]
    page.mouse.move(x, y)
    page.mouse.down()
    for right, down in moves:
        page.mouse.move(x + right, y + down)
    page.mouse.up()


def pins(page):
    return page.evaluate("[...map.pins.rows].map(([row, cells]) => [row, [...cells]])")


def test_dragging_marks_and_weighs_while_pins_are_taken_and_else_moves(heatmap):
    cell = heatmap.evaluate("map.cell")
    drag(heatmap, [1, 2], [(cell, 3), (3 * cell, 40), (2 * cell, 0)])
    assert pins(heatmap) == [[1, [[2, 1], [3, 1], [4, 1]]]]
    drag(heatmap, [1, 3], [(2, 20), (40, 40)])
    assert pins(heatmap) == [[1, [[2, 1], [3, 0.5], [4, 1]]]]
    drag(heatmap, [1, 4], [(0, 200)])
    assert pins(heatmap) == [[1, [[2, 1], [3, 0.5]]]]
    assert heatmap.evaluate("[selected.length, pinned > 3]") == [0, True]
    drag(heatmap, [2, 2], [(1, 1)])
    assert heatmap.evaluate("selected") == [[2, 2]]
    heatmap.evaluate("() => { isPinning = false; map.zoom(3); }")
    before = heatmap.evaluate("map.x")
    drag(heatmap, [1, 1], [(-30, 0)])
    assert heatmap.evaluate("map.x") == pytest.approx(before - 30, abs=0.5)
    assert len(pins(heatmap)[0][1]) == 2


def drag_by_finger(page, start, moves):
    """As `drag`, with a finger on a screen."""
    box = page.locator("canvas").bounding_box()
    x, y = page.evaluate("cell => map.middle(cell)", start)
    x, y = x + box["x"], y + box["y"]
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})

    def touch(kind, *points):
        places = [{"x": x + right, "y": y + down} for right, down in points]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", (0, 0))
    for move in moves:
        touch("touchMove", move)
    touch("touchEnd")
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
    session.detach()


def test_a_finger_marks_and_weighs_while_pins_are_taken_and_else_scrolls(heatmap):
    # The page is longer than the screen, so that it could scroll.
    heatmap.evaluate("document.body.style.height = '5000px'")
    cell = heatmap.evaluate("map.cell")
    drag_by_finger(heatmap, [1, 2], [(cell, 3), (3 * cell, 40), (2 * cell, 0)])
    assert pins(heatmap) == [[1, [[2, 1], [3, 1], [4, 1]]]]
    drag_by_finger(heatmap, [1, 3], [(2, 10), (2, 20), (40, 40)])
    assert pins(heatmap) == [[1, [[2, 1], [3, 0.5], [4, 1]]]]
    assert heatmap.evaluate("[selected.length, scrollY]") == [0, 0]
    heatmap.evaluate("() => { isPinning = false; map.place(); }")
    drag_by_finger(heatmap, [1, 1], [(0, -20), (0, -60), (0, -120)])
    heatmap.wait_for_function("scrollY > 0")
    assert len(pins(heatmap)[0][1]) == 3


def test_keys_mark_and_weigh(heatmap):
    heatmap.evaluate("() => { map.select(0); map.point([0, 1]); }")
    heatmap.locator("canvas").focus()
    for key in ("Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowDown", "ArrowDown"):
        heatmap.keyboard.press(key)
    assert pins(heatmap) == [[0, [[1, 1], [2, 1], [3, 0.9]]]]
    assert heatmap.evaluate("map.cursor") == [1, 3]


# 3. reading.js


def test_what_was_left_out_together_is_one_part(view):
    parts = view.evaluate(
        "partsOf([[2, '祖'], [2, '父'], [-3, '在'], [0, '院'], [0, '子']]"
        ".map(([share, textContent]) => ({share, textContent})))"
    )
    assert parts == [[-3, "在"], [2, "祖父"], [0, "院"], [0, "子"]]


def test_a_token_finds_the_text_that_it_spells(view):
    spans, texts = view.evaluate(
        """() => {
            const {spans, byToken} = spansOf([['船', 1], ['𠮷', 3], ['¶', 1]], 'option');
            return [spans.map(({first, count}) => [first, count]),
                    byToken.map(span => span.textContent)];
        }"""
    )
    assert spans == [[0, 1], [1, 3], [4, 1]]
    assert texts == ["船", "𠮷", "𠮷", "𠮷", "¶\n"]


def test_a_probability_of_none_is_a_finite_surprise(view):
    assert view.evaluate("[1, 0.25, 0].map(surpriseOf)") == pytest.approx([0, 2, 29.9], abs=0.1)


# 4. keep.js

KEEP = static_files.read("keep.js").replace("COUNT", "2")


@pytest.fixture
def tab(context):
    """Opens a tab: `tab()`; of all of them the browser keeps the stories. The first has none."""
    opened = []

    def open_tab():
        opened.append(context.new_page())
        opened[-1].goto(BLANK)
        return opened[-1]

    open_tab().evaluate("localStorage.clear()")
    yield open_tab
    for page in opened:
        page.close()


def texts(manuscript, drafts=("", ""), title="", journal=""):
    """What the page keeps, in its order."""
    return [title, manuscript, "", *drafts, journal, ""]


def begin(page):
    """The texts with which a tab begins, and which drafts are seen."""
    values = page.evaluate(KEEP)
    return values[:-2], [column["visible"] for column in values[-2:]]


def keep(page, *values, **others):
    page.evaluate("texts => novelgenStories.keep(...texts)", texts(*values, **others))


def stories(page):
    return page.evaluate("novelgenStories.list()")


def test_a_reload_gives_the_texts_back(tab):
    page = tab()
    assert begin(page) == (texts(""), [True, False])
    keep(page, "渡口", ("", "船"), journal="{}")
    page.reload()
    assert begin(page) == (texts("渡口", ("", "船"), journal="{}"), [True, True])


def test_two_tabs_never_write_the_same_story(tab):
    first = tab()
    begin(first)
    keep(first, "渡口")
    assert len(stories(first)) == 1
    second = tab()
    assert begin(second)[0][1] == "渡口"
    keep(second, "渡口，夜")
    assert [(each["manuscript"], each["isMine"]) for each in stories(second)] == [
        ("渡口，夜", True),
        ("渡口", False),
    ]


def test_what_is_damaged_is_last_and_what_is_empty_is_forgotten(tab):
    page = tab()
    page.evaluate(
        """() => {
            localStorage.setItem('novelgen-page-1', '{broken');
            const empty = {time: 9e12, texts: ['', ' ', '', '', '', '', '']};
            localStorage.setItem('novelgen-page-2', JSON.stringify(empty));
            const texts = [7, '渡口', null];
            localStorage.setItem('novelgen-page-3', JSON.stringify({time: 9e13, texts}));
        }"""
    )
    assert begin(page)[0] == texts("渡口")
    names = page.evaluate("Object.keys(localStorage).sort()")
    assert names == ["novelgen-page-3"]


def test_a_new_story_leaves_the_old_one_in_the_list_and_undoing_goes_back_to_it(tab):
    page = tab()
    begin(page)
    keep(page, "渡口", title="一")
    page.evaluate("novelgenStories.begin()")
    keep(page, "", title="二")
    assert page.evaluate("novelgenStories.goBack('别的', ['', ''])") is None
    assert page.evaluate("novelgenStories.goBack('渡口', ['', ''])") == "一"
    (story,) = stories(page)
    assert (story["title"], story["isMine"]) == ("一", True)


def test_where_there_is_no_room_the_oldest_steps_back_are_given_up_first(tab):
    page = tab()
    begin(page)
    keep(page, "甲", title="旧", journal="旧的步骤")
    page.evaluate("novelgenStories.begin()")
    stories(page)
    keep(page, "乙", title="新", journal="新的步骤")
    stories(page)
    page.evaluate("novelgenStories.begin()")
    # There is room for the next story, but for two characters.
    page.evaluate(
        """texts => {
            window.full = [];
            document.addEventListener('novelgen-full', event => full.push(event.detail));
            const sizeBut = name => Object.entries(localStorage).reduce(
                (sum, [key, value]) => sum + (key === name ? 0 : value.length), 0);
            const room = sizeBut('') + JSON.stringify({time: Date.now(), texts}).length - 2;
            const put = Storage.prototype.setItem;
            Storage.prototype.setItem = function (name, value) {
                if (sizeBut(name) + value.length > room) throw new Error('full');
                put.call(this, name, value);
            };
        }""",
        texts("丙", title="三"),
    )
    keep(page, "丙", title="三")
    journals = {each["title"]: each["journal"] for each in stories(page)}
    assert journals["旧"] == ""
    assert journals["新"] == "新的步骤"
    assert page.evaluate("full") == []
    keep(page, "丙" * 900, title="三")
    stories(page)
    assert page.evaluate("full") == [True]


# 5. bounds.js


@pytest.fixture(scope="module")
def slider(context):
    """A slider from 5 to 20 with its field, and `heard`, the values that come to the slider."""
    page = context.new_page()
    page.goto(BLANK)
    page.set_content(
        """<div class="block"><input type="number">
        <input type="range" min="5" max="20" value="8"></div><input id="seed" type="number">"""
    )
    page.add_script_tag(content=static_files.read("bounds.js"))
    page.evaluate(
        """() => {
            window.heard = [];
            document.body.addEventListener("input", event => heard.push(event.target.value));
        }"""
    )
    return page


@pytest.mark.parametrize(
    ("typed", "heard", "left_with"),
    [
        ("12", ["12"], "12"),
        ("300", ["20"], "20"),
        ("3", ["5"], "5"),
        ("", [], "8"),
    ],
)
def test_a_number_beside_a_slider_stays_within_its_bounds(slider, typed, heard, left_with):
    field = slider.locator(".block input[type=number]")
    field.fill("9")
    slider.evaluate("heard.length = 0")
    field.fill(typed)
    field.blur()
    assert slider.evaluate("heard") == heard
    assert field.input_value() == left_with


def test_a_number_without_a_slider_may_be_any(slider):
    seed = slider.locator("#seed")
    seed.fill("300")
    seed.fill("")
    seed.blur()
    assert seed.input_value() == ""
