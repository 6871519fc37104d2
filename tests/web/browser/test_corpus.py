"""A novel is dropped, reported on, read again by a switch, and trained on, in the browser."""

import shutil

import pytest

# Two of these characters are one in Simplified Chinese, so that the vocabulary shrinks.
CHAPTER = """第{number}章 渡口
頭髮白了的人發現船家把第{number}根竹篙放進水裡。
岸上的人數到了第{number}盞燈。
"""
NOVEL = "".join(CHAPTER.format(number=number) for number in range(1, 31))
ADVERT = "請記住本站域名 www.example.com 最快更新\n"


@pytest.fixture
def novel(tmp_path):
    """A file of Traditional Chinese in Big5 with an advert at its end."""
    path = tmp_path / "渡口.txt"
    path.write_bytes((NOVEL + ADVERT).encode("big5"))
    return path


@pytest.fixture(scope="module")
def own_folder(workplace, tmp_path_factory):
    """A folder of its own with one run in it."""
    folder = tmp_path_factory.mktemp("corpus")
    shutil.copytree(workplace / "checkpoints" / "novel", folder / "checkpoints" / "novel")
    return folder


@pytest.fixture(scope="module")
def own_app(own_folder, start_shared_app):
    running = start_shared_app(own_folder)
    yield running
    running.stop()


def open_section(page, tab, title):
    page.get_by_role("tab", name=tab, exact=True).click()
    page.locator("#corpus").get_by_role("button", name=title).click()


def drop(page, path):
    """Chooses a file where it would be dropped."""
    page.locator("#corpus-files input[type=file]").set_input_files(path)


def report(page):
    return page.locator("#corpus-report textarea").input_value()


def wait_for_report(page, text):
    page.wait_for_function(
        "text => document.querySelector('#corpus-report textarea')?.value.includes(text)",
        arg=text,
    )


def test_a_novel_is_dropped_read_and_trained_on(novel, own_app, own_folder, open_page):
    page = open_page(own_app.url)
    open_section(page, "模型", "教它一部小说")
    assert "拖" in page.locator("#corpus-files").inner_text()
    drop(page, novel)
    # 1. The report, in the visitor's language, with the line that was removed.
    wait_for_report(page, "渡口.txt")
    assert "章数：30" in report(page)
    page.locator("#corpus-found").get_by_role("button", name="清洗时删去的行").click()
    # Gradio measures its tables by a hidden copy of the rows.
    page.locator("#corpus-removed").get_by_text("www.example.com").last.wait_for()
    # 2. The same files, read in another way.
    before = report(page)
    page.locator("#corpus-simplify input").check()
    page.wait_for_function(
        """before => {
            const report = document.querySelector('#corpus-report textarea');
            return report && report.value !== before;
        }""",
        arg=before,
    )
    page.locator("#corpus-start").wait_for()
    # 3. The training: begun, and cancelled by another visitor.
    page.locator("#corpus-minutes input[type=number]").fill("1")
    page.locator("#corpus-minutes input[type=number]").press("Tab")
    page.locator("#corpus-preset input").click()
    page.get_by_role("option", name="tiny").click()
    page.locator("#corpus-start").click()
    page.locator("#corpus-progress").get_by_text("渡口-tiny").wait_for()
    page.locator("#corpus-found").wait_for(state="hidden")
    visitor = open_page(own_app.url, locale="en-US")
    open_section(visitor, "Model", "Teach it a novel")
    visitor.locator("#corpus-progress").get_by_text("left").wait_for()
    visitor.locator("#corpus-cancel").click()
    page.locator("#corpus-progress").get_by_text("训练已取消").wait_for()
    names = [path.name for path in (own_folder / "checkpoints").iterdir()]
    assert sorted(names) == [".stores", "novel"]
    assert not list((own_folder / "checkpoints" / ".stores").iterdir())
    assert "Traceback" not in own_app.printed()


def test_a_file_that_cannot_be_read_is_a_toast_and_can_be_replaced(novel, own_app, open_page):
    page = open_page(own_app.url, locale="en-US")
    open_section(page, "Model", "Teach it a novel")
    short = novel.with_name("short.txt")
    short.write_text("只有一行。", encoding="utf-8")
    drop(page, short)
    page.locator(".toast-body").get_by_text("only one paragraph").wait_for()
    assert not page.locator("#corpus-found").is_visible()
    assert "short.txt" in page.locator("#corpus-reading textarea").input_value()
    drop(page, novel)
    wait_for_report(page, "chapters: 30")
    page.locator("#corpus-discard").click()
    page.locator("#corpus-found").wait_for(state="hidden")


def test_every_field_of_the_section_has_a_name(novel, own_app, open_page):
    page = open_page(own_app.url, locale="en-US")
    open_section(page, "Model", "Teach it a novel")
    drop(page, novel)
    wait_for_report(page, "chapters: 30")
    for name in (
        "Encoding",
        "Leave out what cannot be decoded",
        "Traditional to Simplified Chinese",
        "What was found",
        "Size of the model",
    ):
        assert page.locator("#corpus").get_by_label(name).first.is_visible(), name
    for name in ("Train on this novel", "Discard it"):
        assert page.get_by_role("button", name=name).is_visible()
    # On a phone too their words have room.
    page.set_viewport_size({"width": 360, "height": 740})
    for name in ("corpus-replace", "corpus-simplify", "corpus-keep", "model-run"):
        assert page.locator(f"#{name}").bounding_box()["width"] >= 240, name
